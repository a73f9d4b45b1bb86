//! Replays and snapshots for one subscriber, from the request to the receiver.

use std::collections::BTreeSet;
use std::slice;

use local_stack::admin::{Action, Fields};
use serde_json::{Value, json};
use wagrun_event::Event;

use crate::support::event_line::page;
use crate::support::runtime::run;
use crate::support::scenario::Scenario;
use crate::support::stack::CATCH_ALL;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};

/// Returns the type, the subject, the title and the field `live` of a page's event.
fn shown(event: &Event) -> (String, String, String, bool) {
    let title = event.data["title"].as_str().unwrap().to_owned();
    let live = event.data["live"].as_bool().unwrap();
    (event.kind.clone(), event.subject.clone(), title, live)
}

/// Sends a request to content-events, and returns the run that it reports.
async fn request_backfill(scenario: &Scenario, request: Value) -> Value {
    let deployment = &scenario.stack.local.deployment;
    let answer = deployment.invoke("ContentEventsFunctionName", &request);
    answer.await.unwrap()["backfill"].clone()
}

#[test]
fn a_replay_arrives_in_order_and_only_at_its_subscriber() {
    run(async {
        let mut scenario = Scenario::new("replaying").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        retitle(&mut scenario, post, "One").await;
        retitle(&mut scenario, post, "Two").await;
        let subject = format!("page/{post}");
        let live = scenario.receiver().events_of(CATCH_ALL, &subject);
        assert_eq!(live.len(), 5);
        subscribe(&scenario, "late", json!({})).await;
        subscribe(&scenario, "bystander", json!({})).await;

        let replay = json!({"replay": {"subject": subject, "subscriber": "late"}});
        let backfill = request_backfill(&scenario, replay).await;
        wait_for_requests(&scenario, "late", 5).await;
        let expected: Vec<Event> = live
            .into_iter()
            .map(|event| Event {
                replayed: true,
                subscriber: Some("late".to_owned()),
                backfill: Some(backfill["id"].as_str().unwrap().parse().unwrap()),
                ..event
            })
            .collect();
        assert_eq!(scenario.receiver().events("late"), expected);

        // An event that the others received by mistake would have come before this one, in the same lane.
        let next = retitle(&mut scenario, post, "Three").await;
        wait_for_requests(&scenario, "bystander", 1).await;
        assert_eq!(
            scenario.receiver().events("bystander"),
            slice::from_ref(&next)
        );
        let everything = scenario.receiver().events_of(CATCH_ALL, &subject);
        assert_eq!(everything.len(), 6);
        assert!(everything.iter().all(|event| !event.replayed));
        wait_for_requests(&scenario, "late", 6).await;
        assert_eq!(scenario.receiver().events("late")[5], next);
        for name in ["late", "bystander"] {
            unsubscribe(&scenario, name).await;
        }
    });
}

#[test]
fn a_snapshot_brings_only_its_subscriber_up_to_date() {
    run(async {
        let mut scenario = Scenario::new("snapshots").await;
        let live = scenario.live_post(scenario.root, "Live").await;
        let draft = scenario.create(scenario.root, "Draft", Action::Save).await;
        let lines = ["created", "updated"].map(|action| page(action, draft));
        let known = scenario.expect(&lines).await;
        scenario
            .edit(live, &Fields::titled("Newest"), Action::Publish)
            .await;
        let known = [
            known,
            scenario
                .expect(&[page("updated", live), page("published", live)])
                .await,
        ]
        .concat();
        subscribe(&scenario, "bystander-of-it", json!({})).await;
        subscribe(&scenario, "newcomer", json!({})).await;
        // A subscriber that was created before the request is known, without any wait in between.
        let backfill = request_backfill(
            &scenario,
            json!({"snapshot": {"subscriber": "newcomer", "under": "/snapshots/"}}),
        )
        .await;
        wait_for_requests(&scenario, "newcomer", 3).await;
        let received = scenario.receiver().events("newcomer");
        let shown: BTreeSet<_> = received.iter().map(shown).collect();
        let expected = [
            (scenario.root, "snapshots", true),
            (live, "Newest", true),
            (draft, "Draft", false),
        ];
        let expected = expected.map(|(id, title, live)| {
            let (kind, subject) = page("snapshot", id);
            (kind, subject, title.to_owned(), live)
        });
        assert_eq!(shown, expected.into());
        for event in &received {
            assert_eq!(event.subscriber.as_deref(), Some("newcomer"));
            assert_eq!(
                event.backfill.map(|run| json!(run)),
                Some(backfill["id"].clone())
            );
            assert!(!event.replayed);
            let older = known.iter().filter(|known| known.subject == event.subject);
            assert!(
                older
                    .into_iter()
                    .all(|known| known.sequence < event.sequence)
            );
        }

        let next = retitle(&mut scenario, live, "Next").await;
        wait_for_requests(&scenario, "bystander-of-it", 1).await;
        assert_eq!(
            scenario.receiver().events("bystander-of-it"),
            slice::from_ref(&next)
        );
        let everything = scenario.receiver().events(CATCH_ALL);
        assert!(
            !everything
                .iter()
                .any(|event| event.is_snapshot() && scenario.is_own_event(event))
        );
        wait_for_requests(&scenario, "newcomer", 4).await;
        assert_eq!(scenario.receiver().events("newcomer")[3], next);
        for name in ["newcomer", "bystander-of-it"] {
            unsubscribe(&scenario, name).await;
        }
    });
}
