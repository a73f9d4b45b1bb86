//! A site and a database that are older than wagrun, as in docs/deploy.md. Migrate has a role of its own. The site connects with a
//! password as the role that owns its tables.

use local_stack::postgres::SUPERUSER;
use migrate::{Answer, Command as MigrateCommand, Migrator};
use sqlx::Connection;
use testing::checkout;
use tokio::process::Command;
use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::{
    MIGRATION_TIMEOUT, WATCHED_TABLES, assert_no_run_is_left, invocation, migrate_config,
};
use crate::support::runtime::run;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::sql::execute;

const SITE_ROLE: &str = "cms";
const MIGRATE_ROLE: &str = "wagrun_migrate";
const RELAY_ROLE: &str = "cms_relay";

/// The roles of RDS that matter to migrate, and those of docs/deploy.md.
const ROLES: &str = "create role rds_iam nologin;\n\
     create role rds_superuser nologin createrole;\n\
     grant rds_iam to rds_superuser with admin option;\n\
     create role cms login password 'of the site';\n\
     create role wagrun_migrate login createrole;\n\
     grant rds_iam, rds_superuser to wagrun_migrate;\n\
     grant cms to wagrun_migrate";

/// Returns everything but the data, as pg_dump writes it: tables, triggers, functions, owners and rights.
async fn schema_of(database: &Database) -> String {
    let mut dump = Command::new(database.postgres().binaries().join("pg_dump"));
    let url = database.postgres().url_as(SUPERUSER, &database.name);
    let output = dump
        .args(["--schema-only", "--restrict-key=test", "--dbname", &url])
        .output();
    let output = tokio::time::timeout(MIGRATION_TIMEOUT, output);
    let output = output.await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_existing_site_is_watched_and_keeps_its_role_and_its_password() {
    run(async {
        let database = Database::empty().await;
        let mut superuser = database.connect_as(SUPERUSER).await;
        execute(&mut superuser, ROLES).await;
        let name = &database.name;
        execute(
            &mut superuser,
            &format!(
                "alter database {name} owner to {SITE_ROLE};\nalter schema public owner to {SITE_ROLE};\n\
                 grant create on database {name} to {MIGRATE_ROLE}"
            ),
        )
        .await;
        let config = DatabaseConfig::trusted(
            database
                .postgres()
                .url_as(MIGRATE_ROLE, name)
                .parse()
                .unwrap(),
        );
        let mut config = migrate_config(config).await;
        config.web_user = SITE_ROLE.to_owned();
        config.relay_user = RELAY_ROLE.to_owned();

        // The site migrates itself, before wagrun.
        let mut django = Command::new(&config.site_python);
        django
            .args(["manage.py", "migrate", "--no-input", "--verbosity=0"])
            .current_dir(checkout().join("site"))
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", database.postgres().port().to_string())
            .env("DATABASE_NAME", name)
            .env("DATABASE_USER", SITE_ROLE)
            .env("DATABASE_SSL_MODE", "disable")
            .env("SECRET_KEY", "of a test")
            .kill_on_drop(true);
        let output = tokio::time::timeout(MIGRATION_TIMEOUT, django.output());
        let output = output.await.unwrap().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );

        let before = schema_of(&database).await;
        let migrator = Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT));
        let migrated = migrator.migrate(&invocation()).await.unwrap();
        assert_eq!(migrated.applied_django, [""; 0], "the site had done it");
        assert_eq!(migrated.watched_tables as i64, WATCHED_TABLES);
        migrator.migrate(&invocation()).await.unwrap();

        for (role, by_token) in [(SITE_ROLE, false), (RELAY_ROLE, true)] {
            let member: bool = sqlx::query_scalar("select pg_has_role($1, 'rds_iam', 'member')")
                .bind(role)
                .fetch_one(&mut superuser)
                .await
                .unwrap();
            assert_eq!(member, by_token, "{role} comes in by a token");
        }
        let mut site = database.connect_as(SITE_ROLE).await;
        execute(
            &mut site,
            "update wagtailcore_page set title = 'saved' where depth = 2",
        )
        .await;
        let captured: i64 = sqlx::query_scalar(
            "select count(*) from wagrun.outbox where after ->> 'title' = 'saved'",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert_eq!(captured, 1);
        assert_no_run_is_left(&mut superuser).await;

        // What was captured is not lost by leaving.
        let detach = async || {
            let answer = migrator
                .command(MigrateCommand::Detach, &invocation())
                .await;
            answer.map_err(|error| chain(&error))
        };
        let error = detach().await.unwrap_err();
        assert!(
            error.starts_with("the triggers are removed, but ")
                && error.contains("are not published yet: detach again"),
            "{error}"
        );
        // Stands for content-events.
        execute(&mut superuser, "delete from wagrun.outbox").await;
        let Answer::Detached(detached) = detach().await.unwrap() else {
            panic!("no answer to detach")
        };
        assert_eq!(detached.tables, 0, "the first time removed them");
        assert_eq!(
            detached.kept,
            [
                "the extension aws_lambda, which others may use",
                "the role cms with its rights, because the site may connect with it"
            ]
        );
        execute(&mut superuser, "drop extension aws_lambda, aws_commons").await;
        assert_eq!(schema_of(&database).await, before, "a trace was left");
        let relay: bool =
            sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
                .bind(RELAY_ROLE)
                .fetch_one(&mut superuser)
                .await
                .unwrap();
        assert!(!relay, "the role of content-events was left");
        // Leaving twice is leaving.
        detach().await.unwrap();

        // The rest of the section "Delete" of docs/deploy.md.
        let mut own = database.connect_as(MIGRATE_ROLE).await;
        execute(
            &mut own,
            "reassign owned by current_user to cms;\ndrop owned by current_user",
        )
        .await;
        own.close().await.unwrap();
        execute(&mut superuser, "drop role wagrun_migrate").await;
        execute(
            &mut site,
            "update wagtailcore_page set title = 'saved again' where depth = 2",
        )
        .await;
        let triggers: i64 = sqlx::query_scalar(
            "select count(*) from pg_trigger where tgname like 'wagrun%' and not tgisinternal",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert_eq!(triggers, 0);
    });
}
