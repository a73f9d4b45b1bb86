//! One turn of a backfill: its next slice is made and published, or has failed.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun_database::outbox::{self, Backfill, Lock};
use wagrun_lambda::telemetry::chain;

use super::slice::{BackfillSlice, NextPosition, SliceError, SliceInput};
use super::{replay, snapshot};
use crate::context::DrainContext;
use crate::error::DrainError;
use crate::publish::{OutgoingEvent, Publication, RefusalCause};
use crate::request::Request;
use crate::run_state::{FailedBackfill, RunState};

/// The number of failures of the same slice after which the run goes on without the part that fails.
const MAX_FAILURES: i32 = 3;

/// Pause between two tries for the drain lock.
pub(super) const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// The result of a turn.
pub(super) enum TurnEnd {
    /// The drain lock could not be taken before the time was over.
    LockNotTaken,
    /// The turn is over, the drain lock is held, and the topic accepted this number of events.
    Published(usize),
}

/// The next slice of a run.
enum Made {
    /// The drain lock could not be taken in time.
    LockNotTaken,
    /// The run was cancelled before the lock was taken.
    Cancelled,
    /// The slice, or the reason why it cannot be made.
    Slice(Result<BackfillSlice, SliceError>),
}

/// Makes and publishes the next slice of a run. Returns with the drain lock held, unless it could not be taken.
pub(super) async fn take(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    run: &Backfill,
    state: &mut RunState,
) -> Result<TurnEnd, DrainError> {
    let made = match make_slice(connection, context, run).await? {
        Made::LockNotTaken => return Ok(TurnEnd::LockNotTaken),
        Made::Cancelled => return Ok(TurnEnd::Published(0)),
        Made::Slice(made) => made,
    };
    let published = match made {
        Ok(slice) => publish_slice(connection, context, run, slice, state).await?,
        // A lost connection ends the whole run of content-events.
        Err(SliceError::Database(error)) if error.as_database_error().is_none() => {
            return Err(error.into());
        }
        // Any other error concerns this backfill alone, such as a column that no longer exists.
        Err(error) => {
            handle_failed_slice(connection, run, &error, state).await?;
            0
        }
    };
    Ok(TurnEnd::Published(published))
}

/// Makes a run's next slice and takes the drain lock.
///
/// History does not change. So a replay reads it before it takes the lock, and no live event waits. A snapshot is consistent
/// with live events only when it is read under the lock.
async fn make_slice(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    run: &Backfill,
) -> Result<Made, DrainError> {
    let request = stored_request(run);
    let mut replayed = None;
    if let Ok(request @ Request::Replay(_)) = &request {
        replayed = Some(read_slice(connection, context, run, request).await);
    }
    while !outbox::try_lock(connection, Lock::Drain).await? {
        if Instant::now() + LOCK_RETRY_INTERVAL >= context.stop_at {
            return Ok(Made::LockNotTaken);
        }
        sleep(LOCK_RETRY_INTERVAL).await;
    }
    // Whoever cancels a run takes this lock too, and then nothing of it is published any more.
    if !outbox::backfill_is_open(connection, run.id).await? {
        return Ok(Made::Cancelled);
    }
    Ok(Made::Slice(match (replayed, request) {
        (Some(replayed), _) => replayed,
        (None, Ok(request)) => read_slice(connection, context, run, &request).await,
        (None, Err(error)) => Err(error),
    }))
}

async fn read_slice(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    run: &Backfill,
    request: &Request,
) -> Result<BackfillSlice, SliceError> {
    let mut input = SliceInput {
        reference: outbox::Reference::load(connection).await?,
        connection,
        source: context.source,
    };
    match request {
        Request::Replay(replay) => replay::next_slice(&mut input, run, replay).await,
        Request::Snapshot(snapshot) => snapshot::next_slice(&mut input, run, snapshot).await,
    }
}

fn stored_request(run: &Backfill) -> Result<Request, SliceError> {
    match Request::parse(&run.request.0) {
        Some(Ok(request)) => Ok(request),
        Some(Err(error)) => Err(SliceError::Request(Some(error))),
        None => Err(SliceError::Request(None)),
    }
}

/// Publishes a slice and stores the run's new position. Returns the number of events that the topic accepted.
async fn publish_slice(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    run: &Backfill,
    slice: BackfillSlice,
    state: &mut RunState,
) -> Result<usize, DrainError> {
    let events = serialize_all(slice.events);
    let results = Publication::start(context.topic, events).all().await;
    let published = results.sequences.len();
    state.report.backfilled += published;
    let mut left_out = None;
    if let Some(first) = results.refusals.first() {
        let reason = format!(
            "{} events were not published, the first of {}: {}",
            results.refusals.len(),
            first.object,
            first.reason
        );
        let are_all_invalid = results
            .refusals
            .iter()
            .all(|refusal| refusal.cause == RefusalCause::InvalidEvent);
        // Events that are refused each time for a fault of their own do not keep the run from its end.
        if run.failures + 1 < MAX_FAILURES || !are_all_invalid {
            fail(connection, run, reason, state).await?;
            return Ok(published);
        }
        tracing::error!(reason, "backfill goes on without refused events");
        state.failed_backfills.push(FailedBackfill {
            id: run.id,
            reason: reason.clone(),
        });
        left_out = Some(reason);
    }
    let left_out = left_out.as_deref();

    match &slice.position {
        NextPosition::Cursor(cursor) => {
            outbox::advance_backfill(connection, run.id, published, Some(cursor), left_out).await?;
        }
        NextPosition::End => {
            outbox::advance_backfill(connection, run.id, published, None, left_out).await?;
        }
        // The object is blocked when its event was refused, which is an error of its own. Otherwise the event was committed
        // a moment ago, and the next drain of the live events publishes it.
        NextPosition::WaitFor(object) => {
            if state.is_blocked(object) {
                state.skipped_backfills.push(run.id);
            }
        }
    }
    let finished = slice.position == NextPosition::End;
    tracing::info!(published, finished, "slice published");
    Ok(published)
}

/// Serializes the events of a slice. Leaves out an event that cannot be sent, so that the run comes to its end.
fn serialize_all(events: Vec<wagrun_event::Event>) -> Vec<OutgoingEvent> {
    let mut outgoing = Vec::with_capacity(events.len());
    for event in events {
        let (id, subject) = (event.id, event.subject.clone());
        match OutgoingEvent::new(0, event) {
            Ok(event) => outgoing.push(event),
            Err(error) => tracing::error!(
                event.id = %id,
                event.subject = subject,
                error = chain(&error),
                "event left out of a backfill"
            ),
        }
    }
    outgoing
}

/// Handles a slice that could not be made. At the third failure a snapshot goes on behind the model, so that one table
/// that cannot be read does not hold back the others.
async fn handle_failed_slice(
    connection: &mut PgConnection,
    run: &Backfill,
    error: &SliceError,
    state: &mut RunState,
) -> Result<(), DrainError> {
    let is_locked = matches!(error, SliceError::Database(error) if outbox::is_lock_conflict(error));
    let reason = match error {
        // The text of a driver's error contains its source already.
        SliceError::Database(error) => error.to_string(),
        error => chain(error),
    };
    if run.failures + 1 >= MAX_FAILURES
        && !is_locked
        && let Ok(Request::Snapshot(snapshot)) = stored_request(run)
        && let Ok(position) = snapshot::position_after_model(connection, run, &snapshot).await
    {
        let cursor = match &position {
            NextPosition::Cursor(cursor) => Some(cursor),
            _ => None,
        };
        outbox::advance_backfill(connection, run.id, 0, cursor, Some(&reason)).await?;
        tracing::error!(reason, "snapshot goes on without an unreadable model");
        state
            .failed_backfills
            .push(FailedBackfill { id: run.id, reason });
        return Ok(());
    }
    fail(connection, run, reason, state).await?;
    Ok(())
}

/// Stores the reason of a failure, and skips the run for the rest of this invocation.
async fn fail(
    connection: &mut PgConnection,
    run: &Backfill,
    reason: String,
    state: &mut RunState,
) -> Result<(), sqlx::Error> {
    outbox::record_backfill_failure(connection, run.id, &reason).await?;
    state.skipped_backfills.push(run.id);
    state
        .failed_backfills
        .push(FailedBackfill { id: run.id, reason });
    Ok(())
}
