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
mod snapshot;

use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use wagrun::event::Event;
use wagrun::outbox::{self, Backfill, Lock};

use crate::live::{self, Live};
use crate::outcome::{Course, DrainError, Failed};
use crate::outlet::{Lookup, Outlet, unlock};
use crate::publish::{Fault, Outgoing};
use crate::request::Request;

/// Rows that are read together, and so the most events that a live one ever waits for.
const SLICE_ROWS: u16 = 100;

/// What each event of a backfill adds to the pause after its slice: a hundred events a second at most, which is what
/// leaves deliver, the receivers and the database room for live ones.
const PAUSE_PER_EVENT: Duration = Duration::from_millis(10);

/// Refusals of the same slice after which a run goes on without what the topic refuses.
const REFUSALS: i32 = 3;

/// How long to leave another drainer alone.
const TAKEN_PAUSE: Duration = Duration::from_millis(50);

/// The next part of a run.
#[derive(Debug)]
struct Slice {
    events: Vec<Event>,
    next: Next,
}

/// What follows a slice.
#[derive(Debug, PartialEq)]
enum Next {
    /// Another one, from this cursor on.
    From(Value),
    /// The same place again, once this object's own event is published.
    Behind(String),
    /// Nothing.
    End,
}

/// A slice can't be made; another time it may.
#[derive(Debug, thiserror::Error)]
enum SliceError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("its request or its cursor is of another version: {0}")]
    Unreadable(String),
}

/// Why the work at backfills ends.
enum Ended {
    /// No run is open that could go on.
    Done,
    /// The time is over.
    TimeOver,
    /// Live events could not be brought to the topic.
    Left,
}

/// What slices are made with.
struct Reader<'a> {
    connection: &'a mut PgConnection,
    lookup: Lookup,
    source: &'a str,
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
        let Some(made) = make_slice(connection, outlet, &run, stop_at).await? else {
            return Ok(Ended::TimeOver);
        };
        let published = match made {
            Ok(slice) => publish_slice(connection, outlet, &run, slice, course).await?,
            // What the database refuses, such as a column that is gone, concerns this run alone.
            Err(
                error
                @ (SliceError::Unreadable(_) | SliceError::Database(sqlx::Error::Database(_))),
            ) => {
                give_up_slice(connection, &run, error, course).await?;
                0
            }
            Err(SliceError::Database(error)) => return Err(error.into()),
        };
        unlock(connection, Lock::Drain).await?;
        pause = PAUSE_PER_EVENT * u32::try_from(published).unwrap_or(u32::MAX);
    }
}

/// Makes a run's next slice and takes the drain lock, under which it is to be published; `None` when the lock was not to be
/// had in time.
///
/// History does not change, so that a replay reads it without the lock, and no live event waits. A snapshot is right against
/// live events only when it is read under the lock.
async fn make_slice(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    run: &Backfill,
    stop_at: Instant,
) -> Result<Option<Result<Slice, SliceError>>, DrainError> {
    let mut reader = Reader {
        lookup: Lookup::load(connection).await?,
        connection,
        source: outlet.source,
    };
    let request = match Request::parse(&run.request.0) {
        Some(Ok(request)) => Ok(request),
        Some(Err(error)) => Err(SliceError::Unreadable(error.to_string())),
        None => Err(SliceError::Unreadable("no request".to_owned())),
    };
    let read = match &request {
        Ok(Request::Replay(replay)) => Some(replay::slice(&mut reader, run, replay).await),
        _ => None,
    };
    while !outbox::try_lock(reader.connection, Lock::Drain).await? {
        if Instant::now() + TAKEN_PAUSE >= stop_at {
            return Ok(None);
        }
        sleep(TAKEN_PAUSE).await;
    }
    Ok(Some(match (read, request) {
        (Some(read), _) => read,
        (None, Ok(Request::Snapshot(snapshot))) => {
            snapshot::slice(&mut reader, run, &snapshot).await
        }
        (None, Ok(Request::Replay(replay))) => replay::slice(&mut reader, run, &replay).await,
        (None, Err(error)) => Err(error),
    }))
}

/// Publishes a run's next slice, and keeps where it ended; returns how many events the topic took.
async fn publish_slice(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    run: &Backfill,
    slice: Slice,
    course: &mut Course,
) -> Result<usize, DrainError> {
    let mut outgoing = Vec::with_capacity(slice.events.len());
    for event in slice.events {
        let (id, subject) = (event.id, event.subject.clone());
        match Outgoing::new(0, event) {
            Ok(event) => outgoing.push(event),
            // One that can't be sent does not keep the others, nor the run from its end.
            Err(error) => tracing::error!(
                backfill = %run.id,
                event.id = %id,
                event.subject = subject,
                error = %error,
                "an event is left out, because it can't be published"
            ),
        }
    }
    let published = outlet.topic.publish(outgoing).all().await;
    let count = published.sequences.len();
    course.answer.backfilled += count;
    let mut left_out = None;
    if let Some(first) = published.refused.first() {
        let reason = format!(
            "{} events were not published, the first of {}: {}",
            published.refused.len(),
            first.object,
            first.reason
        );
        let all = published.refused.iter();
        // What is refused for its own sake each time does not keep the run from its end.
        if run.failures + 1 < REFUSALS || all.clone().any(|one| one.fault != Fault::Event) {
            fail(connection, run, reason, course).await?;
            return Ok(count);
        }
        tracing::error!(backfill = %run.id, reason, "the run goes on without what the topic refuses");
        course.failed.push(Failed {
            id: run.id,
            reason: reason.clone(),
        });
        left_out = Some(reason);
    }
    let left_out = left_out.as_deref();

    match &slice.next {
        Next::From(cursor) => {
            outbox::advance_backfill(connection, run.id, count, Some(cursor), left_out).await?;
        }
        Next::End => outbox::advance_backfill(connection, run.id, count, None, left_out).await?,
        // Blocked means that its event was refused, which is an error of its own; otherwise it was committed a moment ago.
        Next::Behind(object) => {
            if course.is_blocked(object) {
                course.set_aside.push(run.id);
            }
        }
    }
    tracing::info!(
        backfill = %run.id,
        published = count,
        finished = slice.next == Next::End,
        "slice published"
    );
    Ok(count)
}

/// A slice that can't be made fails its run, and a snapshot goes on behind its model at the third time: one table that can't
/// be read does not keep the others.
async fn give_up_slice(
    connection: &mut PgConnection,
    run: &Backfill,
    error: SliceError,
    course: &mut Course,
) -> Result<(), DrainError> {
    let is_locked =
        matches!(&error, SliceError::Database(error) if outbox::is_lock_conflict(error));
    let reason = error.to_string();
    if run.failures + 1 >= REFUSALS
        && !is_locked
        && let Some(Ok(Request::Snapshot(snapshot))) = Request::parse(&run.request.0)
        && let Ok(next) = snapshot::behind_model(connection, run, &snapshot).await
    {
        let cursor = match &next {
            Next::From(cursor) => Some(cursor),
            _ => None,
        };
        outbox::advance_backfill(connection, run.id, 0, cursor, Some(&reason)).await?;
        tracing::error!(
            backfill = %run.id,
            reason,
            "the snapshot goes on without a model that can't be read"
        );
        course.failed.push(Failed { id: run.id, reason });
        return Ok(());
    }
    fail(connection, run, reason, course).await?;
    Ok(())
}

/// Remembers why a run can't go on, and leaves it alone for the rest of this invocation.
async fn fail(
    connection: &mut PgConnection,
    run: &Backfill,
    reason: String,
    course: &mut Course,
) -> Result<(), sqlx::Error> {
    outbox::record_backfill_failure(connection, run.id, &reason).await?;
    course.set_aside.push(run.id);
    course.failed.push(Failed { id: run.id, reason });
    Ok(())
}

/// A cursor as its own kind.
fn cursor<T: serde::de::DeserializeOwned>(run: &Backfill) -> Result<T, SliceError> {
    serde_json::from_value(run.cursor.0.clone())
        .map_err(|error| SliceError::Unreadable(error.to_string()))
}
