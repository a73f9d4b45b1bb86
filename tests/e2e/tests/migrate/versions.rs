//! Databases of a newer wagrun or of an older Wagtail.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::put;
use lambda_runtime::{Context, LambdaEvent};
use local_stack::postgres::MASTER;
use migrate::handle;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::{
    MIGRATION_TIMEOUT, assert_migrated, assert_no_run_is_left, migrate, migrator, runs,
};
use crate::support::python::environment;
use crate::support::runtime::run;
use crate::support::sql::execute;

const LATER_SCHEMA: &str =
    "insert into wagrun.schema_migration (version, description, success, checksum, execution_time)
     values (20990101000001, 'of a later wagrun', true, '', 0)";

#[test]
fn a_schema_that_is_newer_is_refused_before_anything_is_changed() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        execute(
            &mut session,
            "delete from django_migrations where app = 'blog'",
        )
        .await;
        execute(&mut session, LATER_SCHEMA).await;
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
        assert_no_run_is_left(&mut session).await;
    });
}

/// Sends a request as CloudFormation does, and returns the response that arrives at its URL.
async fn custom_resource_response(database: &Database, kind: &str, image: &str) -> Value {
    let (sender, mut received) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let take = put(async move |body: String| sender.send(body).unwrap());
    let server = tokio::spawn(async move {
        let router = Router::new().route("/answer", take);
        axum::serve(listener, router).await
    });
    let mut context = Context::default();
    let ends = (SystemTime::now() + Duration::from_secs(800)).duration_since(UNIX_EPOCH);
    context.deadline = ends.unwrap().as_millis().try_into().unwrap();
    let payload = json!({
        "RequestType": kind, "RequestId": "r-1", "ResponseURL": format!("http://{address}/answer"),
        "StackId": "stack-1", "LogicalResourceId": "Migration", "PhysicalResourceId": "wagrun-migration",
        "ResourceType": "Custom::Migration",
        "ResourceProperties": {"ServiceToken": "arn", "Image": image},
    });
    let migrator = migrator(&database.url()).await;
    let handled = handle(&migrator, LambdaEvent::new(payload, context)).await;
    let body = received.recv().await.unwrap();
    server.abort();
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(handled.is_ok(), answer["Status"] == "SUCCESS", "{answer}");
    answer
}

#[test]
fn an_upgrade_of_wagrun_that_fails_can_be_taken_back() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        let served = "registry/site@sha256:old";
        assert_eq!(
            custom_resource_response(&database, "Create", served).await["Status"],
            "SUCCESS"
        );
        // The migration of the upgrade has succeeded, and a later step of the stack failed.
        execute(&mut session, LATER_SCHEMA).await;
        let before = runs(&mut session).await;

        let taken_back = custom_resource_response(&database, "Update", served).await;
        assert_eq!(taken_back["Status"], "SUCCESS", "{taken_back}");
        assert_eq!(taken_back["PhysicalResourceId"], "wagrun-migration");
        assert_eq!(taken_back["Data"]["Run"], before[0].id);

        for (kind, image) in [
            ("Create", served),
            ("Update", "registry/site@sha256:never-seen"),
            ("Update", ""),
        ] {
            let refused = custom_resource_response(&database, kind, image).await;
            let reason = refused["Reason"].as_str().unwrap();
            assert!(
                reason.contains("deploy the newer version of wagrun again"),
                "{kind} {image}: {refused}"
            );
        }
        // A failed run of that image does not count.
        execute(
            &mut session,
            "update wagrun.migration_run set outcome = 'failed', failure = 'of a test' where deploy is not null",
        )
        .await;
        assert_eq!(
            custom_resource_response(&database, "Update", served).await["Status"],
            "FAILED"
        );
        assert_eq!(
            runs(&mut session).await.len(),
            before.len(),
            "nothing was run"
        );
        assert_no_run_is_left(&mut session).await;
    });
}

#[test]
fn a_wagtail_two_minor_versions_older_is_brought_up_to_date() {
    run(async {
        let database = Database::empty().await;
        let venv = environment("older-site").await;
        // `wagtail start` of that version creates the apps with which our site began.
        let directory =
            std::env::temp_dir().join(format!("older-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let mut start = Command::new(venv.join("bin/wagtail"));
        start
            .args(["start", "website", "."])
            .current_dir(&directory);
        run_command(start).await;
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
        run_command(older).await;
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

async fn run_command(mut command: Command) {
    let output = tokio::time::timeout(MIGRATION_TIMEOUT, command.kill_on_drop(true).output());
    let output = output.await.unwrap().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
