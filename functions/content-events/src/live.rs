//! The live events: from the outbox to the topic, under the drain lock.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun::outbox::{self, Lock, OutboxCursor};

use crate::batch::{self, Batch};
use crate::outcome::{Course, DrainError};
use crate::outlet::{Lookup, Outlet, unlock};

/// How long to leave a table alone that somebody alters.
const LOCK_PAUSE: Duration = Duration::from_millis(250);

/// First and longest pause between two looks at a drain lock that is taken.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Settled events that are removed in one statement.
const REMOVED_AT_ONCE: i64 = 2_000;
/// What a run removes besides twice as many as it has published: history must not grow faster than it goes.
const LEAST_REMOVED: u64 = 2_000;

/// Where a look at the live events has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// Nothing is pending, blocked objects left out.
    Drained,
    /// Another drainer is at it, and a third one waits to see it end.
    Taken,
    /// The time is over, or the topic takes nothing.
    Left,
}

/// Why the work under the lock ended.
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
        if !outbox::try_lock(connection, Lock::Drain).await?
            && !wait_for_turn(connection, stop_at, course).await?
        {
            return Ok(if course.answer.rang_again {
                Live::Left
            } else {
                Live::Taken
            });
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
            Ended::LockedOut | Ended::TimeOver => {
                outbox::ring_again(connection).await?;
                course.answer.rang_again = true;
                return Ok(Live::Left);
            }
        }
    }
    Ok(Live::Drained)
}

/// Waits until the drain lock is free and takes it; false when another one waits already, or the time is over.
///
/// Whoever holds the lock may die, and those who left because of it have told their callers that all is well. So one
/// drainer at a time stands by: it takes over, or rings when it has to leave itself.
async fn wait_for_turn(
    connection: &mut PgConnection,
    stop_at: Instant,
    course: &mut Course,
) -> Result<bool, DrainError> {
    if !outbox::try_lock(connection, Lock::NextDrainer).await? {
        return Ok(false);
    }
    let mut pause = SHORTEST_PAUSE;
    let has_turn = loop {
        if outbox::try_lock(connection, Lock::Drain).await? {
            break true;
        }
        if Instant::now() + pause >= stop_at {
            break false;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    unlock(connection, Lock::NextDrainer).await?;
    if !has_turn {
        outbox::ring_again(connection).await?;
        course.answer.rang_again = true;
    }
    Ok(has_turn)
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
        let claimed = outbox::claim(connection, &mut cursor).await?;
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
        if !claimed.more {
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
