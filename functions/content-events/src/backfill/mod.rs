//! Backfills: events of the past (replay) and of the present (snapshot), slice by slice between the live ones.
//!
//! # Promise
//! Everything that a run matches reaches the topic at least once, in order of sequence for each object. A live event
//! waits for the slice that is under way, and for no other. A snapshot never puts an older state behind a newer one.
//!
//! # How it goes on
//! A run is a row of `wagrun.backfill` with a cursor. Any invocation that has drained the live events goes on with
//! whatever run is open, one slice at a time, runs in turn; when its time is over it has the database ring again. So
//! a crash, at whatever step, costs a slice that is repeated under the same ids, and the wait for the next ring.
//!
//! # Two locks
//! The drain lock is held for a slice, and not for the pauses: a live event's own ring finds it free. The backfill lock
//! is held across them, so that invocations do not multiply the pace; who finds it taken leaves, as with live events.

mod replay;
mod slice;
mod snapshot;
mod turn;

use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use wagrun_database::outbox::{self, Lock};

use crate::live::{self, Live};
use crate::outcome::{Course, DrainError};
use crate::outlet::{Outlet, unlock};
use crate::request::Request;
use slice::SliceError;

/// What each event of a backfill adds to the pause after its slice: a hundred events a second at most, which is what
/// leaves deliver, the receivers and the database room for live ones.
const PAUSE_PER_EVENT: Duration = Duration::from_millis(10);

/// The reason for which the work at backfills ends.
enum Ended {
    /// No run is open that could go on.
    Done,
    /// The time is over.
    TimeOver,
    /// Live events could not be brought to the topic.
    Left,
}

/// Opens the run that somebody asks for, and returns its id.
pub(crate) async fn open(
    connection: &mut PgConnection,
    request: &Request,
    payload: &Value,
    history_days: i32,
) -> Result<Uuid, DrainError> {
    let cursor = match request {
        Request::Replay(_) => replay::begin(outbox::last_published(connection).await?),
        Request::Snapshot(_) => snapshot::begin(),
    };
    Ok(outbox::open_backfill(connection, payload, &cursor, history_days).await?)
}

/// Goes on with every open run until all are done, or the time is over.
pub(crate) async fn run(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    stop_at: Instant,
    course: &mut Course,
) -> Result<(), DrainError> {
    // Around again after every unlock: whoever opened a run and found the lock taken has left.
    while outbox::next_backfill(connection, &course.set_aside)
        .await?
        .is_some()
    {
        if !outbox::try_lock(connection, Lock::Backfill).await? {
            course.answer.another_drainer = true;
            return Ok(());
        }
        let ended = run_locked(connection, outlet, stop_at, course).await?;
        unlock(connection, Lock::Backfill).await?;
        match ended {
            Ended::Done => {}
            Ended::Left => return Ok(()),
            // After the unlock: whoever this wakes must not find the lock taken.
            Ended::TimeOver => {
                outbox::ring_again(connection).await?;
                course.answer.rang_again = true;
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn run_locked(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    stop_at: Instant,
    course: &mut Course,
) -> Result<Ended, DrainError> {
    let mut pause = Duration::ZERO;
    loop {
        // Also right after a slice, because whoever found the drain lock taken by it has left.
        if live::drain(connection, outlet, stop_at, course).await? == Live::Left {
            return Ok(Ended::Left);
        }
        let Some(run) = outbox::next_backfill(connection, &course.set_aside).await? else {
            return Ok(Ended::Done);
        };
        if Instant::now() + pause >= stop_at {
            return Ok(Ended::TimeOver);
        }
        if !pause.is_zero() {
            sleep(std::mem::take(&mut pause)).await;
            continue;
        }
        let Some(made) = turn::make(connection, outlet, &run, stop_at).await? else {
            return Ok(Ended::TimeOver);
        };
        let published = match made {
            Ok(slice) => turn::publish(connection, outlet, &run, slice, course).await?,
            // What the database refuses, such as a column that is gone, concerns this run alone.
            Err(
                error
                @ (SliceError::Unreadable(_) | SliceError::Database(sqlx::Error::Database(_))),
            ) => {
                turn::give_up(connection, &run, error, course).await?;
                0
            }
            Err(SliceError::Database(error)) => return Err(error.into()),
        };
        unlock(connection, Lock::Drain).await?;
        pause = PAUSE_PER_EVENT * u32::try_from(published).unwrap_or(u32::MAX);
    }
}
