//! Receivers that fail, for a while or for good.

use std::time::Duration;

use axum::http::StatusCode;
use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::{Answer, WebhookRequest};
use wagrun_lambda::telemetry::chain;

use crate::support::event_line::page;
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};

fn subject(delivery: &WebhookRequest) -> &str {
    &delivery.event.as_ref().unwrap().subject
}

/// Returns the type and the subject of the event, and the status of the answer.
fn outcome(delivery: &WebhookRequest) -> (&str, &str, u16) {
    let event = delivery.event.as_ref().unwrap();
    let status = delivery.status.unwrap().as_u16();
    (&event.kind, &event.subject, status)
}

#[test]
fn a_failing_receiver_is_tried_again_later_and_in_order_and_holds_up_one_page_only() {
    run(async {
        let mut scenario = Scenario::new("failing-twice").await;
        let one = scenario.live_post(scenario.root, "One").await;
        let two = scenario.live_post(scenario.root, "Two").await;
        // The steps up to "Other" come before the third attempt, also on a busy machine.
        subscribe(
            &scenario,
            "failing-twice",
            json!({"retry_seconds": [1, 25]}),
        )
        .await;
        let failure = Answer::status(StatusCode::INTERNAL_SERVER_ERROR);
        scenario
            .receiver()
            .answer_next("failing-twice", 2, &failure);
        // `expect` also asserts that the catch-all subscriber receives each of these events at once.
        retitle(&mut scenario, one, "First").await;
        wait_for_requests(&scenario, "failing-twice", 2).await;
        scenario
            .edit(one, &Fields::none().slug("second"), Action::Publish)
            .await;
        scenario
            .expect(&[page("updated", one), page("published", one)])
            .await;
        retitle(&mut scenario, two, "Other").await;

        let all = wait_for_requests(&scenario, "failing-twice", 3).await;
        let of = |post: PageId| {
            let post = format!("page/{post}");
            move |delivery: &&WebhookRequest| subject(delivery) == post
        };
        assert_eq!(
            all.iter().filter(of(two)).count(),
            1,
            "page two need not wait"
        );

        let all = wait_for_requests(&scenario, "failing-twice", 6).await;
        let lane: Vec<&WebhookRequest> = all.iter().filter(of(one)).collect();
        let outcomes: Vec<(&str, u16)> = lane
            .iter()
            .map(|one| (outcome(one).0, outcome(one).2))
            .collect();
        let expected = [
            ("wagtail.page.updated", 500),
            ("wagtail.page.updated", 500),
            ("wagtail.page.updated", 204),
            ("wagtail.page.updated", 204),
            ("wagtail.page.published", 204),
        ];
        assert_eq!(outcomes, expected);
        let gap = |index: usize| {
            let (from, to) = (lane[index].received_at, lane[index + 1].received_at);
            to.duration_since(from).unsigned_abs()
        };
        // The delays are 1 and 25 seconds, less a tenth for the jitter.
        assert!(gap(0) >= Duration::from_millis(900), "{:?}", gap(0));
        assert!(gap(1) >= Duration::from_millis(22_500), "{:?}", gap(1));
        for attempt in &lane[..3] {
            assert_eq!(attempt.body, lane[0].body);
            assert_eq!(attempt.header("webhook-id"), lane[0].header("webhook-id"));
            assert_eq!(attempt.signature, Ok(()), "signed anew for each attempt");
        }
        unsubscribe(&scenario, "failing-twice").await;
    });
}

#[test]
fn a_delivery_that_always_fails_ends_whole_in_the_dead_letter_queue() {
    run(async {
        let mut scenario = Scenario::new("dead").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "dead", json!({})).await;
        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        scenario.receiver().answer_next("dead", 3, &failure);
        scenario
            .edit(post, &Fields::titled("Lost"), Action::Save)
            .await;
        let events = scenario.expect(&[page("updated", post)]).await;

        let deployment = &scenario.stack.local.deployment;
        let queue = deployment.output("DeliveryDeadLetterQueueUrl").unwrap();
        let poll = || async {
            let messages = deployment.aws().receive(queue).await?;
            let bodies = messages.iter().map(|one| serde_json::from_str(&one.body));
            let found = bodies
                .map(Result::<Value, _>::unwrap)
                .find(|body| body["subscriber"] == "dead");
            Ok::<_, local_stack::aws::AwsError>(match found {
                Some(body) => Wait::Ready(body),
                None => Wait::NotYet(format!("{} other messages", messages.len())),
            })
        };
        let dead = wait_until(&Progress::quiet(), "the dead letter", WAIT_TIMEOUT, poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(dead["event"], serde_json::to_value(&events[0]).unwrap());
        assert_eq!(scenario.receiver().requests("dead").len(), 3);

        retitle(&mut scenario, post, "Next").await;
        let all = wait_for_requests(&scenario, "dead", 4).await;
        let subject = format!("page/{post}");
        assert_eq!(outcome(&all[3]), ("wagtail.page.updated", &*subject, 204));
        assert_ne!(all[3].header("webhook-id"), all[0].header("webhook-id"));
        unsubscribe(&scenario, "dead").await;
    });
}

#[test]
fn what_is_accepted_is_in_order_however_often_the_first_was_refused() {
    run(async {
        let mut scenario = Scenario::new("refusing").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "refusing", json!({"retry_seconds": [2, 2]})).await;
        let failure = Answer::status(StatusCode::INTERNAL_SERVER_ERROR);
        scenario.receiver().answer_next("refusing", 2, &failure);
        let mut published = Vec::new();
        for title in ["One", "Two", "Three", "Four"] {
            published.push(retitle(&mut scenario, post, title).await);
        }
        let all = wait_for_requests(&scenario, "refusing", 6).await;
        assert_eq!(scenario.receiver().events("refusing"), published);
        for refused in &all[..2] {
            assert_eq!(refused.event.as_ref().unwrap(), &published[0]);
        }
        unsubscribe(&scenario, "refusing").await;
    });
}

/// The emulator gives deliver one delivery at a time, also of different lanes. So the test shows only that a lane holds up no
/// other lane between its attempts. During an attempt, SQS itself ensures it.
#[test]
fn a_receiver_that_hangs_holds_up_no_other_subscriber_of_the_same_page() {
    run(async {
        let mut scenario = Scenario::exclusive("hanging").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "hanging", json!({"retry_seconds": [10, 10]})).await;
        subscribe(&scenario, "prompt", json!({})).await;
        scenario.receiver().answer_next("hanging", 1, &Answer::Hang);
        let one = retitle(&mut scenario, post, "One").await;
        let two = retitle(&mut scenario, post, "Two").await;

        let prompt = wait_for_requests(&scenario, "prompt", 2).await;
        let hanging = wait_for_requests(&scenario, "hanging", 3).await;
        for name in ["prompt", "hanging"] {
            let accepted = scenario.receiver().events(name);
            assert_eq!(accepted, [one.clone(), two.clone()], "{name}");
        }
        assert_eq!(hanging[0].status, None);
        assert_eq!(hanging[0].event.as_ref().unwrap(), &one);
        assert!(prompt[1].received_at < hanging[1].received_at);
        for name in ["prompt", "hanging"] {
            unsubscribe(&scenario, name).await;
        }
    });
}
