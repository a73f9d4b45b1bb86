//! Requests for replays and snapshots, and the events that must come of them.

use content_events::Invocation;
use content_events::{BackfillProgress, DrainReport};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;
use wagrun_event::Event;

use super::drain_fixture::{DrainFixture, insert_authors};
use super::sql::execute;

/// Returns the request for a snapshot of everything, for the subscriber `search`.
pub fn snapshot_request() -> Value {
    json!({"snapshot": {"subscriber": "search"}})
}

/// Returns the request for a snapshot of the pages and the authors, for the subscriber `search`.
pub fn page_and_author_snapshot() -> Value {
    json!({"snapshot": {"subscriber": "search", "types": ["wagtail.author.*", "wagtail.page.*"]}})
}

/// Requests a backfill without time for a slice, and returns the id of its run.
pub async fn open_backfill(fixture: &DrainFixture, payload: &Value) -> Uuid {
    let wake = Invocation::parse(payload).unwrap();
    let answer = fixture.drainer.run(&wake, Instant::now()).await.unwrap();
    answer.backfill.unwrap().id
}

/// Returns the run that the payload requested.
pub fn requested_run(answer: &DrainReport) -> &BackfillProgress {
    answer.backfill.as_ref().unwrap()
}

/// Returns the event as a replay must repeat it.
pub fn as_replayed(live: &Event, run: Uuid, subscriber: Option<&str>) -> Event {
    Event {
        replayed: true,
        backfill: Some(run),
        subscriber: subscriber.map(str::to_owned),
        ..live.clone()
    }
}

/// Publishes one change of each of `count` authors.
pub async fn publish_author_changes(
    fixture: &DrainFixture,
    session: &mut PgConnection,
    count: i32,
) {
    insert_authors(session, count).await;
    execute(session, "update blog_author set name = '1'").await;
    fixture.sweep().await.unwrap();
}

/// Returns the subject of each event.
pub fn subjects(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.subject.as_str()).collect()
}
