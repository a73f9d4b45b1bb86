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
use wagrun::outbox::{self, Backfill, FieldNames, Lock, Site};

use crate::drain::{Course, DrainError, Drainer, Live};
use crate::publish::Outgoing;
use crate::request::Request;

/// Rows that are read together, and so the most events that a live one ever waits for.
const SLICE_ROWS: u16 = 100;

/// What each event of a backfill adds to the pause after its slice: a hundred events a second at most, which is what
/// leaves deliver, the receivers and the database room for live ones.
const PAUSE_PER_EVENT: Duration = Duration::from_millis(10);

/// How long to leave another drainer alone.
const TAKEN_PAUSE: Duration = Duration::from_millis(50);

/// A run that could not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub id: Uuid,
    pub reason: String,
}

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
    /// The time is over for this run, whose transaction the next ring names.
    TimeOver { xid: String },
    /// Live events could not be brought to the topic.
    Left,
}

/// What slices are made with.
struct Reader<'a> {
    connection: &'a mut PgConnection,
    names: FieldNames,
    sites: Vec<Site>,
    source: &'a str,
}

impl Drainer {
    /// Opens the run that somebody asks for, and returns its id.
    pub(crate) async fn open_backfill(
        &self,
        connection: &mut PgConnection,
        request: &Request,
        payload: &Value,
    ) -> Result<Uuid, DrainError> {
        let cursor = match request {
            Request::Replay(_) => replay::begin(outbox::last_published(connection).await?),
            Request::Snapshot(_) => snapshot::begin(),
        };
        let days = self.config.history_days;
        Ok(outbox::open_backfill(connection, payload, &cursor, days).await?)
    }

    /// Goes on with every open run until all are done, or the time is over.
    pub(crate) async fn backfill(
        &self,
        connection: &mut PgConnection,
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
            let ended = self.backfill_locked(connection, stop_at, course).await?;
            if !outbox::unlock(connection, Lock::Backfill).await? {
                return Err(DrainError::LockLost);
            }
            match ended {
                Ended::Done => {}
                Ended::Left => return Ok(()),
                // After the unlock: whoever this wakes must not find the lock taken.
                Ended::TimeOver { xid } => {
                    outbox::ring_again(connection, &xid).await?;
                    course.answer.rang_again = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn backfill_locked(
        &self,
        connection: &mut PgConnection,
        stop_at: Instant,
        course: &mut Course,
    ) -> Result<Ended, DrainError> {
        let mut pause = Duration::ZERO;
        loop {
            // Also right after a slice, because whoever found the drain lock taken by it has left.
            if self.drain_live(connection, stop_at, course).await? == Live::Left {
                return Ok(Ended::Left);
            }
            let Some(run) = outbox::next_backfill(connection, &course.set_aside).await? else {
                return Ok(Ended::Done);
            };
            if Instant::now() + pause >= stop_at {
                return Ok(Ended::TimeOver { xid: run.xid });
            }
            if !pause.is_zero() {
                sleep(std::mem::take(&mut pause)).await;
                continue;
            }
            if !outbox::try_lock(connection, Lock::Drain).await? {
                sleep(TAKEN_PAUSE).await;
                continue;
            }
            let published = self.slice_locked(connection, &run, course).await?;
            if !outbox::unlock(connection, Lock::Drain).await? {
                return Err(DrainError::LockLost);
            }
            pause = PAUSE_PER_EVENT * u32::try_from(published).unwrap_or(u32::MAX);
        }
    }

    /// Makes and publishes a run's next slice, and keeps where it ended; returns how many events the topic took.
    async fn slice_locked(
        &self,
        connection: &mut PgConnection,
        run: &Backfill,
        course: &mut Course,
    ) -> Result<usize, DrainError> {
        let slice = match self.next_slice(connection, run).await {
            Ok(slice) => slice,
            // What the database refuses, such as a column that is gone, concerns this run alone.
            Err(
                error
                @ (SliceError::Unreadable(_) | SliceError::Database(sqlx::Error::Database(_))),
            ) => {
                fail(connection, run, error.to_string(), course).await?;
                return Ok(0);
            }
            Err(SliceError::Database(error)) => return Err(error.into()),
        };

        let outgoing = (0..)
            .zip(slice.events)
            .map(|(position, event)| {
                Outgoing::new(position, event)
                    .map_err(|source| DrainError::Json { position, source })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let published = self.topic.publish(outgoing).await;
        let count = published.positions.len();
        course.answer.backfilled += count;
        if let Some(first) = published.refused.first() {
            let reason = format!(
                "{} events were not published, the first of {}: {}",
                published.refused.len(),
                first.object,
                first.reason
            );
            fail(connection, run, reason, course).await?;
            return Ok(count);
        }

        match &slice.next {
            Next::From(cursor) => {
                outbox::advance_backfill(connection, run.id, count, Some(cursor)).await?;
            }
            Next::End => outbox::advance_backfill(connection, run.id, count, None).await?,
            // Blocked means that its event was refused, which is an error of its own; otherwise it was committed a moment ago.
            Next::Behind(object) => {
                if course.blocked().contains(object) {
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

    async fn next_slice(
        &self,
        connection: &mut PgConnection,
        run: &Backfill,
    ) -> Result<Slice, SliceError> {
        let request = match Request::parse(&run.request.0) {
            Some(Ok(request)) => request,
            Some(Err(error)) => return Err(SliceError::Unreadable(error.to_string())),
            None => return Err(SliceError::Unreadable("no request".to_owned())),
        };
        let mut reader = Reader {
            names: FieldNames::load(connection).await?,
            sites: outbox::sites(connection).await?,
            connection,
            source: &self.config.source,
        };
        match request {
            Request::Replay(replay) => replay::slice(&mut reader, run, &replay).await,
            Request::Snapshot(snapshot) => snapshot::slice(&mut reader, run, &snapshot).await,
        }
    }
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
