//! One PostgreSQL server for the whole test program, and for each test a database of its own with a migrated Wagtail in it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use content_events::{Drainer, Invocation};
use local_stack::postgres::{Durability, Installation, MASTER, Postgres, SUPERUSER};
use local_stack::tools::Tools;
use migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use testing::checkout;
use testing::process::Supervisor;
use testing::progress::Progress;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use wagrun_database::connection::DatabaseConfig;

use super::drain_fixture::drainer_config;
use super::due_times::forget_schedule_changes;
use super::migration::{invocation, migrate_config};
use super::python::npm_packages;
use super::runtime::in_a_minute;
use super::sdk::{UNREACHABLE_ENDPOINT, sdk};
use super::sql::RELAY_ROLE;

/// The migrated database that the databases of the tests are copies of.
const TEMPLATE_DATABASE: &str = "migrated";

static SERVER: OnceCell<Server> = OnceCell::const_new();
/// A second server, because logical decoding waits for every transaction of its whole server.
static DECODED_SERVER: OnceCell<Server> = OnceCell::const_new();
/// A third server with logical decoding, which a test crashes.
static CRASHING_SERVER: OnceCell<Server> = OnceCell::const_new();
/// Servers of the older versions, by version.
static OLDER_SERVERS: [OnceCell<Server>; 3] = [const { OnceCell::const_new() }; 3];
static DATABASE_COUNT: AtomicU32 = AtomicU32::new(0);

/// The supported versions of PostgreSQL before the newest one, with which all other tests work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OlderPostgres {
    V15,
    V16,
    V17,
}

impl OlderPostgres {
    pub const ALL: [Self; 3] = [Self::V15, Self::V16, Self::V17];

    pub fn major(self) -> u32 {
        match self {
            Self::V15 => 15,
            Self::V16 => 16,
            Self::V17 => 17,
        }
    }
}

struct Server {
    supervisor: Supervisor,
    postgres: Postgres,
}

/// A database with Wagtail's tables, wagrun's schema and every trigger. It belongs to one test.
pub struct Database {
    pub name: String,
    postgres: &'static Postgres,
}

impl Database {
    /// Creates a copy of the migrated database.
    pub async fn new() -> Self {
        let server = SERVER.get_or_init(|| start("databases")).await;
        Self::on(&server.postgres).await
    }

    /// Creates a copy of the migrated database on a server with logical decoding.
    pub async fn decoded() -> Self {
        let server = DECODED_SERVER
            .get_or_init(|| start_decoded("decoded-databases"))
            .await;
        Self::on(&server.postgres).await
    }

    /// Creates a copy of the migrated database on a server with logical decoding that no other test uses.
    pub async fn on_crashing_server() -> Self {
        let server = CRASHING_SERVER.get_or_init(|| start_decoded("crashing-databases"));
        Self::on(&server.await.postgres).await
    }

    async fn on(postgres: &'static Postgres) -> Self {
        let name = format!("test_{}", DATABASE_COUNT.fetch_add(1, Ordering::Relaxed));
        postgres
            .create_database(&name, Some(TEMPLATE_DATABASE))
            .await
            .unwrap();
        Self { name, postgres }
    }

    /// Creates a copy of the migrated database on a server of an older major version.
    pub async fn on_version(version: OlderPostgres) -> Self {
        let server = OLDER_SERVERS[version as usize].get_or_init(|| start_older(version));
        Self::on(&server.await.postgres).await
    }

    /// Creates an empty database.
    pub async fn empty() -> Self {
        let server = SERVER.get_or_init(|| start("databases")).await;
        Self::empty_on(&server.postgres).await
    }

    /// Creates an empty database on a server of an older major version.
    pub async fn empty_on_version(version: OlderPostgres) -> Self {
        let server = OLDER_SERVERS[version as usize].get_or_init(|| start_older(version));
        Self::empty_on(&server.await.postgres).await
    }

    async fn empty_on(postgres: &'static Postgres) -> Self {
        let name = format!("empty_{}", DATABASE_COUNT.fetch_add(1, Ordering::Relaxed));
        postgres.create_database(&name, None).await.unwrap();
        Self { name, postgres }
    }

    /// Copies this database, as a restore from a snapshot would. No session may be connected to it.
    pub async fn copy(&self) -> Self {
        let number = DATABASE_COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_copy_{number}", self.name);
        let copied = || self.postgres.create_database(&name, Some(&self.name));
        let deadline = in_a_minute();
        // The server takes a moment to end sessions that were closed.
        while let Err(error) = copied().await {
            assert!(Instant::now() < deadline, "{error:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            name,
            postgres: self.postgres,
        }
    }

    /// Returns the URL of the database with the role that owns it.
    pub fn url(&self) -> String {
        self.postgres.url(&self.name)
    }

    /// Connects as the role that owns the database.
    pub async fn connect(&self) -> PgConnection {
        self.connect_as(MASTER).await
    }

    /// Connects as this role.
    pub async fn connect_as(&self, role: &str) -> PgConnection {
        PgConnection::connect(&self.postgres.url_as(role, &self.name))
            .await
            .unwrap()
    }

    /// Connects as the superuser, who sees every session and may end it.
    pub async fn observer(&self) -> PgConnection {
        self.connect_as(SUPERUSER).await
    }

    /// Returns the settings with which a function connects as this role.
    pub fn config(&self, role: &str) -> DatabaseConfig {
        let options: PgConnectOptions = self.postgres.url_as(role, &self.name).parse().unwrap();
        DatabaseConfig::trusted(options)
    }

    /// Returns the configuration of a function that connects with this role, through a proxy on this port.
    pub fn config_through(&self, port: u16, role: &str) -> DatabaseConfig {
        let options: PgConnectOptions = self.postgres.url_as(role, &self.name).parse().unwrap();
        DatabaseConfig::trusted(options.host("127.0.0.1").port(port))
    }

    /// Sets the address of Lambda for the sessions that begin from now on.
    pub async fn set_lambda_endpoint(&self, endpoint: &str) {
        self.postgres
            .set_lambda_endpoint(&self.name, endpoint)
            .await
            .unwrap();
    }

    /// Returns everything that the server has logged, also for other databases.
    pub fn server_log(&self) -> String {
        std::fs::read_to_string(self.postgres.log()).unwrap()
    }

    /// The server of the database.
    pub fn postgres(&self) -> &'static Postgres {
        self.postgres
    }
}

/// Kills the server of [`Database::on_crashing_server`], and starts it again.
pub async fn crash_server() {
    let server = CRASHING_SERVER.get().unwrap();
    server.postgres.crash(&server.supervisor).await.unwrap();
}

/// Restarts the server of [`Database::on_crashing_server`] in order.
pub async fn restart_server() {
    let server = CRASHING_SERVER.get().unwrap();
    server.postgres.restart(&server.supervisor).await.unwrap();
}

/// Starts a server with a migrated Wagtail and with logical decoding.
async fn start_decoded(name: &str) -> Server {
    let server = start(name).await;
    let url = server.postgres.url_as(SUPERUSER, "postgres");
    local_stack::postgres::execute(&url, "alter system set wal_level = 'logical'")
        .await
        .unwrap();
    server.postgres.restart(&server.supervisor).await.unwrap();
    server
}

/// Starts a server with a migrated Wagtail. `name` is part of the paths of its logs.
async fn start(name: &str) -> Server {
    let progress = Progress::quiet();
    let tools = Tools::install(checkout(), &progress).await.unwrap();
    let supervisor = Supervisor::start(name, &checkout().join(".local/logs")).unwrap();
    let venv = tools.environment("postgres");
    let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &progress)
        .await
        .unwrap();
    with_template(supervisor, postgres).await
}

/// Starts a server of an older version with a migrated Wagtail.
async fn start_older(version: OlderPostgres) -> Server {
    let packages = npm_packages("postgres").await;
    let installed = Installation::of_npm(&packages, version.major()).unwrap();
    let name = format!("postgres-{}", version.major());
    let supervisor = Supervisor::start(&name, &checkout().join(".local/logs")).unwrap();
    let progress = Progress::quiet();
    let postgres = Postgres::start_installed(&supervisor, &installed, Durability::Fast, &progress)
        .await
        .unwrap();
    with_template(supervisor, postgres).await
}

/// Migrates the database of which the tests get copies.
async fn with_template(supervisor: Supervisor, postgres: Postgres) -> Server {
    postgres
        .create_database(TEMPLATE_DATABASE, None)
        .await
        .unwrap();
    let options: PgConnectOptions = postgres.url(TEMPLATE_DATABASE).parse().unwrap();
    let config = migrate_config(DatabaseConfig::trusted(options)).await;
    Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
        .migrate(&invocation())
        .await
        .unwrap();
    drain_once(&postgres).await;
    Server {
        supervisor,
        postgres,
    }
}

/// Drains the template database, as content-events does after each deployment. Forgets the due times that migrate has noted.
async fn drain_once(postgres: &Postgres) {
    let options = postgres.url_as(RELAY_ROLE, TEMPLATE_DATABASE);
    let database = DatabaseConfig::trusted(options.parse().unwrap());
    let drainer = Drainer::new(drainer_config(database), &sdk(UNREACHABLE_ENDPOINT));
    drainer
        .run(&Invocation::Sweep, in_a_minute())
        .await
        .unwrap();
    let mut session = PgConnection::connect(&postgres.url(TEMPLATE_DATABASE))
        .await
        .unwrap();
    forget_schedule_changes(&mut session).await;
}
