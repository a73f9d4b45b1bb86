//! Broken parts of the stack, and what editors, the database and operators see of them.

use std::time::{Duration, Instant};

use local_stack::admin::{Action, AdminError, Fields, PageId};
use serde_json::json;
use wagrun_lambda::telemetry::chain;

use crate::support::event_line::page;
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::sql::execute;
use crate::support::stack::{StackAccess, TestStack};

/// Measures a save in the admin while the database reaches Lambda at this address.
async fn timed_save(scenario: &Scenario, lambda: &str, post: PageId, title: &str) -> Duration {
    let stack = &scenario.stack.local;
    let set = async |endpoint: &str| {
        let set = stack
            .postgres
            .set_lambda_endpoint(&stack.database, endpoint);
        set.await.unwrap();
    };
    set(lambda).await;
    let started = Instant::now();
    let saved: Result<(), AdminError> = scenario
        .admin
        .edit(post, &Fields::titled(title), Action::Save)
        .await;
    let took = started.elapsed();
    set(stack.emulator.endpoint()).await;
    saved.unwrap();
    took
}

async fn assert_harmless(name: &str, lambda: &str) {
    let mut scenario = Scenario::exclusive(name).await;
    let post = scenario.live_post(scenario.root, "Post").await;
    let marker = scenario.live_post(scenario.root, "Marker").await;
    let healthy = scenario.stack.local.emulator.endpoint();
    let ordinary = timed_save(&scenario, healthy, post, "Ordinary").await;
    scenario.expect(&[page("updated", post)]).await;

    let broken = timed_save(&scenario, lambda, post, "Rung in vain").await;
    assert!(
        broken < ordinary + Duration::from_secs(1),
        "a save took {broken:?} instead of {ordinary:?}"
    );
    let mut database = scenario.stack.database().await;
    let pending: Vec<String> =
        sqlx::query_scalar("select object from wagrun.outbox where not ends")
            .fetch_all(&mut database)
            .await
            .unwrap();
    assert_eq!(
        pending,
        [format!("page/{post}")],
        "no drainer has come for it"
    );

    timed_save(&scenario, healthy, marker, "Rings").await;
    let events = scenario
        .expect(&[page("updated", post), page("updated", marker)])
        .await;
    assert!(events[0].sequence < events[1].sequence);
}

#[test]
fn a_doorbell_whose_endpoint_is_down_harms_no_save() {
    run(async {
        let port = testing::process::free_port().unwrap();
        assert_harmless("doorbell-down", &format!("http://127.0.0.1:{port}")).await;
    });
}

#[test]
fn a_doorbell_whose_function_is_gone_harms_no_save() {
    run(async {
        let lambda = FakeLambda::start(LambdaBehavior::AnswersWith(404)).await;
        assert_harmless("doorbell-gone", &lambda.endpoint).await;
        assert_eq!(lambda.calls().len(), 1);
    });
}

#[test]
fn a_doorbell_that_answers_with_an_error_harms_no_save() {
    run(async {
        let lambda = FakeLambda::start(LambdaBehavior::AnswersWith(500)).await;
        assert_harmless("doorbell-500", &lambda.endpoint).await;
        assert_eq!(lambda.calls().len(), 1);
    });
}

#[test]
fn a_doorbell_that_hangs_harms_no_save() {
    run(async {
        let lambda = FakeLambda::start(LambdaBehavior::Hangs).await;
        assert_harmless("doorbell-hanging", &lambda.endpoint).await;
        assert_eq!(lambda.calls().len(), 1);
    });
}

#[test]
fn after_the_drain_the_database_has_no_connection_and_no_slot() {
    run(async {
        let mut scenario = Scenario::exclusive("sleeping").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        scenario.stack.wait_until_empty(
            "the last session of the site's database",
            "select format('%s as %s: %s', application_name, usename, query) from pg_stat_activity
             where datname = $1
             union all select slot_name::text from pg_replication_slots",
        )
        .await;
        scenario
            .edit(post, &Fields::titled("Awake"), Action::Save)
            .await;
        scenario.expect(&[page("updated", post)]).await;
    });
}

#[test]
fn a_ring_before_the_commit_is_enough() {
    run(async {
        let mut scenario = Scenario::exclusive("early").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let mut web = scenario.stack.web().await;
        execute(
            &mut web,
            &format!(
                "begin;
update wagtailcore_page set title = 'Early' where id = {post};
set constraints all immediate"
            ),
        )
        .await;
        scenario.stack.wait_until_content_events_waits().await;
        execute(&mut web, "commit").await;
        let events = scenario.expect(&[page("updated", post)]).await;
        assert_eq!(events[0].data["previous"], json!({"title": "Post"}));
    });
}

#[test]
fn an_unknown_event_is_refused_with_what_it_has_and_what_was_expected() {
    run(async {
        let _access = StackAccess::shared().await;
        let deployment = &TestStack::get().await.local.deployment;
        let invoked = deployment
            .invoke(
                "ContentEventsFunctionName",
                &json!({"Records": [], "hello": 1}),
            )
            .await;
        let error = chain(&invoked.unwrap_err());
        assert!(
            error.contains("unknown event with keys Records, hello; expected"),
            "{error}"
        );
    });
}

#[test]
fn a_function_without_a_variable_ends_and_names_it() {
    run(async {
        let _access = StackAccess::shared().await;
        let build = TestStack::get()
            .await
            .local
            .supervisor
            .directory()
            .join("build");
        for (function, variables) in [
            (
                "ContentEvents",
                "DATABASE_HOST DATABASE_NAME DATABASE_USER DATABASE_AUTH TOPIC_ARN EVENT_SOURCE",
            ),
            ("FanOut", "SUBSCRIBERS_PATH DELIVERY_QUEUE_URL"),
            ("Deliver", "SUBSCRIBERS_PATH DELIVERY_QUEUE_URL"),
            (
                "Migrate",
                "DATABASE_HOST DATABASE_NAME DATABASE_USER DATABASE_AUTH DATABASE_WEB_USER DATABASE_RELAY_USER
                 SITE_DIRECTORY SITE_PYTHON DOORBELL",
            ),
        ] {
            let binary = build.join(format!("{function}Function/bootstrap"));
            for missing in variables.split_whitespace() {
                let others = variables.split_whitespace().filter(|name| *name != missing);
                let mut command = tokio::process::Command::new(&binary);
                command
                    .env_clear()
                    // The SDK must not ask the network for a region.
                    .env("AWS_EC2_METADATA_DISABLED", "true")
                    .envs(others.map(|name| match name {
                        "DATABASE_AUTH" => (name, "none"),
                        // Each of the other variables accepts this value.
                        _ => (name, "Logs"),
                    }))
                    .kill_on_drop(true);
                let output = tokio::time::timeout(WAIT_TIMEOUT, command.output())
                    .await
                    .unwrap_or_else(|_| panic!("{function} started without {missing}"))
                    .unwrap();
                assert!(!output.status.success(), "{function} without {missing}");
                let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                assert!(
                    said.contains(&format!("environment variable {missing} is not set")),
                    "{function} without {missing}: {said}"
                );
            }
        }
    });
}
