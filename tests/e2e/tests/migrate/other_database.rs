//! Sites that read their database from somewhere else than the stock site does. migrate refuses to work on another database, and
//! finds the same one whatever the site calls it.

use std::path::PathBuf;

use local_stack::postgres::MASTER;
use migrate::{Answer, Command, Migrator};
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::{
    MIGRATION_TIMEOUT, assert_migrated, assert_no_run_is_left, invocation, migrate_config, runs,
};
use crate::support::runtime::run;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::site_copy::SiteCopy;
use crate::support::sql::execute;

/// The commands that begin with Django. `create-superuser` reads its parameter before.
const COMMANDS: [Command; 5] = [
    Command::Migrate,
    Command::Plan,
    Command::PublishScheduled,
    Command::UpdateIndex,
    Command::RebuildReferencesIndex,
];

/// Settings that read `DATABASE_URL` as dj-database-url does, and fall back to SQLite as many do.
const FROM_URL: &str = r#"

import os
from urllib.parse import parse_qsl, unquote, urlsplit

url = urlsplit(os.environ.get("SITES_OWN_DB_URL", f"sqlite://{BASE_DIR}/db.sqlite3"))
DATABASES["default"] = {
    "ENGINE": "django.db.backends.sqlite3" if url.scheme == "sqlite" else "django.db.backends.postgresql",
    "NAME": url.path if url.scheme == "sqlite" else unquote(url.path[1:]),
    "HOST": url.hostname,
    "PORT": url.port,
    "USER": unquote(url.username or ""),
    "PASSWORD": unquote(url.password or ""),
    "OPTIONS": {} if url.scheme == "sqlite" else dict(parse_qsl(url.query)),
    "CONN_MAX_AGE": 600,
}
"#;

/// Code with which the plan of migrations writes.
const WRITING_PLAN: &str = r#"

from django.db.migrations.executor import MigrationExecutor

plan = MigrationExecutor.migration_plan


def write(executor, *args, **kwargs):
    with executor.connection.cursor() as cursor:
        cursor.execute("insert into blog_author (name, bio) values ('of a plan', '')")
    return plan(executor, *args, **kwargs)


MigrationExecutor.migration_plan = write
"#;

/// A copy of the stock site with other settings, and migrate for it.
struct OtherSite {
    copy: SiteCopy,
    config: migrate::Config,
}

impl OtherSite {
    async fn new(database: &Database, settings: &str) -> Self {
        let copy = SiteCopy::with_migration("def change(apps, schema_editor):\n    pass");
        copy.append("website/settings.py", settings);
        let mut config = migrate_config(database.config(MASTER)).await;
        config.site_directory = copy.directory().to_owned();
        Self { copy, config }
    }

    fn migrator(&self) -> Migrator {
        Migrator::new(self.config.clone(), &sdk(UNREACHABLE_ENDPOINT))
    }

    async fn answer(&self, command: Command) -> Result<Answer, String> {
        let (migrator, invocation) = (self.migrator(), invocation());
        let answer = migrator.command(command, &invocation);
        let answer = tokio::time::timeout(MIGRATION_TIMEOUT, answer)
            .await
            .unwrap();
        answer.map_err(|error| chain(&error))
    }

    fn sqlite(&self) -> PathBuf {
        self.copy.directory().join("db.sqlite3")
    }
}

/// Returns the number of tables outside of the server's own schemas.
async fn tables(database: &Database) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
    )
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap()
}

#[test]
fn a_site_on_sqlite_is_refused_before_anything_is_touched() {
    run(async {
        let database = Database::empty().await;
        let mut site = OtherSite::new(&database, FROM_URL).await;
        let error = site.answer(Command::Migrate).await.unwrap_err();
        let file = site.sqlite();
        let expected = format!(
            "the site's default database is the SQLite file '{}', while migrate works on database {:?} on",
            file.display(),
            database.name
        );
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.contains("website.settings decides"), "{error}");
        assert!(error.contains("SITES_OWN_DB_URL (not set)"), "{error}");
        assert!(
            error.ends_with("SiteEnvironment sets them for migrate"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!file.exists(), "Django made a database");
        assert_eq!(tables(&database).await, 0, "a schema was left behind");
        assert_no_run_is_left(&mut database.connect().await).await;

        // The variable that the refusal names is all that was missing.
        site.config.site_environment = Some(r#"{"SITES_OWN_DB_URL": "{DATABASE_URL}"}"#.to_owned());
        site.answer(Command::Migrate).await.unwrap();
        assert_migrated(&mut database.connect().await).await;
        assert!(!file.exists(), "Django made a database");
    });
}

/// The other database is a copy on the same server: same tables, same system identifier, and nearly the same name.
#[test]
fn every_command_refuses_a_copy_of_the_database() {
    run(async {
        let database = Database::new().await;
        let copy = Database::new().await;
        let settings = format!("\nDATABASES[\"default\"][\"NAME\"] = {:?}\n", copy.name);
        let site = OtherSite::new(&database, &settings).await;
        for command in COMMANDS {
            let error = site.answer(command).await.unwrap_err();
            let expected = format!(
                "the site's default database is '{}' on 127.0.0.1:",
                copy.name
            );
            assert!(error.starts_with(&expected), "{command:?}: {error}");
            let expected = format!(
                "not the one that migrate works on, database {:?}",
                database.name
            );
            assert!(error.contains(&expected), "{command:?}: {error}");
        }
        let mut session = database.connect().await;
        let failed = runs(&mut session).await.remove(0);
        assert_eq!(failed.outcome.as_deref(), Some("failed"));
        for database in [&database, &copy] {
            let applied: bool = sqlx::query_scalar(
                "select exists (select from django_migrations where name = '0002_change')",
            )
            .fetch_one(&mut database.connect().await)
            .await
            .unwrap();
            assert!(!applied, "a migration was applied in {}", database.name);
        }
    });
}

#[test]
fn a_database_that_the_site_cannot_reach_is_named_with_the_reason() {
    run(async {
        let database = Database::empty().await;
        let table = [
            (
                "\nDATABASES[\"default\"][\"PASSWORD\"] = \"secret-word\"\nDATABASES[\"default\"][\"USER\"] = \"nobody\"\n",
                "as 'nobody' (wagrun.database), while migrate works on",
                "\"nobody\" does not exist",
            ),
            (
                "\nDATABASES = {}\n",
                "the site's default database is empty (DATABASES)",
                "while migrate works on",
            ),
        ];
        for (settings, place, reason) in table {
            let site = OtherSite::new(&database, settings).await;
            let error = site.answer(Command::Migrate).await.unwrap_err();
            assert!(error.contains(place), "{error}");
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("secret-word"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        // Django fails before any code of migrate runs.
        let settings = "\nDATABASES[\"default\"][\"ENGINE\"] = \"no.such.engine\"\n";
        let site = OtherSite::new(&database, settings).await;
        let error = site.answer(Command::Migrate).await.unwrap_err();
        assert!(error.starts_with("the site does not start: "), "{error}");
        assert!(
            error.contains("'no.such.engine' isn't an available"),
            "{error}"
        );
        assert_eq!(tables(&database).await, 0, "a schema was left behind");
    });
}

#[test]
fn a_parameter_that_cannot_be_read_is_the_answer_of_the_command() {
    run(async {
        let database = Database::empty().await;
        let mut site = OtherSite::new(&database, "").await;
        site.config.site_environment = Some("DATABASE_URL=postgres://…".to_owned());
        for command in COMMANDS {
            let error = site.answer(command).await.unwrap_err();
            assert!(
                error.starts_with("SITE_ENVIRONMENT is no JSON object"),
                "{command:?}: {error}"
            );
        }
        assert_eq!(tables(&database).await, 0);
    });
}

/// libpq ignores `PGOPTIONS` and `PGAPPNAME` where a site has `options` and `application_name` of its own.
#[test]
fn the_sites_own_options_change_nothing_of_what_migrate_needs() {
    run(async {
        let database = Database::new().await;
        let settings = "\nDATABASES[\"default\"][\"OPTIONS\"] |= {\"options\": \"-c search_path=public\", \
             \"application_name\": \"of the site\"}\n";
        let site = OtherSite::new(&database, settings).await;
        site.copy.set_migration(
            "def change(apps, schema_editor):\n    schema_editor.execute(\"insert into blog_author (name, bio) \
             select application_name, current_setting('search_path') from pg_stat_activity \
             where pid = pg_backend_pid()\")",
        );
        let mut session = database.connect().await;
        execute(
            &mut session,
            "delete from blog_author;\ndelete from wagrun.outbox",
        )
        .await;

        site.answer(Command::Migrate).await.unwrap();
        let (name, path): (String, String) = sqlx::query_as("select name, bio from blog_author")
            .fetch_one(&mut session)
            .await
            .unwrap();
        assert_eq!(name, "wagrun manage.py a test");
        assert_eq!(path, "public", "the site's own setting");
        let captured: i64 =
            sqlx::query_scalar("select count(*) from wagrun.outbox where model = 'blog.author'")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!(captured, 0, "a data migration is not captured");

        site.copy.append("blog/models.py", WRITING_PLAN);
        let error = site.answer(Command::Plan).await.unwrap_err();
        assert!(
            error.contains("cannot execute INSERT in a read-only transaction"),
            "{error}"
        );
    });
}
