//! Subscribers that are choosy, switched off or misconfigured.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::{Answer, WebhookRequest};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::databases::run;
use crate::story::{Story, page};
use crate::world::{EVERYTHING, PATIENCE};

/// Adds a subscriber to the story's own pages, or changes it; `with` are more of its fields.
pub async fn subscribe(story: &Story, name: &str, with: Value) {
    let mut parameter = story.receiver().parameter(name);
    parameter["under"] = json!(story.url.trim_start_matches("http://localhost"));
    let fields = with.as_object().unwrap().clone();
    parameter.as_object_mut().unwrap().extend(fields);
    put(story, name, &parameter.to_string()).await;
}

async fn put(story: &Story, name: &str, parameter: &str) {
    let deployment = &story.world.stack.deployment;
    deployment.put_subscriber(name, parameter).await.unwrap();
}

pub async fn unsubscribe(story: &Story, name: &str) {
    let deployment = &story.world.stack.deployment;
    deployment.delete_subscriber(name).await.unwrap();
}

/// All requests for a subscriber, once there are `count`.
pub async fn requests(story: &Story, name: &str, count: usize) -> Vec<WebhookRequest> {
    let what = format!("{count} requests");
    let enough = |all: &[WebhookRequest]| (all.len() >= count).then(|| all.to_vec());
    let waited = story.receiver().wait_until(name, &what, PATIENCE, enough);
    waited.await.unwrap_or_else(|missing| panic!("{missing}"))
}

/// One commit on a live page, and its event, which the subscriber that gets everything has received.
pub async fn retitle(story: &mut Story, post: PageId, title: &str) -> Event {
    story.edit(post, &Fields::titled(title), Action::Save).await;
    let mut events = story.expect(&[page("updated", post)]).await;
    events.remove(0)
}

#[test]
fn a_disabled_subscriber_gets_nothing() {
    run(async {
        let mut story = Story::new("disabled").await;
        let post = story.live_post(story.root, "Post").await;
        subscribe(&story, "disabled", json!({"enabled": false})).await;
        retitle(&mut story, post, "Unseen").await;
        subscribe(&story, "disabled", json!({})).await;
        let seen = retitle(&mut story, post, "Seen").await;
        // Both events would have come in one lane, so that the first can't arrive after the second.
        requests(&story, "disabled", 1).await;
        assert_eq!(story.receiver().events("disabled"), [seen]);
        unsubscribe(&story, "disabled").await;
    });
}

#[test]
fn a_receiver_that_is_gone_is_switched_off_and_another_subscriber_is_told() {
    run(async {
        let mut story = Story::new("gone").await;
        let post = story.live_post(story.root, "Post").await;
        subscribe(&story, "gone", json!({"retry_seconds": [5, 5]})).await;
        // It is gone at the second try, when another delivery waits behind the first.
        for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::GONE] {
            let answer = Answer::status(status);
            story.receiver().answer_next("gone", 1, &answer);
        }
        let unwanted = retitle(&mut story, post, "Unwanted").await;
        let waiting = retitle(&mut story, post, "Waiting").await;

        let is_told = |event: &Event| event.subject == "subscriber/gone";
        let told = story
            .receiver()
            .wait_for(EVERYTHING, "subscriber.disabled", PATIENCE, is_told)
            .await
            .unwrap_or_else(|missing| panic!("{missing}"));
        let event = told.event.unwrap();
        let reason = "the receiver answered 410 Gone";
        assert_eq!(event.kind, "subscriber.disabled");
        assert_eq!(
            (&event.data["name"], &event.data["reason"]),
            (&json!("gone"), &json!(reason))
        );
        let mut expected = story.receiver().parameter("gone");
        expected["under"] = json!("/gone/");
        expected["retry_seconds"] = json!([5, 5]);
        expected["enabled"] = json!(false);
        expected["disabled"] = json!({"reason": reason, "at": event.data["at"]});
        let deployment = &story.world.stack.deployment;
        let look = || async {
            let parameter = deployment.subscriber("gone").await?;
            Ok::<_, local_stack::deployment::DeploymentError>(match parameter == expected {
                true => Wait::Ready(()),
                false => Wait::NotYet(parameter.to_string()),
            })
        };
        wait_until(&Progress::quiet(), "the parameter", PATIENCE, look)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));

        retitle(&mut story, post, "Unseen").await;
        subscribe(&story, "gone", json!({})).await;
        let seen = retitle(&mut story, post, "Seen").await;
        // What waited may be set aside by now, or not yet.
        let back = || async {
            let ask = json!({"look_after": "backlogs", "at_once": true});
            deployment.invoke("DeliverFunctionName", &ask).await?;
            Ok::<_, local_stack::deployment::DeploymentError>(
                match story.receiver().events("gone").len() {
                    3.. => Wait::Ready(()),
                    count => Wait::NotYet(format!("{count} have come")),
                },
            )
        };
        wait_until(&Progress::quiet(), "what waited", PATIENCE, back)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(story.receiver().events("gone"), [unwanted, waiting, seen]);
        unsubscribe(&story, "gone").await;
    });
}

#[test]
fn filters_let_through_what_they_name() {
    run(async {
        let mut story = Story::alone("filters").await;
        let root = story.root;
        let inner = story.live_post(root, "Inner").await;
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
            subscribe(&story, name, filter).await;
        }
        let outer = story.create(root, "Outer", Action::Publish).await;
        story
            .edit(root, &Fields::titled("Root"), Action::Save)
            .await;
        story
            .edit(inner, &Fields::none().slug("out"), Action::Publish)
            .await;
        story
            .edit(inner, &Fields::titled("Outside"), Action::Save)
            .await;
        story.admin.delete_page(outer).await.unwrap();
        let mut lines: Vec<_> = ["created", "updated", "published"]
            .map(|action| page(action, outer))
            .into();
        lines.push(page("updated", root));
        lines.extend(["updated", "published", "updated"].map(|action| page(action, inner)));
        lines.push(page("deleted", outer));
        story.expect(&lines).await;
        all_delivered(&story).await;

        let received = |name: &str| {
            let mut by_page = BTreeMap::<String, Vec<String>>::new();
            for event in story.receiver().events(name) {
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
        // The event that says that it left still concerns whoever watches where it was.
        assert_eq!(
            received("by-path"),
            [lane(inner, &["updated", "published"])]
        );
        for name in ["by-type", "by-content-type", "by-path"] {
            unsubscribe(&story, name).await;
        }
    });
}

/// Waits until no delivery is left to attempt; only for a story that is told alone.
async fn all_delivered(story: &Story) {
    let deployment = &story.world.stack.deployment;
    let queue = deployment.output("DeliveryQueueUrl").unwrap();
    let look = || async {
        let depth = deployment.aws().queue_depth(queue).await?;
        Ok::<_, local_stack::aws::AwsError>(match (depth.visible, depth.in_flight) {
            (0, 0) => Wait::Ready(()),
            _ => Wait::NotYet(format!("{depth:?}")),
        })
    };
    wait_until(
        &Progress::quiet(),
        "an empty delivery queue",
        PATIENCE,
        look,
    )
    .await
    .unwrap_or_else(|error| panic!("{}", chain(&error)));
}

#[test]
fn a_parameter_that_is_no_subscriber_is_named_in_the_log_and_harms_nobody() {
    run(async {
        let mut story = Story::new("invalid").await;
        let post = story.live_post(story.root, "Post").await;
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
            put(&story, name, parameter).await;
        }
        retitle(&mut story, post, "Delivered").await;

        let deployment = &story.world.stack.deployment;
        let look = || async {
            let lines = deployment.function_logs("fan-out", since).await?;
            let errors: Vec<Value> = lines
                .iter()
                .filter_map(|line| serde_json::from_str(&line.message).ok())
                .collect();
            let missing = faults.iter().find(|(name, _, problem)| {
                let text = format!("subscriber /wagrun-local/subscribers/{name}: {problem}");
                !errors.iter().any(|line| {
                    line["fields"]["error"]
                        .as_str()
                        .is_some_and(|error| error.contains(&text))
                })
            });
            Ok::<_, local_stack::deployment::DeploymentError>(match missing {
                None => Wait::Ready(()),
                Some(fault) => Wait::NotYet(format!("nothing about {fault:?} in {lines:#?}")),
            })
        };
        wait_until(&Progress::quiet(), "fan-out's log", PATIENCE, look)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        for (name, ..) in faults {
            unsubscribe(&story, name).await;
        }
    });
}
