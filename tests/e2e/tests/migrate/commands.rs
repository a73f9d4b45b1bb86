//! The commands of migrate besides `migrate` itself.

use std::time::Duration;

use local_stack::postgres::MASTER;
use migrate::{Answer, Command, Migrator, SuperuserOutcome};
use serde_json::Value;
use wagrun_database::schema;
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::{invocation, migrate, migrate_config, migrator};
use crate::support::runtime::run;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::site_copy::SiteCopy;
use crate::support::sql::execute;

#[test]
fn status_lists_past_runs_and_the_present_one() {
    run(async {
        let database = Database::empty().await;
        let migrator = migrator(&database.url()).await;
        let status = async || match migrator
            .command(Command::Status, &invocation())
            .await
            .unwrap()
        {
            Answer::Status(status) => status,
            other => panic!("{other:?}"),
        };
        let before = status().await;
        assert_eq!(before.schema.installed, None);
        assert_eq!((before.runs.len(), before.running), (0, None));

        let mut request = invocation();
        request.image = Some("sha256:abc".to_owned());
        migrator.migrate(&request).await.unwrap();
        let mut session = database.connect().await;
        let _locked = schema::lock_migration(&mut session, request.stop_at)
            .await
            .unwrap();
        let after = status().await;
        assert_eq!(after.schema.installed, Some(after.schema.known));
        assert!(after.running.is_some());
        let [run] = after.runs.as_slice() else {
            panic!("{:?}", after.runs)
        };
        assert_eq!(run.asked_by, "a test");
        assert_eq!(run.deploy.as_deref(), Some("sha256:abc"));
        assert_eq!(run.outcome.as_deref(), Some("succeeded"));
        assert!(run.applied.len() > 100);
        assert!(run.seconds.unwrap() > 0.0);
    });
}

async fn plan(database: &Database) -> Vec<Value> {
    let migrator = migrator(&database.url()).await;
    match migrator
        .command(Command::Plan, &invocation())
        .await
        .unwrap()
    {
        Answer::Plan(plan) => plan.migrations,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plan_lists_the_pending_migrations_and_applies_nothing() {
    run(async {
        let database = Database::empty().await;
        let planned = plan(&database).await;
        let names: Vec<&str> = planned
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert!(names.contains(&"blog.0001_initial"), "{names:?}");
        let unknown: Vec<_> = planned
            .iter()
            .filter(|one| !one["unknown_reason"].is_null())
            .map(|one| (&one["name"], &one["unknown_reason"]))
            .collect();
        // Django asks the tables for the names of constraints, and these tables do not exist yet.
        assert!(unknown.len() < planned.len() / 4, "{unknown:?}");
        let mut session = database.connect().await;
        let tables: i64 =
            sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'public'")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!(tables, 0);

        let migrated = migrate(&database.url()).await.unwrap();
        assert_eq!(migrated.applied_django, names);
        assert_eq!(plan(&database).await, [Value::Null; 0]);
    });
}

#[test]
fn plan_warns_of_locks_on_an_existing_table() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off';
             insert into blog_author (name, bio) select 'author', '' from generate_series(1, 150000); commit;\n
             analyze blog_author",
        )
        .await;
        let site = SiteCopy::with_operations(
            "migrations.AlterField(\"author\", \"name\", models.CharField(max_length=300)),\n        \
             migrations.RunSQL([\"-- by hand\\nalter table blog_author alter column bio set not null\"]),\n        \
             migrations.RunSQL([\"create index on blog_relatedlink (title)\"]),",
        );
        let mut config = migrate_config(database.config(MASTER)).await;
        config.site_directory = site.directory().to_owned();
        let planned = Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
            .command(Command::Plan, &invocation())
            .await;
        let Answer::Plan(planned) = planned.unwrap() else {
            panic!("no plan")
        };
        let warned: Vec<(&str, &str, bool)> = planned.migrations[0]["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap();
                (
                    text("table"),
                    text("effect"),
                    one["is_large"].as_bool().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            warned,
            [
                (
                    "blog_author",
                    "locks the table, and rewrites it unless the new type holds the same bytes",
                    true
                ),
                ("blog_author", "locks the table and reads all of it", true),
                (
                    "blog_relatedlink",
                    "locks the table against writes while it builds the index",
                    false
                ),
            ]
        );
    });
}

#[test]
fn the_commands_of_the_site_run_and_show_what_they_print() {
    run(async {
        let database = Database::new().await;
        let migrator = migrator(&database.url()).await;
        for command in [Command::UpdateIndex, Command::RebuildReferencesIndex] {
            match migrator.command(command, &invocation()).await.unwrap() {
                Answer::CommandOutput(finished) => {
                    assert!(!finished.output.is_empty(), "{finished:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        let error = migrator
            .command(Command::CreateSuperuser, &invocation())
            .await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "create-superuser needs SUPERUSER_PARAMETER, the name of an SSM parameter"
        );
    });
}

/// The documentation tells users to delete the parameter after the first login. Later deployments must not fail then.
#[test]
fn the_superusers_parameter_is_not_read_where_there_is_one() {
    run(async {
        let database = Database::new().await;
        let mut config = migrate_config(database.config(MASTER)).await;
        config.superuser_parameter = Some("/deleted".to_owned());
        let migrator = Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT));
        let error = chain(&migrator.migrate(&invocation()).await.unwrap_err());
        assert!(
            error.starts_with("cannot read SSM parameter /deleted"),
            "{error}"
        );

        sqlx::query(
            "insert into auth_user (username, password, email, first_name, last_name, is_superuser, is_active, is_staff, date_joined)
             values ('admin', '', '', '', '', true, true, true, now())",
        )
        .execute(&mut database.connect().await)
        .await
        .unwrap();
        let migrated = migrator.migrate(&invocation()).await.unwrap();
        assert_eq!(migrated.superuser, SuperuserOutcome::Exists);
    });
}

/// Two concurrent publications would both find the same page due.
#[test]
fn publishing_waits_for_the_holder_of_the_lock() {
    run(async {
        let database = Database::new().await;
        let migrator = migrator(&database.url()).await;
        let mut other = database.connect().await;
        let mut short = invocation();
        let locked = schema::lock_migration(&mut other, short.stop_at)
            .await
            .unwrap();
        short.stop_at = tokio::time::Instant::now() + Duration::from_secs(1);
        let error = migrator.command(Command::PublishScheduled, &short).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("the migration lock was not free within "),
            "{error}"
        );
        locked.unlock().await.unwrap();
        migrator
            .command(Command::PublishScheduled, &invocation())
            .await
            .unwrap();
    });
}
