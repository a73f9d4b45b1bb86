//! The first doorbell fails and the log doorbell brings the event: in time, late, repeatedly, or after a forged line.

use local_stack::admin::{Action, Fields, PageId};
use local_stack::log_export::{LogExport, LogExportError, ServerLog, Subscription};
use serde_json::Value;
use testing::progress::{Progress, Wait, wait_until};
use wagrun_lambda::telemetry::chain;

use crate::support::event_line::page;
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;

/// A scenario in which the first doorbell can fail, with the server's log from the beginning of the test.
struct BrokenDoorbell {
    scenario: Scenario,
    post: PageId,
    log: ServerLog,
    subscription: Subscription,
}

impl BrokenDoorbell {
    async fn new(name: &str) -> Self {
        let mut scenario = Scenario::exclusive(name).await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let log = ServerLog::from_now_on(&scenario.stack.local.postgres.log()).await;
        Self {
            scenario,
            post,
            log: log.unwrap(),
            subscription: Subscription::of_template().unwrap(),
        }
    }

    /// Saves a draft while the database cannot reach Lambda, and asserts that its change stays in the outbox.
    async fn save_without_ring(&self, title: &str) {
        let closed_port = testing::process::free_port().unwrap();
        self.set_lambda_endpoint(&format!("http://127.0.0.1:{closed_port}"))
            .await;
        self.save(title).await;
        self.set_lambda_endpoint(self.scenario.stack.local.emulator.endpoint())
            .await;
        assert_eq!(self.pending().await, [format!("page/{}", self.post)]);
    }

    async fn save(&self, title: &str) {
        let fields = Fields::titled(title);
        self.scenario.edit(self.post, &fields, Action::Save).await;
    }

    async fn set_lambda_endpoint(&self, endpoint: &str) {
        let stack = &self.scenario.stack.local;
        let set = stack
            .postgres
            .set_lambda_endpoint(&stack.database, endpoint);
        set.await.unwrap();
    }

    async fn pending(&self) -> Vec<String> {
        sqlx::query_scalar("select object from wagrun.outbox where not ends")
            .fetch_all(&mut self.scenario.stack.database().await)
            .await
            .unwrap()
    }

    /// Returns the payload that CloudWatch would send for the server's new log lines.
    async fn payload(&mut self) -> Value {
        // Only one poll may use the log at a time.
        let state = tokio::sync::Mutex::new((&mut self.log, &mut self.subscription));
        let poll = || async {
            let (log, subscription) = &mut *state.lock().await;
            let payload = subscription.payload(&log.records().await?);
            Ok::<_, LogExportError>(payload.map_or_else(
                || Wait::NotYet("no record that matches".to_owned()),
                Wait::Ready,
            ))
        };
        wait_until(&Progress::quiet(), "a doorbell line", WAIT_TIMEOUT, poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// Delivers a payload to content-events, and returns the number of events that it published.
    async fn deliver(&self, payload: &Value) -> u64 {
        let deployment = &self.scenario.stack.local.deployment;
        let answer = deployment.invoke("ContentEventsFunctionName", payload);
        answer.await.unwrap()["published"].as_u64().unwrap()
    }
}

#[test]
fn the_second_doorbell_brings_what_the_first_could_not() {
    run(async {
        let doorbell = BrokenDoorbell::new("second-doorbell").await;
        doorbell.save_without_ring("Rung in vain").await;
        let BrokenDoorbell {
            mut scenario,
            post,
            log,
            ..
        } = doorbell;
        let deployment = &scenario.stack.local.deployment;
        let _export = LogExport::start(log, deployment, &Progress::quiet()).unwrap();
        scenario.expect(&[page("updated", post)]).await;
    });
}

#[test]
fn a_record_that_is_late_and_comes_again_does_nothing() {
    run(async {
        let mut doorbell = BrokenDoorbell::new("late-record").await;
        doorbell.save_without_ring("Rung in vain").await;
        let late = doorbell.payload().await;
        doorbell.save("Rings").await;
        let post = doorbell.post;
        doorbell
            .scenario
            .expect(&[page("updated", post), page("updated", post)])
            .await;
        for _ in 0..3 {
            assert_eq!(doorbell.deliver(&late).await, 0);
        }
        doorbell.scenario.expect(&[]).await;
    });
}

#[test]
fn a_record_that_comes_several_times_at_once_brings_its_event_once() {
    run(async {
        let mut doorbell = BrokenDoorbell::new("repeated-record").await;
        doorbell.save_without_ring("Rung in vain").await;
        let payload = doorbell.payload().await;
        let (one, other, third) = tokio::join!(
            doorbell.deliver(&payload),
            doorbell.deliver(&payload),
            doorbell.deliver(&payload)
        );
        assert_eq!(one + other + third, 1);
        doorbell
            .scenario
            .expect(&[page("updated", doorbell.post)])
            .await;
        assert_eq!(doorbell.deliver(&payload).await, 0);
    });
}

#[test]
fn a_text_like_a_doorbell_line_only_starts_a_drain() {
    run(async {
        let mut doorbell = BrokenDoorbell::new("forged-record").await;
        doorbell.save_without_ring("Rung in vain").await;
        doorbell.payload().await;
        let mut web = doorbell.scenario.stack.web().await;
        let literal = r#"select 'wagrun doorbell {"xid":"999999999999"} by log'::int"#;
        let refused = sqlx::raw_sql(literal).execute(&mut web).await;
        refused.unwrap_err();
        let forged = doorbell.payload().await;
        doorbell.deliver(&forged).await;
        doorbell
            .scenario
            .expect(&[page("updated", doorbell.post)])
            .await;
    });
}
