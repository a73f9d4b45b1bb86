//! The live events: from the outbox to the topic, under the drain lock.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun_database::outbox::{self, Lock, OutboxCursor};

use crate::batch::{self, BatchEnd};
use crate::context::{DrainContext, ReferenceData};
use crate::error::DrainError;
use crate::report::DrainReport;
use crate::run_state::RunState;
use crate::visibility_scan::{self, ScanEnd};

/// Pause before a table that a migration alters is tried again.
const LOCKED_TABLE_RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// First pause between two tries for a drain lock that is taken.
const MIN_LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum pause between two tries for a drain lock that is taken.
const MAX_LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The maximum number of settled events that one statement removes.
const REMOVAL_BATCH_SIZE: i64 = 2_000;
/// Number of settled events that every run may remove. A run that settles many may remove two for each of them instead, so that the
/// history does not grow faster than it is removed.
const MIN_REMOVAL_LIMIT: u64 = 2_000;

/// The status of the live events after a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LiveStatus {
    /// No event is pending, except those of blocked objects.
    Drained,
    /// Another drainer holds the lock, and a third one stands by.
    HeldByAnother,
    /// The time is over or the topic accepts nothing, so events are still pending.
    Unfinished,
}

/// The reason for which the work under the lock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LockedWorkEnd {
    /// Every event that was visible is published.
    Done,
    /// A migration alters a table that some events need.
    TableLocked,
    /// The time is over.
    TimeOver,
    /// The topic accepts nothing. More tries would only keep the database awake.
    TopicDown,
}

/// Brings pending events to the topic, unless another drainer does so and a third one stands by.
pub(crate) async fn drain(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    state: &mut RunState,
) -> Result<LiveStatus, DrainError> {
    // Repeated after every unlock. A drainer that found the lock taken has left, and the change that it came for may have
    // been committed since the last claim.
    while outbox::is_pending(connection, &state.blocked_objects()).await? {
        if !outbox::try_lock(connection, Lock::Drain).await? {
            match stand_by(connection, context.stop_at).await? {
                StandByEnd::LockTaken => {}
                StandByEnd::AnotherStandsBy => return Ok(LiveStatus::HeldByAnother),
                StandByEnd::TimeOver => return ring_and_leave(connection, state).await,
            }
        }
        let end = drain_locked(connection, context, state).await?;
        outbox::unlock(connection, Lock::Drain).await?;
        // The ring comes after the unlock, because the invocation that it starts must not find the lock taken.
        match end {
            LockedWorkEnd::Done => {}
            LockedWorkEnd::TopicDown => {
                state.is_topic_down = true;
                return Ok(LiveStatus::Unfinished);
            }
            LockedWorkEnd::TableLocked
                if Instant::now() + LOCKED_TABLE_RETRY_INTERVAL < context.stop_at =>
            {
                sleep(LOCKED_TABLE_RETRY_INTERVAL).await;
                state.locked_objects.clear();
            }
            LockedWorkEnd::TableLocked | LockedWorkEnd::TimeOver => {
                return ring_and_leave(connection, state).await;
            }
        }
    }
    Ok(LiveStatus::Drained)
}

/// Rings the doorbell, so that the next invocation goes on with the pending events.
async fn ring_and_leave(
    connection: &mut PgConnection,
    state: &mut RunState,
) -> Result<LiveStatus, DrainError> {
    outbox::ring_again(connection).await?;
    state.report.rang_again = true;
    Ok(LiveStatus::Unfinished)
}

/// The result of standing by for the drain lock.
enum StandByEnd {
    /// This session holds the drain lock.
    LockTaken,
    /// Another drainer stands by already, for a third one that holds the lock.
    AnotherStandsBy,
    /// The time is over.
    TimeOver,
}

/// Waits until the drain lock is free and takes it, unless another drainer stands by already.
///
/// The holder of the lock may die, and the drainers that left because of it have reported success to their callers. So one
/// drainer at a time stands by. It takes over, or rings when its own time is over.
///
/// For a moment the drainer that takes over holds both locks. A drainer that meets it then does not leave: the death of that one
/// session would leave nobody.
async fn stand_by(
    connection: &mut PgConnection,
    stop_at: Instant,
) -> Result<StandByEnd, DrainError> {
    let mut interval = MIN_LOCK_RETRY_INTERVAL;
    while !outbox::try_lock(connection, Lock::NextDrainer).await? {
        if outbox::are_held_by_two(connection, Lock::Drain, Lock::NextDrainer).await? {
            return Ok(StandByEnd::AnotherStandsBy);
        }
        if Instant::now() + interval >= stop_at {
            return Ok(StandByEnd::TimeOver);
        }
        sleep(interval).await;
        interval = (interval * 2).min(MAX_LOCK_RETRY_INTERVAL);
        if outbox::try_lock(connection, Lock::Drain).await? {
            return Ok(StandByEnd::LockTaken);
        }
    }
    let end = loop {
        if outbox::try_lock(connection, Lock::Drain).await? {
            break StandByEnd::LockTaken;
        }
        if Instant::now() + interval >= stop_at {
            break StandByEnd::TimeOver;
        }
        sleep(interval).await;
        interval = (interval * 2).min(MAX_LOCK_RETRY_INTERVAL);
    };
    outbox::unlock(connection, Lock::NextDrainer).await?;
    Ok(end)
}

/// Claims and publishes until every visible change is done.
async fn drain_locked(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    state: &mut RunState,
) -> Result<LockedWorkEnd, DrainError> {
    let mut cursor = OutboxCursor::default();
    let mut published_up_to = 0;
    loop {
        let has_more = outbox::claim(connection, &mut cursor).await?;
        let reference = match ReferenceData::load(connection).await {
            // A migration alters a table that events are composed from, and goes first.
            Err(error) if outbox::is_lock_conflict(&error) => {
                return Ok(LockedWorkEnd::TableLocked);
            }
            other => other?,
        };
        let scan = visibility_scan::due(connection, &reference.rules).await?;
        // Includes events of an earlier run that was killed, or that met a table that was being altered.
        for model in outbox::models_of_parts(connection).await? {
            add_present_states(connection, &model).await?;
        }
        loop {
            let changes = outbox::pending(connection, published_up_to, &reference.names).await;
            let changes = match changes {
                Err(error) if outbox::is_lock_conflict(&error) => {
                    return Ok(LockedWorkEnd::TableLocked);
                }
                other => other?,
            };
            let Some(last) = changes.last() else {
                break;
            };
            published_up_to = last.sequence;
            match batch::publish(connection, context, &reference, changes, state).await? {
                BatchEnd::Done => {}
                BatchEnd::TopicDown => return Ok(LockedWorkEnd::TopicDown),
                BatchEnd::TimeOver => return Ok(LockedWorkEnd::TimeOver),
            }
        }
        if has_more || outbox::number_due_decisions(connection).await? > 0 {
            continue;
        }
        let Some(scan) = scan else { break };
        match visibility_scan::run(connection, scan, &reference.rules, context.stop_at).await {
            Ok(ScanEnd::Numbered(0)) => break,
            Ok(ScanEnd::Numbered(_)) => {}
            Ok(ScanEnd::TimeOver) => return Ok(LockedWorkEnd::TimeOver),
            Err(error) if outbox::is_lock_conflict(&error) => {
                return Ok(LockedWorkEnd::TableLocked);
            }
            Err(error) => return Err(error.into()),
        }
    }
    remove_history(connection, context, &mut state.report).await?;
    Ok(if state.locked_objects.is_empty() {
        LockedWorkEnd::Done
    } else {
        LockedWorkEnd::TableLocked
    })
}

/// Completes the events of one model of whose objects only parts changed, unless a migration alters its table.
async fn add_present_states(connection: &mut PgConnection, model: &str) -> Result<(), DrainError> {
    loop {
        match outbox::add_present_state(connection, model).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if outbox::is_lock_conflict(&error) => {
                tracing::info!(model, "table is locked, its events wait");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes old settled events, up to the limit of a run.
async fn remove_history(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    report: &mut DrainReport,
) -> Result<(), DrainError> {
    let settled = (report.published + report.nothing) as u64;
    let limit = report.removed + MIN_REMOVAL_LIMIT + 2 * settled;
    while report.removed < limit && Instant::now() < context.stop_at {
        let days = context.history_days;
        let removed = match outbox::remove_history(connection, days, REMOVAL_BATCH_SIZE).await {
            // Another session reads the history under a lock. A later run removes it.
            Err(error) if outbox::is_lock_conflict(&error) => break,
            other => other?,
        };
        report.removed += removed;
        if removed < REMOVAL_BATCH_SIZE.unsigned_abs() {
            break;
        }
    }
    Ok(())
}
