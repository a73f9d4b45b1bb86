//! The site in `tests/e2e/public_site`, its database, and the programs in it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use local_stack::postgres::MASTER;
use migrate::Migrator;
use serde_json::Value;
use testing::checkout;
use tokio::process::Command;
use tokio::sync::{Mutex, OnceCell};
use wagrun_database::connection::DatabaseConfig;

use crate::support::database::{Database, OlderPostgres};
use crate::support::migration::{invocation, migrate_config};
use crate::support::python::environment;
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::in_a_minute;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::sql::WEB_ROLE;

/// A version of Wagtail: the name of its environment in `tools/venv.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wagtail {
    V6_3,
    V7_0,
    V7_4,
    V8_0,
}

impl Wagtail {
    pub const ALL: [Self; 4] = [Self::V6_3, Self::V7_0, Self::V7_4, Self::V8_0];

    fn environment(self) -> &'static str {
        match self {
            Self::V6_3 => "wagtail-6.3",
            Self::V7_0 => "wagtail-7.0",
            Self::V7_4 => "wagtail-7.4",
            Self::V8_0 => "site",
        }
    }
}

/// The migrated databases of which the sites have copies, by version.
static TEMPLATES: [OnceCell<Database>; 4] = [const { OnceCell::const_new() }; 4];
/// Copies are made one at a time, because PostgreSQL copies no database that another session reads.
static COPYING: Mutex<()> = Mutex::const_new(());

/// A running site: a directory with its settings, a database, and a topic to which its events go.
pub struct PublicSite {
    pub relayed: RelayedSite,
    directory: PathBuf,
    python: PathBuf,
}

impl PublicSite {
    /// Creates a site with these settings.
    pub async fn new(wagtail: Wagtail, variant: &Value) -> Self {
        let python = python(wagtail).await;
        let template = TEMPLATES[wagtail as usize]
            .get_or_init(async || {
                let database = match older_postgres() {
                    Some(version) => Database::empty_on_version(version).await,
                    None => Database::empty().await,
                };
                let directory = site_directory(&Value::Object(serde_json::Map::new()));
                migrate(&database, &directory, &python).await;
                std::fs::remove_dir_all(directory).unwrap();
                database
            })
            .await;
        let database = {
            let _one_at_a_time = COPYING.lock().await;
            template.copy().await
        };
        let site = Self {
            relayed: RelayedSite::on(database).await,
            directory: site_directory(variant),
            python,
        };
        site.migrate().await;
        site.relayed.sweep().await.unwrap();
        site
    }

    /// Runs migrate, which stores the site's URL patterns.
    pub async fn migrate(&self) {
        migrate(&self.relayed.database, &self.directory, &self.python).await;
    }

    /// Replaces the settings of the site.
    pub fn set_variant(&self, variant: &Value) {
        std::fs::write(self.directory.join("variant.json"), variant.to_string()).unwrap();
    }

    /// Returns a command that runs a Python program of the site.
    pub fn program(&self, name: &str) -> Command {
        let database = &self.relayed.database;
        let mut command = Command::new(&self.python);
        command
            .arg(name)
            .current_dir(&self.directory)
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", database.postgres().port().to_string())
            .env("DATABASE_NAME", &database.name)
            .env("DATABASE_USER", WEB_ROLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a Python program of the site, and returns what it prints as JSON.
    pub async fn run(&self, name: &str) -> Value {
        let output = tokio::time::timeout_at(in_a_minute(), self.program(name).output());
        let output = output.await.unwrap().unwrap();
        assert!(output.status.success(), "{name} failed");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for PublicSite {
    fn drop(&mut self) {
        // An error leaves files in the temporary directory, where they do no harm.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Returns the version in `WAGRUN_PUBLIC_VIEW_POSTGRES`, such as 15. None for the newest one, and without the variable.
fn older_postgres() -> Option<OlderPostgres> {
    let chosen = std::env::var("WAGRUN_PUBLIC_VIEW_POSTGRES").unwrap_or_default();
    let found = OlderPostgres::ALL
        .into_iter()
        .find(|version| version.major().to_string() == chosen);
    assert!(
        found.is_some() || ["", "18"].contains(&chosen.as_str()),
        "WAGRUN_PUBLIC_VIEW_POSTGRES={chosen} is not supported"
    );
    found
}

/// Installs a version of Wagtail, and returns its Python.
async fn python(wagtail: Wagtail) -> PathBuf {
    environment(wagtail.environment()).await.join("bin/python")
}

async fn migrate(database: &Database, directory: &Path, python: &Path) {
    let options = database.postgres().url_as(MASTER, &database.name);
    let config = migrate::Config {
        site_directory: directory.to_owned(),
        site_python: python.to_owned(),
        ..migrate_config(DatabaseConfig::trusted(options.parse().unwrap())).await
    };
    Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
        .migrate(&invocation())
        .await
        .unwrap();
}

/// Copies the site to a directory of its own, with these settings.
fn site_directory(variant: &Value) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("public-{}", uuid::Uuid::new_v4().simple()));
    crate::support::site_copy::copy(&checkout().join("tests/e2e/public_site"), &directory);
    std::fs::write(directory.join("variant.json"), variant.to_string()).unwrap();
    directory
}
