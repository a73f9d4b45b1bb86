//! One turn of a backfill: its next slice is made and published, or given up.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun_database::outbox::{self, Backfill, Lock};

use super::slice::{Next, Reader, Slice, SliceError};
use super::{replay, snapshot};
use crate::outcome::{Course, DrainError, Failed};
use crate::outlet::{Lookup, Outlet};
use crate::publish::{Fault, Outgoing};
use crate::request::Request;

/// Refusals of the same slice after which a run goes on without what the topic refuses.
const REFUSALS: i32 = 3;

/// The pause in which another drainer is left alone.
const TAKEN_PAUSE: Duration = Duration::from_millis(50);

/// Makes a run's next slice and takes the drain lock, under which it is to be published; `None` when the lock was not to be
/// had in time.
///
/// History does not change, so that a replay reads it without the lock, and no live event waits. A snapshot is right against
/// live events only when it is read under the lock.
pub(super) async fn make(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    run: &Backfill,
    stop_at: Instant,
) -> Result<Option<Result<Slice, SliceError>>, DrainError> {
    let request = requested(run);
    let mut replayed = None;
    if let Ok(request @ Request::Replay(_)) = &request {
        replayed = Some(read(connection, outlet, run, request).await);
    }
    while !outbox::try_lock(connection, Lock::Drain).await? {
        if Instant::now() + TAKEN_PAUSE >= stop_at {
            return Ok(None);
        }
        sleep(TAKEN_PAUSE).await;
    }
    Ok(Some(match (replayed, request) {
        (Some(replayed), _) => replayed,
        (None, Ok(request)) => read(connection, outlet, run, &request).await,
        (None, Err(error)) => Err(error),
    }))
}

async fn read(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    run: &Backfill,
    request: &Request,
) -> Result<Slice, SliceError> {
    let mut reader = Reader {
        lookup: Lookup::load(connection).await?,
        connection,
        source: outlet.source,
    };
    match request {
        Request::Replay(replay) => replay::slice(&mut reader, run, replay).await,
        Request::Snapshot(snapshot) => snapshot::slice(&mut reader, run, snapshot).await,
    }
}

fn requested(run: &Backfill) -> Result<Request, SliceError> {
    match Request::parse(&run.request.0) {
        Some(Ok(request)) => Ok(request),
        Some(Err(error)) => Err(SliceError::Unreadable(error.to_string())),
        None => Err(SliceError::Unreadable("no request".to_owned())),
    }
}

/// Publishes a run's next slice, and keeps where it ended; returns how many events the topic took.
pub(super) async fn publish(
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
        let is_their_own_fault = published
            .refused
            .iter()
            .all(|one| one.fault == Fault::Event);
        // What is refused for its own sake each time does not keep the run from its end.
        if run.failures + 1 < REFUSALS || !is_their_own_fault {
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
pub(super) async fn give_up(
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
        && let Ok(Request::Snapshot(snapshot)) = requested(run)
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
