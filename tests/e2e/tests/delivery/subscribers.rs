//! Subscribers with filters, disabled subscribers and invalid ones.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::Answer;
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::support::event_line::page;
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::stack::CATCH_ALL;
use crate::support::subscribers::{
    put_subscriber, retitle, subscribe, unsubscribe, wait_for_requests,
};

#[test]
fn a_disabled_subscriber_gets_nothing() {
    run(async {
        let mut scenario = Scenario::new("disabled").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "disabled", json!({"enabled": false})).await;
        retitle(&mut scenario, post, "Unseen").await;
        subscribe(&scenario, "disabled", json!({})).await;
        let seen = retitle(&mut scenario, post, "Seen").await;
        // Both events would be in one lane, so that the first cannot arrive after the second.
        wait_for_requests(&scenario, "disabled", 1).await;
        assert_eq!(scenario.receiver().events("disabled"), [seen]);
        unsubscribe(&scenario, "disabled").await;
    });
}

#[test]
fn a_receiver_that_answers_410_is_disabled_and_another_subscriber_learns_of_it() {
    run(async {
        let mut scenario = Scenario::new("gone").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "gone", json!({"retry_seconds": [15, 15]})).await;
        // The receiver answers 410 at the second attempt, when another delivery waits behind the first.
        for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::GONE] {
            let answer = Answer::status(status);
            scenario.receiver().answer_next("gone", 1, &answer);
        }
        let unwanted = retitle(&mut scenario, post, "Unwanted").await;
        let waiting = retitle(&mut scenario, post, "Waiting").await;

        let is_disablement = |event: &Event| event.subject == "subscriber/gone";
        let notice = scenario
            .receiver()
            .wait_for(
                CATCH_ALL,
                "subscriber.disabled",
                WAIT_TIMEOUT,
                is_disablement,
            )
            .await
            .unwrap_or_else(|missing| panic!("{missing}"));
        let event = notice.event.unwrap();
        let reason = "the receiver answered 410 Gone";
        assert_eq!(event.kind, "subscriber.disabled");
        assert_eq!(
            (&event.data["name"], &event.data["reason"]),
            (&json!("gone"), &json!(reason))
        );
        let mut expected = scenario.receiver().parameter("gone");
        expected["under"] = json!("/gone/");
        expected["retry_seconds"] = json!([15, 15]);
        expected["enabled"] = json!(false);
        expected["disabled"] = json!({"reason": reason, "at": event.data["at"]});
        let deployment = &scenario.stack.local.deployment;
        let poll = || async {
            let parameter = deployment.subscriber("gone").await?;
            Ok::<_, local_stack::deployment::DeploymentError>(match parameter == expected {
                true => Wait::Ready(()),
                false => Wait::NotYet(parameter.to_string()),
            })
        };
        wait_until(&Progress::quiet(), "the parameter", WAIT_TIMEOUT, poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        deployment.wait_until_in_directory("gone").await.unwrap();

        retitle(&mut scenario, post, "Unseen").await;
        subscribe(&scenario, "gone", json!({})).await;
        let seen = retitle(&mut scenario, post, "Seen").await;
        // The waiting deliveries may be set aside by now, or not yet.
        let back = || async {
            let ask = json!({"sweep": "backlogs", "at_once": true});
            deployment.invoke("DeliverFunctionName", &ask).await?;
            Ok::<_, local_stack::deployment::DeploymentError>(
                match scenario.receiver().events("gone").len() {
                    3.. => Wait::Ready(()),
                    count => Wait::NotYet(format!("{count} have come")),
                },
            )
        };
        wait_until(&Progress::quiet(), "what waited", WAIT_TIMEOUT, back)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(
            scenario.receiver().events("gone"),
            [unwanted, waiting, seen]
        );
        unsubscribe(&scenario, "gone").await;
    });
}

#[test]
fn filters_pass_only_what_they_name() {
    run(async {
        let mut scenario = Scenario::exclusive("filters").await;
        let root = scenario.root;
        let inner = scenario.live_post(root, "Inner").await;
        for (name, filter) in [
            (
                "by-type",
                json!({"types": ["wagtail.page.published", "*.deleted"]}),
            ),
            (
                "by-content-type",
                json!({"content_types": ["blog.blogindex*"]}),
            ),
            ("by-path", json!({"under": "/filters/inner/"})),
        ] {
            subscribe(&scenario, name, filter).await;
        }
        let outer = scenario.create(root, "Outer", Action::Publish).await;
        scenario
            .edit(root, &Fields::titled("Root"), Action::Save)
            .await;
        scenario
            .edit(inner, &Fields::none().slug("out"), Action::Publish)
            .await;
        scenario
            .edit(inner, &Fields::titled("Outside"), Action::Save)
            .await;
        scenario.admin.delete_page(outer).await.unwrap();
        let mut lines: Vec<_> = ["created", "updated", "published"]
            .map(|action| page(action, outer))
            .into();
        lines.push(page("updated", root));
        lines.extend(["updated", "published", "updated"].map(|action| page(action, inner)));
        lines.push(page("deleted", outer));
        scenario.expect(&lines).await;
        wait_until_delivered(&scenario).await;

        let received = |name: &str| {
            let mut by_page = BTreeMap::<String, Vec<String>>::new();
            for event in scenario.receiver().events(name) {
                by_page.entry(event.subject).or_default().push(event.kind);
            }
            by_page.into_iter().collect::<Vec<_>>()
        };
        let lane = |post: PageId, actions: &[&str]| {
            let kinds = actions.iter().map(|action| page(action, post).0);
            (format!("page/{post}"), kinds.collect::<Vec<_>>())
        };
        let mut expected = vec![
            lane(inner, &["published"]),
            lane(outer, &["published", "deleted"]),
        ];
        expected.sort();
        assert_eq!(received("by-type"), expected);
        assert_eq!(received("by-content-type"), [lane(root, &["updated"])]);
        // The event of the page's departure still concerns the subscribers of its old path.
        assert_eq!(
            received("by-path"),
            [lane(inner, &["updated", "published"])]
        );
        for name in ["by-type", "by-content-type", "by-path"] {
            unsubscribe(&scenario, name).await;
        }
    });
}

/// Returns once the delivery queue is empty. No other test may use the stack.
async fn wait_until_delivered(scenario: &Scenario) {
    let deployment = &scenario.stack.local.deployment;
    let queue = deployment.output("DeliveryQueueUrl").unwrap();
    let poll = || async {
        let depth = deployment.aws().queue_depth(queue).await?;
        Ok::<_, local_stack::aws::AwsError>(match (depth.visible, depth.in_flight) {
            (0, 0) => Wait::Ready(()),
            _ => Wait::NotYet(format!("{depth:?}")),
        })
    };
    wait_until(
        &Progress::quiet(),
        "an empty delivery queue",
        WAIT_TIMEOUT,
        poll,
    )
    .await
    .unwrap_or_else(|error| panic!("{}", chain(&error)));
}

#[test]
fn a_typo_in_a_parameter_loses_no_event() {
    run(async {
        // Its sweeps would recall the backlogs of other tests.
        let mut scenario = Scenario::exclusive("typo").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, "typo", json!({})).await;
        subscribe(&scenario, "typo", json!({"typos": 1})).await;
        // Created with a typo, so that no version before it can be used.
        subscribe(&scenario, "typo-new", json!({"typos": 1})).await;
        let first = retitle(&mut scenario, post, "First").await;
        wait_for_requests(&scenario, "typo", 1).await;

        let deployment = &scenario.stack.local.deployment;
        let check = json!({"sweep": "subscribers"});
        let check = deployment.invoke("DeliverFunctionName", &check).await;
        let check = check.unwrap();
        let effect = |name: &str| {
            let mut faults = check["unusable"].as_array().unwrap().iter();
            let fault = faults.find(|one| one["subscriber"] == name).unwrap();
            (fault["effect"].clone(), fault["version"].clone())
        };
        assert_eq!(effect("typo"), (json!("last_usable_version"), json!(1)));
        assert_eq!(effect("typo-new"), (json!("set_aside"), Value::Null));

        subscribe(&scenario, "typo", json!({})).await;
        subscribe(&scenario, "typo-new", json!({})).await;
        let second = retitle(&mut scenario, post, "Second").await;
        wait_for_requests(&scenario, "typo", 2).await;
        let back = || async {
            let ask = json!({"sweep": "backlogs", "at_once": true});
            deployment.invoke("DeliverFunctionName", &ask).await?;
            let events = scenario.receiver().events("typo-new");
            Ok::<_, local_stack::deployment::DeploymentError>(match events.len() {
                2.. => Wait::Ready(events),
                count => Wait::NotYet(format!("{count} have come")),
            })
        };
        let late = wait_until(&Progress::quiet(), "what waited", WAIT_TIMEOUT, back).await;
        let late = late.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(late, [first.clone(), second.clone()]);
        assert_eq!(scenario.receiver().events("typo"), [first, second]);
        unsubscribe(&scenario, "typo").await;
        unsubscribe(&scenario, "typo-new").await;
    });
}

#[test]
fn an_invalid_parameter_is_named_in_the_log_and_harms_no_other_subscriber() {
    run(async {
        let mut scenario = Scenario::new("invalid").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let faults = [
            ("not-json", "{", "is not JSON (line 1, column 1)"),
            (
                "no-secrets",
                r#"{"target":"webhook","url":"https://example.org/"}"#,
                "secrets: is missing",
            ),
            (
                "no-such-target",
                r#"{"target":"pigeon"}"#,
                r#"target: unknown target "pigeon""#,
            ),
        ];
        let since = Timestamp::now().as_millisecond();
        for (name, parameter, _) in faults {
            put_subscriber(&scenario, name, parameter).await;
        }
        retitle(&mut scenario, post, "Delivered").await;

        let deployment = &scenario.stack.local.deployment;
        let poll = || async {
            let lines = deployment.function_logs("fan-out", since).await?;
            let errors: Vec<Value> = lines
                .iter()
                .filter_map(|line| serde_json::from_str(&line.message).ok())
                .collect();
            let missing = faults.iter().find(|(name, _, problem)| {
                let text = format!("subscriber /wagrun-local/subscribers/{name}: {problem}");
                !errors.iter().any(|line| {
                    line["error"]
                        .as_str()
                        .is_some_and(|error| error.contains(&text))
                })
            });
            Ok::<_, local_stack::deployment::DeploymentError>(match missing {
                None => Wait::Ready(()),
                Some(fault) => Wait::NotYet(format!("nothing about {fault:?} in {lines:#?}")),
            })
        };
        wait_until(&Progress::quiet(), "fan-out's log", WAIT_TIMEOUT, poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        for (name, ..) in faults {
            unsubscribe(&scenario, name).await;
        }
    });
}
