//! Replays and snapshots for one subscriber, from the request to the receiver.

use std::collections::BTreeSet;
use std::slice;

use local_stack::admin::{Action, Fields};
use serde_json::{Value, json};
use wagrun_event::Event;

use crate::delivery::subscribers::{requests, retitle, subscribe, unsubscribe};
use crate::support::database::run;
use crate::support::scenario::{Story, page};
use crate::support::stack::EVERYTHING;

/// What an event says of a page: type, subject, title, and whether it is live.
fn shown(event: &Event) -> (String, String, String, bool) {
    let title = event.data["title"].as_str().unwrap().to_owned();
    let live = event.data["live"].as_bool().unwrap();
    (event.kind.clone(), event.subject.clone(), title, live)
}

/// Asks content-events; what it says of the run.
async fn ask(story: &Story, request: Value) -> Value {
    let deployment = &story.world.stack.deployment;
    let answer = deployment.invoke("ContentEventsFunctionName", &request);
    answer.await.unwrap()["backfill"].clone()
}

#[test]
fn a_replay_after_the_fact_comes_in_order_and_to_nobody_else() {
    run(async {
        let mut story = Story::new("replaying").await;
        let post = story.live_post(story.root, "Post").await;
        retitle(&mut story, post, "One").await;
        retitle(&mut story, post, "Two").await;
        let subject = format!("page/{post}");
        let live = story.receiver().events_of(EVERYTHING, &subject);
        assert_eq!(live.len(), 5);
        subscribe(&story, "late", json!({})).await;
        subscribe(&story, "bystander", json!({})).await;

        let replay = json!({"replay": {"subject": subject, "subscriber": "late"}});
        let asked = ask(&story, replay).await;
        requests(&story, "late", 5).await;
        let expected: Vec<Event> = live
            .into_iter()
            .map(|event| Event {
                replayed: true,
                subscriber: Some("late".to_owned()),
                backfill: Some(asked["id"].as_str().unwrap().parse().unwrap()),
                ..event
            })
            .collect();
        assert_eq!(story.receiver().events("late"), expected);

        // What had gone to the others would have come before this, in the same lanes.
        let next = retitle(&mut story, post, "Three").await;
        requests(&story, "bystander", 1).await;
        assert_eq!(story.receiver().events("bystander"), slice::from_ref(&next));
        let everything = story.receiver().events_of(EVERYTHING, &subject);
        assert_eq!(everything.len(), 6);
        assert!(everything.iter().all(|event| !event.replayed));
        requests(&story, "late", 6).await;
        assert_eq!(story.receiver().events("late")[5], next);
        for name in ["late", "bystander"] {
            unsubscribe(&story, name).await;
        }
    });
}

#[test]
fn a_snapshot_brings_a_new_subscriber_up_to_date_and_nobody_else() {
    run(async {
        let mut story = Story::new("snapshots").await;
        let live = story.live_post(story.root, "Live").await;
        let draft = story.create(story.root, "Draft", Action::Save).await;
        let lines = ["created", "updated"].map(|action| page(action, draft));
        let known = story.expect(&lines).await;
        story
            .edit(live, &Fields::titled("Newest"), Action::Publish)
            .await;
        let known = [
            known,
            story
                .expect(&[page("updated", live), page("published", live)])
                .await,
        ]
        .concat();
        subscribe(&story, "bystander-of-it", json!({})).await;
        subscribe(&story, "newcomer", json!({})).await;
        // Nothing is in between: whoever was created before the request is known.
        let asked = ask(
            &story,
            json!({"snapshot": {"subscriber": "newcomer", "under": "/snapshots/"}}),
        )
        .await;
        requests(&story, "newcomer", 3).await;
        let received = story.receiver().events("newcomer");
        let shown: BTreeSet<_> = received.iter().map(shown).collect();
        let expected = [
            (story.root, "snapshots", true),
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
                Some(asked["id"].clone())
            );
            assert!(!event.replayed);
            let older = known.iter().filter(|known| known.subject == event.subject);
            assert!(
                older
                    .into_iter()
                    .all(|known| known.sequence < event.sequence)
            );
        }

        let next = retitle(&mut story, live, "Next").await;
        requests(&story, "bystander-of-it", 1).await;
        assert_eq!(
            story.receiver().events("bystander-of-it"),
            slice::from_ref(&next)
        );
        let everything = story.receiver().events(EVERYTHING);
        assert!(
            !everything
                .iter()
                .any(|event| event.is_snapshot() && story.is_mine(event))
        );
        requests(&story, "newcomer", 4).await;
        assert_eq!(story.receiver().events("newcomer")[3], next);
        for name in ["newcomer", "bystander-of-it"] {
            unsubscribe(&story, name).await;
        }
    });
}
