//! The live events: from the outbox to the topic, under the drain lock.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun_database::outbox::{self, Lock, OutboxCursor};

use crate::batch::{self, Batch};
use crate::outcome::{Course, DrainError};
use crate::outlet::{Lookup, Outlet, unlock};

/// The pause before a table that somebody alters is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(250);

/// First and longest pause between two looks at a drain lock that is taken.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Settled events that are removed in one statement.
const REMOVED_AT_ONCE: i64 = 2_000;
/// Settled events that a run removes besides twice as many as it has published: history must not grow faster than it goes.
const LEAST_REMOVED: u64 = 2_000;

/// The result of a look at the live events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// Nothing is pending, blocked objects left out.
    Drained,
    /// Another drainer is at it, and a third one waits to see it end.
    Taken,
    /// The time is over, or the topic takes nothing.
    Left,
}

/// The reason for which the work under the lock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Everything that was visible is published.
    Done,
    /// Somebody alters a table that some events need.
    LockedOut,
    /// The time is over.
    TimeOver,
    /// The topic takes nothing: more of the same would keep the database awake.
    TopicDown,
}

/// Brings what is pending to the topic, unless another drainer does so and a third one stands by.
pub(crate) async fn drain(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    stop_at: Instant,
    course: &mut Course,
) -> Result<Live, DrainError> {
    // Around again after every unlock: whoever found the lock taken has left, and what they came for may have been committed
    // since the last claim.
    while outbox::is_pending(connection, &course.blocked()).await? {
        if !outbox::try_lock(connection, Lock::Drain).await? {
            match stand_by(connection, stop_at).await? {
                Turn::Mine => {}
                Turn::OfAnother => return Ok(Live::Taken),
                Turn::TooLate => return ring_and_leave(connection, course).await,
            }
        }
        let ended = drain_locked(connection, outlet, stop_at, course).await?;
        unlock(connection, Lock::Drain).await?;
        // Only now: whoever a ring wakes must not find the lock taken.
        match ended {
            Ended::Done => {}
            Ended::TopicDown => {
                course.is_topic_down = true;
                return Ok(Live::Left);
            }
            Ended::LockedOut if Instant::now() + LOCK_PAUSE < stop_at => {
                sleep(LOCK_PAUSE).await;
                course.locked_out.clear();
            }
            Ended::LockedOut | Ended::TimeOver => return ring_and_leave(connection, course).await,
        }
    }
    Ok(Live::Drained)
}

/// Has the next invocation go on with what is left.
async fn ring_and_leave(
    connection: &mut PgConnection,
    course: &mut Course,
) -> Result<Live, DrainError> {
    outbox::ring_again(connection).await?;
    course.answer.rang_again = true;
    Ok(Live::Left)
}

/// The answer to a drainer that found the lock taken.
enum Turn {
    /// This session has the drain lock.
    Mine,
    /// Another one waits for the lock already.
    OfAnother,
    /// The time is over.
    TooLate,
}

/// Waits until the drain lock is free and takes it, unless another drainer waits already.
///
/// Whoever holds the lock may die, and those who left because of it have told their callers that all is well. So one
/// drainer at a time stands by: it takes over, or rings when it has to leave itself.
async fn stand_by(connection: &mut PgConnection, stop_at: Instant) -> Result<Turn, DrainError> {
    if !outbox::try_lock(connection, Lock::NextDrainer).await? {
        return Ok(Turn::OfAnother);
    }
    let mut pause = SHORTEST_PAUSE;
    let turn = loop {
        if outbox::try_lock(connection, Lock::Drain).await? {
            break Turn::Mine;
        }
        if Instant::now() + pause >= stop_at {
            break Turn::TooLate;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    unlock(connection, Lock::NextDrainer).await?;
    Ok(turn)
}

/// Claims and publishes until everything that was visible is done.
async fn drain_locked(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    stop_at: Instant,
    course: &mut Course,
) -> Result<Ended, DrainError> {
    let lookup = match Lookup::load(connection).await {
        Err(error) if outbox::is_lock_conflict(&error) => return Ok(Ended::LockedOut),
        other => other?,
    };
    let mut cursor = OutboxCursor::default();
    let mut published_up_to = 0;
    loop {
        let has_more = outbox::claim(connection, &mut cursor).await?;
        // Also what an earlier run has left: it was killed, or a table was being altered.
        for model in outbox::models_of_parts(connection).await? {
            add_present_states(connection, &model).await?;
        }
        loop {
            let changes = match outbox::pending(connection, published_up_to, &lookup.names).await {
                // A table that events are enriched from is being altered; whoever alters it goes first.
                Err(error) if outbox::is_lock_conflict(&error) => return Ok(Ended::LockedOut),
                other => other?,
            };
            let Some(last) = changes.last() else {
                break;
            };
            published_up_to = last.sequence;
            match batch::publish(connection, outlet, &lookup, changes, stop_at, course).await? {
                Batch::Done => {}
                Batch::TopicDown => return Ok(Ended::TopicDown),
                Batch::TimeOver => return Ok(Ended::TimeOver),
            }
        }
        if !has_more {
            break;
        }
    }
    remove_history(connection, outlet.history_days, stop_at, course).await?;
    Ok(if course.locked_out.is_empty() {
        Ended::Done
    } else {
        Ended::LockedOut
    })
}

/// Completes the events of one model whose parts alone have changed, unless somebody alters its table.
async fn add_present_states(connection: &mut PgConnection, model: &str) -> Result<(), DrainError> {
    loop {
        match outbox::add_present_state(connection, model).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if outbox::is_lock_conflict(&error) => {
                tracing::info!(model, "somebody alters its table: its events wait");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn remove_history(
    connection: &mut PgConnection,
    days: i32,
    stop_at: Instant,
    course: &mut Course,
) -> Result<(), DrainError> {
    let answer = &mut course.answer;
    let most = answer.removed + LEAST_REMOVED + 2 * (answer.published + answer.nothing) as u64;
    while answer.removed < most && Instant::now() < stop_at {
        let removed = match outbox::remove_history(connection, days, REMOVED_AT_ONCE).await {
            // Somebody looks at the history under a lock: another run removes it.
            Err(error) if outbox::is_lock_conflict(&error) => break,
            other => other?,
        };
        answer.removed += removed;
        if removed < REMOVED_AT_ONCE.unsigned_abs() {
            break;
        }
    }
    Ok(())
}
