//! Counts the events that a backfill would publish now. It publishes nothing.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use tokio::time::Instant;
use uuid::Uuid;
use wagrun_database::outbox::{self, Backfill};
use wagrun_event::Event;
use wagrun_event::filter::Filter;

use super::replay;
use super::slice::{NextPosition, SliceError, SliceInput};
use crate::matching::{self, COUNT_TIMEOUT};
use crate::report::CountReport;
use crate::request::{Counted, Match, Replay, Request};

/// Counts the events of a replay, or the objects of a snapshot.
pub(super) async fn count(
    connection: &mut PgConnection,
    counted: &Counted,
    source: &str,
) -> Result<CountReport, SliceError> {
    match &counted.request {
        Request::Replay(replay) => count_replay(connection, replay, &counted.filter, source).await,
        Request::Snapshot(snapshot) => {
            let matched =
                matching::count(connection, &Match::from(snapshot), &counted.filter).await?;
            Ok(CountReport {
                events: matched.matching,
                finished: matched.finished,
            })
        }
    }
}

/// Makes every slice of a replay, and counts its events instead of publishing them.
async fn count_replay(
    connection: &mut PgConnection,
    replay: &Replay,
    filter: &Filter,
    source: &str,
) -> Result<CountReport, SliceError> {
    let stop_at = Instant::now() + COUNT_TIMEOUT;
    let last = outbox::last_published(connection).await?;
    let mut run = Backfill {
        id: Uuid::nil(),
        request: Json(Value::Null),
        cursor: Json(replay::first_cursor(last)),
        failures: 0,
    };
    let mut input = SliceInput {
        reference: outbox::Reference::load(connection).await?,
        connection,
        source,
    };
    let mut events = 0;
    while Instant::now() < stop_at {
        let slice = replay::next_slice(&mut input, &run, replay).await?;
        let passes = |event: &&Event| filter.matches(event);
        events += slice.events.iter().filter(passes).count();
        match slice.position {
            NextPosition::Cursor(cursor) => run.cursor = Json(cursor),
            // A replay waits for nothing.
            NextPosition::End | NextPosition::WaitFor(_) => {
                return Ok(CountReport {
                    events,
                    finished: true,
                });
            }
        }
    }
    Ok(CountReport {
        events,
        finished: false,
    })
}
