//! Databases from other times: a newer wagrun, an older Wagtail.

use local_stack::checkout;
use local_stack::postgres::MASTER;
use tokio::process::Command;
use wagrun::telemetry::chain;

use super::{PATIENCE, assert_free, assert_migrated, migrate, runs};
use crate::databases::{Database, execute, run};

#[test]
fn a_schema_that_is_newer_is_refused_before_anything_is_changed() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        execute(
            &mut session,
            "insert into wagrun.schema_migration (version, description, success, checksum, execution_time)
             values (20990101000001, 'of a later wagrun', true, '', 0);\n
             delete from django_migrations where app = 'blog'",
        )
        .await;
        let before = runs(&mut session).await;
        let error = chain(&migrate(&database.url()).await.unwrap_err());
        assert!(
            error.contains("the database has schema version 20990101000001 of wagrun, and this program knows versions up to"),
            "{error}"
        );
        assert_eq!(runs(&mut session).await, before);
        let django: i64 =
            sqlx::query_scalar("select count(*) from django_migrations where app = 'blog'")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!(django, 0, "Django's migrations were not run");
        assert_free(&mut session).await;
    });
}

#[test]
fn a_wagtail_two_minor_versions_older_is_brought_up_to_date() {
    run(async {
        let database = Database::empty().await;
        let venv = checkout().join(".local/venv/older-site");
        let installed = Command::new("python3")
            .arg(checkout().join("tools/venv.py"))
            .arg("older-site")
            .status()
            .await;
        assert!(installed.unwrap().success());
        // What `wagtail start` of that version makes, whose apps are those that our site began with.
        let directory =
            std::env::temp_dir().join(format!("older-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let mut start = Command::new(venv.join("bin/wagtail"));
        start
            .args(["start", "website", "."])
            .current_dir(&directory);
        succeeds(start).await;
        std::fs::write(
            directory.join("website/settings/test.py"),
            format!(
                "from .base import *\n\nSECRET_KEY = 'of a test'\nDATABASES = {{'default': {{\n    \
                 'ENGINE': 'django.db.backends.postgresql', 'HOST': '127.0.0.1', 'PORT': {},\n    \
                 'NAME': '{}', 'USER': '{MASTER}'}}}}\n",
                database.postgres().port(),
                database.name
            ),
        )
        .unwrap();
        let mut older = Command::new(venv.join("bin/python"));
        older
            .args(["manage.py", "migrate", "--no-input"])
            .current_dir(&directory)
            .env("DJANGO_SETTINGS_MODULE", "website.settings.test");
        succeeds(older).await;
        std::fs::remove_dir_all(&directory).unwrap();

        let migrated = migrate(&database.url()).await.unwrap();
        assert!(
            migrated
                .applied_django
                .iter()
                .any(|name| name.starts_with("wagtailcore.")),
            "{:?}",
            migrated.applied_django
        );
        assert_migrated(&mut database.connect().await).await;
    });
}

async fn succeeds(mut command: Command) {
    let output = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output());
    let output = output.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
