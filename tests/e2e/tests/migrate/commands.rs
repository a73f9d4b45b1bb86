//! The commands besides `migrate`.

use std::time::Duration;

use local_stack::postgres::MASTER;
use migrate::{Answer, Command, Migrator, SuperuserOutcome};
use serde_json::Value;
use wagrun_lambda::telemetry::chain;

use super::{NOWHERE, migrate, migrator};
use crate::databases::{Database, ask, migrate_config, run, sdk};
use crate::site_copy::SiteCopy;

#[test]
fn status_says_what_was_run_and_what_runs() {
    run(async {
        let database = Database::empty().await;
        let migrator = migrator(&database.url()).await;
        let status = async || match migrator.command(Command::Status, &ask()).await.unwrap() {
            Answer::Status(status) => status,
            other => panic!("{other:?}"),
        };
        let before = status().await;
        assert_eq!(before.schema.installed, None);
        assert_eq!((before.runs.len(), before.running), (0, None));

        let mut asked = ask();
        asked.image = Some("sha256:abc".to_owned());
        migrator.migrate(&asked).await.unwrap();
        let mut session = database.connect().await;
        let _locked = wagrun_database::schema::lock_migration(&mut session, asked.stop_at)
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
    match migrator.command(Command::Plan, &ask()).await.unwrap() {
        Answer::Plan(plan) => plan.migrations,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plan_says_what_would_be_applied_and_applies_nothing() {
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
        // Django asks the tables for the names of constraints, and these tables are not there yet.
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
fn plan_warns_of_what_locks_a_table_that_is_there() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        crate::databases::execute(
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
        let planned = Migrator::new(config, &sdk(NOWHERE))
            .command(Command::Plan, &ask())
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
        for command in [
            Command::PublishScheduled,
            Command::UpdateIndex,
            Command::RebuildReferencesIndex,
        ] {
            match migrator.command(command, &ask()).await.unwrap() {
                // Publishing says nothing when nothing is due.
                Answer::CommandOutput(finished) => assert_eq!(
                    finished.output.is_empty(),
                    command == Command::PublishScheduled,
                    "{finished:?}"
                ),
                other => panic!("{other:?}"),
            }
        }
        let error = migrator.command(Command::CreateSuperuser, &ask()).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "create-superuser needs SUPERUSER_PARAMETER, the name of an SSM parameter"
        );
    });
}

/// Who has logged in for the first time is told to delete the parameter, which must not fail every later deployment.
#[test]
fn the_superusers_parameter_is_not_read_where_there_is_one() {
    run(async {
        let database = Database::new().await;
        let mut config = migrate_config(database.config(MASTER)).await;
        config.superuser_parameter = Some("/deleted".to_owned());
        let migrator = Migrator::new(config, &sdk(NOWHERE));
        let error = chain(&migrator.migrate(&ask()).await.unwrap_err());
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
        let migrated = migrator.migrate(&ask()).await.unwrap();
        assert_eq!(migrated.superuser, SuperuserOutcome::Exists);
    });
}

/// Two that publish at once would both find the same page due.
#[test]
fn publishing_waits_for_whoever_has_the_lock() {
    run(async {
        let database = Database::new().await;
        let migrator = migrator(&database.url()).await;
        let mut other = database.connect().await;
        let mut hurried = ask();
        let locked = wagrun_database::schema::lock_migration(&mut other, hurried.stop_at)
            .await
            .unwrap();
        hurried.stop_at = tokio::time::Instant::now() + Duration::from_secs(1);
        let error = migrator.command(Command::PublishScheduled, &hurried).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("the migration lock was not free within "),
            "{error}"
        );
        locked.unlock().await.unwrap();
        migrator
            .command(Command::PublishScheduled, &ask())
            .await
            .unwrap();
    });
}
