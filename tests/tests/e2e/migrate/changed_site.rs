//! Sites with a migration more: one that fails, one that never ends, one that changes content.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use local_stack::checkout;
use migrate::{MigrateError, Migrated, Migrator};
use wagrun::telemetry::chain;

use super::{NOWHERE, assert_free, runs};
use crate::databases::{Database, ask, migrate_config, run, sdk};

/// A copy of the site, gone when the test is over.
struct Site {
    directory: PathBuf,
}

impl Site {
    /// With this function as the last migration of the blog.
    fn with_migration(function: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("site-{}", uuid::Uuid::new_v4().simple()));
        copy(&checkout().join("site"), &directory);
        let site = Self { directory };
        site.migration(function);
        site
    }

    fn migration(&self, function: &str) {
        let code = format!(
            "from django.db import migrations\n\n\n{function}\n\n\n\
             class Migration(migrations.Migration):\n    \
             dependencies = [(\"blog\", \"0001_initial\")]\n    \
             operations = [migrations.RunPython(change)]\n"
        );
        std::fs::write(self.directory.join("blog/migrations/0002_change.py"), code).unwrap();
    }

    async fn migrator(&self, database: &Database) -> Migrator {
        let mut config = migrate_config(database.config("wagtail_admin")).await;
        config.site_directory = self.directory.clone();
        Migrator::new(config, &sdk(NOWHERE))
    }

    async fn migrate(&self, database: &Database) -> Result<Migrated, MigrateError> {
        self.migrator(database).await.migrate(&ask()).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What is left in the temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (source, target) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(source, target).unwrap();
        }
    }
}

#[test]
fn a_migration_that_fails_is_told_with_its_reason_and_can_be_mended() {
    run(async {
        let database = Database::new().await;
        let site = Site::with_migration(
            "def change(apps, schema_editor):\n    raise ValueError(\"no author has a heart\")",
        );
        let error = chain(&site.migrate(&database).await.unwrap_err());
        assert!(
            error.starts_with("Django's migrations failed: manage.py migrate ended with"),
            "{error}"
        );
        assert!(
            error.ends_with("ValueError: no author has a heart"),
            "{error}"
        );
        let mut session = database.connect().await;
        let failed = runs(&mut session).await.remove(0);
        assert_eq!(failed.outcome.as_deref(), Some("failed"));
        assert_eq!(failed.failure, Some(error));
        assert_free(&mut session).await;

        site.migration("def change(apps, schema_editor):\n    pass");
        let migrated = site.migrate(&database).await.unwrap();
        assert_eq!(migrated.applied_django, ["blog.0002_change"]);
        assert_eq!(runs(&mut session).await[0].applied, ["blog.0002_change"]);
    });
}

#[test]
fn a_migration_without_end_is_ended_in_time_and_leaves_nothing_locked() {
    run(async {
        let database = Database::new().await;
        let site = Site::with_migration(
            "def change(apps, schema_editor):\n    \
             schema_editor.execute(\"lock table blog_author in access exclusive mode\")\n    \
             schema_editor.execute(\"select pg_sleep(600)\")",
        );
        let migrator = site.migrator(&database).await;
        let mut hurried = ask();
        hurried.stop_at = tokio::time::Instant::now() + Duration::from_secs(10);
        let started = Instant::now();
        let error = chain(&migrator.migrate(&hurried).await.unwrap_err());
        assert!(
            error.contains("manage.py migrate did not end in the function's time"),
            "{error}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{:?}",
            started.elapsed()
        );

        let mut session = database.connect().await;
        let failed = runs(&mut session).await.remove(0);
        assert_eq!(failed.failure, Some(error));
        // The statement's session notices within some seconds that nobody waits for it.
        super::until(
            &mut session,
            "the statement has ended",
            "select not exists (select from pg_stat_activity
             where datname = current_database() and starts_with(application_name, 'wagrun'))",
        )
        .await;
        sqlx::query("select count(*) from blog_author")
            .execute(&mut session)
            .await
            .unwrap();
    });
}

#[test]
fn a_data_migration_floods_the_subscribers_only_when_asked() {
    run(async {
        for (capture, events) in [(None, 0), (Some(true), 3), (Some(false), 0)] {
            let database = Database::new().await;
            let mut session = database.connect().await;
            crate::databases::execute(
                &mut session,
                "insert into blog_author (name, bio) select 'author', '' from generate_series(1, 3);\n
                 delete from wagrun.outbox",
            )
            .await;
            let site = Site::with_migration(
                "def change(apps, schema_editor):\n    \
                 for author in apps.get_model(\"blog\", \"Author\").objects.all():\n        \
                 author.name = \"changed\"\n        \
                 author.save()",
            );
            let mut asked = ask();
            asked.capture = capture;
            site.migrator(&database)
                .await
                .migrate(&asked)
                .await
                .unwrap();
            let changed: (i64, i64) = sqlx::query_as(
                "select (select count(*) from blog_author where name = 'changed'), (select count(*) from wagrun.outbox)",
            )
            .fetch_one(&mut session)
            .await
            .unwrap();
            assert_eq!(changed, (3, events), "capture: {capture:?}");
        }
    });
}
