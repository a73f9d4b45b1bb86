//! Backfills: events of the past (replay) and of the present state (snapshot), slice by slice between the live events.
//!
//! # Promise
//! Every event that a run matches reaches the topic at least once, in order of sequence for each object. A live event waits
//! for at most one slice. A snapshot never puts an older state behind a newer one.
//!
//! # Progress
//! A run is a row of `wagrun.backfill` with a cursor. Any invocation that has drained the live events goes on with the open
//! runs, one slice at a time, and the runs take turns. When its time is over it rings the doorbell. So a crash in any step
//! costs one slice, which is repeated under the same ids, and the wait for the next ring.
//!
//! # Locks
//! The drain lock is held for a slice but not for the pauses, so the invocation of a live event finds it free. The backfill
//! lock is held across the pauses, so that several invocations do not multiply the pace. An invocation that finds it taken
//! leaves, as with live events.

mod count;
mod replay;
mod slice;
mod snapshot;
mod turn;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;
use uuid::Uuid;
use wagrun_database::outbox::{self, Lock};

use crate::context::DrainContext;
use crate::error::DrainError;
use crate::live_events::{self, LiveStatus};
use crate::report::CountReport;
use crate::request::{Counted, Request};
use crate::run_state::RunState;
use slice::SliceError;
use turn::{LOCK_RETRY_INTERVAL, TurnEnd};

/// Pause after a slice for each of its events. At most a hundred events a second leave deliver, the receivers and the
/// database room for live events.
const PAUSE_PER_EVENT: Duration = Duration::from_millis(10);

/// The longest wait of a cancellation for the slice that is being published. Others may hold the lock for longer.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// The reason for which the work at backfills ended.
enum BackfillEnd {
    /// No open run can go on.
    Done,
    /// The time is over.
    TimeOver,
    /// The live events could not be drained.
    LiveEventsUnfinished,
}

/// Opens the run that an operator asks for, and returns its id.
pub(crate) async fn open(
    connection: &mut PgConnection,
    request: &Request,
    payload: &Value,
    history_days: i32,
    now: Timestamp,
) -> Result<Uuid, DrainError> {
    let cursor = match request {
        Request::Replay(_) => replay::first_cursor(outbox::last_published(connection).await?),
        Request::Snapshot(_) => snapshot::first_cursor(),
    };
    let opened = outbox::open_backfill(connection, payload, &cursor, history_days, now).await?;
    if opened.is_new {
        tracing::info!(backfill = %opened.id, request = %payload, "backfill requested");
    }
    Ok(opened.id)
}

/// Counts the events that a run would publish now, and a subscriber would get.
pub(crate) async fn count(
    connection: &mut PgConnection,
    request: &Counted,
    source: &str,
) -> Result<CountReport, DrainError> {
    let counted = count::count(connection, request, source).await;
    counted.map_err(|error| match error {
        SliceError::Database(error) => error.into(),
        error => DrainError::Count(error.into()),
    })
}

/// Cancels a run, and waits until the slice that is being published is counted. Returns false when there is no open run with this id.
pub(crate) async fn cancel(connection: &mut PgConnection, id: Uuid) -> Result<bool, DrainError> {
    if !outbox::cancel_backfill(connection, id).await? {
        return Ok(false);
    }
    tracing::info!(backfill = %id, "backfill cancelled");
    let stop_at = Instant::now() + CANCEL_TIMEOUT;
    while !outbox::try_lock(connection, Lock::Drain).await? {
        if Instant::now() >= stop_at {
            return Ok(true);
        }
        sleep(LOCK_RETRY_INTERVAL).await;
    }
    outbox::unlock(connection, Lock::Drain).await?;
    Ok(true)
}

/// Goes on with every open run until all are done or the time is over.
pub(crate) async fn run(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    state: &mut RunState,
) -> Result<(), DrainError> {
    // Repeated after every unlock, because an invocation that opened a run and found the lock taken has left.
    while outbox::next_backfill(connection, &state.skipped_backfills)
        .await?
        .is_some()
    {
        if !outbox::try_lock(connection, Lock::Backfill).await? {
            state.report.another_drainer = true;
            return Ok(());
        }
        let end = run_locked(connection, context, state).await?;
        outbox::unlock(connection, Lock::Backfill).await?;
        match end {
            BackfillEnd::Done => {}
            BackfillEnd::LiveEventsUnfinished => return Ok(()),
            // The ring comes after the unlock, because the invocation that it starts must not find the lock taken.
            BackfillEnd::TimeOver => {
                outbox::ring_again(connection).await?;
                state.report.rang_again = true;
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn run_locked(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    state: &mut RunState,
) -> Result<BackfillEnd, DrainError> {
    let mut pause = Duration::ZERO;
    loop {
        // Also right after a slice, because a drainer that found the drain lock taken by it has left.
        let live = live_events::drain(connection, context, &[], state).await?;
        if matches!(live, LiveStatus::Unfinished) {
            return Ok(BackfillEnd::LiveEventsUnfinished);
        }
        let Some(run) = outbox::next_backfill(connection, &state.skipped_backfills).await? else {
            return Ok(BackfillEnd::Done);
        };
        if Instant::now() + pause >= context.stop_at {
            return Ok(BackfillEnd::TimeOver);
        }
        if !pause.is_zero() {
            sleep(std::mem::take(&mut pause)).await;
            continue;
        }
        let span = tracing::info_span!("slice", backfill = %run.id);
        let turn = turn::take(connection, context, &run, state).instrument(span);
        match turn.await? {
            TurnEnd::LockNotTaken => return Ok(BackfillEnd::TimeOver),
            TurnEnd::Published(events) => {
                outbox::unlock(connection, Lock::Drain).await?;
                pause = PAUSE_PER_EVENT * u32::try_from(events).unwrap_or(u32::MAX);
            }
        }
    }
}
