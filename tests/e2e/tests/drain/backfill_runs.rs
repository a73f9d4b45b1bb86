//! The runs of backfills: their identity, their turns, their pace, and a crash between two slices.

use std::time::Duration;

use content_events::BackfillProgress;
use content_events::Invocation;
use serde_json::json;
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::backfills::{publish_author_changes, requested_run};
use crate::support::drain_fixture::{DrainFixture, assert_each_in_order, rename};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{wait_until_no_lock_is_held, wait_until_true};

#[test]
fn a_crash_between_publishing_and_keeping_the_cursor_repeats_a_slice_under_the_same_ids() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 150).await;
        let replay = json!({"replay": {"type": "wagtail.author.*"}});
        let wake = Invocation::parse(&replay).unwrap();
        fixture.drainer.run(&wake, Instant::now()).await.unwrap();

        // Consumes the notice of the batches so far.
        fixture.topic.wait_for_batch().await;
        fixture.topic.swallow_answers();
        let drainer = fixture.drainer.clone();
        let killed =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        fixture.topic.recover();
        wait_until_no_lock_is_held(&mut session).await;

        assert_eq!(fixture.sweep().await.unwrap().backfilled, 150);
        assert!(
            fixture.topic.duplicate_count() > 0,
            "the crash came after something"
        );
        assert_each_in_order(&fixture.backfilled(), 150, 1);
    });
}

#[test]
fn the_same_request_is_the_same_run_until_that_is_done() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 1).await;
        let replay = json!({"replay": {"type": "*"}});
        let wake = Invocation::parse(&replay).unwrap();
        let mut runs = Vec::new();
        for stop_at in [Instant::now(), in_a_minute(), in_a_minute()] {
            let answer = fixture.drainer.run(&wake, stop_at).await.unwrap();
            runs.push((requested_run(&answer).id, requested_run(&answer).finished));
        }
        assert_eq!((runs[0].0, runs[1].1), (runs[1].0, true));
        assert_ne!(runs[1].0, runs[2].0);
    });
}

#[test]
fn a_request_is_answered_at_once_and_its_progress_opens_no_second_run() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 150).await;
        let replay = json!({"replay": {"type": "*"}});
        let counted = fixture.invoke(json!({"count": replay})).await.unwrap();
        let counted = counted.counted.unwrap();
        assert_eq!((counted.events, counted.finished), (150, true));
        let of_subscriber = json!({"count": replay, "match": {"content_types": ["blog.*page"]}});
        let counted = fixture.invoke(of_subscriber).await.unwrap();
        assert_eq!(counted.counted.unwrap().events, 0);

        let mut at_once = replay.clone();
        at_once["wait"] = false.into();
        let answer = fixture.invoke(at_once).await.unwrap();
        let opened = requested_run(&answer).clone();
        assert_eq!((opened.published, opened.finished), (0, false));
        assert!(answer.rang_again);
        assert!(fixture.backfilled().is_empty());
        // The doorbell's run comes to the end of it. The same request would begin again from then on.
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 150);
        let ended = BackfillProgress {
            published: 150,
            finished: true,
            outcome: Some("done".to_owned()),
            ..opened.clone()
        };
        for _ in 0..2 {
            let asked = fixture.invoke(json!({"progress": opened.id})).await;
            let answer = asked.unwrap();
            assert_eq!(requested_run(&answer), &ended);
            assert_eq!(answer.backfilled, 0);
        }
        let unknown = Uuid::nil();
        let error = fixture.invoke(json!({"progress": unknown})).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("progress: no replay or snapshot {unknown} is known")
        );
    });
}

/// Publishes 150 changes, and requests them again without waiting. Returns the id of the run.
async fn replay_of_150_changes(fixture: &DrainFixture, session: &mut PgConnection) -> Uuid {
    publish_author_changes(fixture, session, 150).await;
    let replay = json!({"replay": {"type": "*"}, "wait": false});
    let answer = fixture.invoke(replay).await.unwrap();
    requested_run(&answer).id
}

#[test]
fn the_progress_of_a_run_goes_on_with_it_when_no_doorbell_rings() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        let id = replay_of_150_changes(&fixture, &mut session).await;
        let answer = fixture.invoke(json!({"progress": id})).await.unwrap();
        assert_eq!(answer.backfilled, 150);
        assert!(requested_run(&answer).finished);
    });
}

#[test]
fn a_count_of_a_snapshot_is_the_number_of_its_events() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 12).await;
        let authors = json!({"snapshot": {"subscriber": "search", "types": ["wagtail.author.*"]}});
        let counted = fixture.invoke(json!({"count": authors})).await.unwrap();
        assert_eq!(counted.counted.unwrap().events, 12);
        let answer = fixture.invoke(authors).await.unwrap();
        assert_eq!(requested_run(&answer).published, 12);
    });
}

#[test]
fn a_cancelled_run_publishes_no_more() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 150).await;
        let wake = Invocation::parse(&json!({"replay": {"type": "*"}})).unwrap();
        let answer = fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        let id = requested_run(&answer).id;
        fixture.publish_slice().await;
        let answer = fixture.invoke(json!({"cancel": id})).await.unwrap();
        assert_eq!(
            requested_run(&answer),
            &BackfillProgress {
                id,
                published: 100,
                finished: true,
                outcome: Some("cancelled".to_owned()),
            }
        );
        assert_eq!(fixture.sweep().await.unwrap().backfilled, 0);
        let error = fixture.invoke(json!({"cancel": id})).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cancel: no replay or snapshot {id} is under way")
        );
    });
}

#[test]
fn a_run_that_is_cancelled_while_it_publishes_counts_what_was_on_its_way() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        let id = replay_of_150_changes(&fixture, &mut session).await;
        // Consumes the notice of the batches so far.
        fixture.topic.wait_for_batch().await;
        fixture.topic.delay(Duration::from_millis(700));
        let drainer = fixture.drainer.clone();
        let publishing =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        let answer = fixture.invoke(json!({"cancel": id})).await.unwrap();
        let progress = requested_run(&answer);
        assert_eq!(progress.outcome.as_deref(), Some("cancelled"));
        publishing.await.unwrap().unwrap();
        assert_eq!(progress.published, 100);
        assert_eq!(fixture.backfilled().len(), 100);
    });
}

#[test]
fn runs_take_turns_whatever_their_length() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 250).await;
        for subscriber in ["first", "second"] {
            let replay = json!({"replay": {"type": "*", "subscriber": subscriber}});
            let wake = Invocation::parse(&replay).unwrap();
            fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        }
        fixture.sweep().await.unwrap();
        let mut turns: Vec<String> = fixture
            .backfilled()
            .into_iter()
            .filter_map(|event| event.subscriber)
            .collect();
        assert_eq!(turns.len(), 500);
        turns.dedup();
        assert_eq!(
            turns,
            ["first", "second", "first", "second", "first", "second"]
        );
    });
}

#[test]
fn invocations_beside_each_other_keep_the_pace_of_one() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        publish_author_changes(&fixture, &mut session, 250).await;
        let wake = Invocation::parse(&json!({"replay": {"type": "*"}})).unwrap();
        fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        let started = Instant::now();
        let drainer = fixture.drainer.clone();
        let pacing =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = fixture.database.observer().await;
        wait_until_true(
            &mut observer,
            "select exists (select from wagrun.backfill where published > 0)",
        )
        .await;
        rename(&mut session, 1, "live").await;
        let beside = fixture.sweep().await.unwrap();
        assert_eq!((beside.published, beside.backfilled), (1, 0));
        assert!(beside.another_drainer);
        assert_eq!(pacing.await.unwrap().unwrap().backfilled, 250);
        // Two pauses of a second: there is none after the last slice.
        assert!(started.elapsed() >= Duration::from_secs(2));
        assert_each_in_order(&fixture.backfilled(), 250, 1);
    });
}
