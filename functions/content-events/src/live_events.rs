//! The live events: from the outbox to the topic, under the drain lock.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};
use wagrun_database::outbox::{
    self, Closing, Look, OutboxCursor, PendingBatch, Presence, Reference,
};

use crate::batch::{self, BatchEnd};
use crate::context::DrainContext;
use crate::drain_lock::{self, LockResult};
use crate::error::DrainError;
use crate::run_state::RunState;
use crate::skipped_rings::SkippedRings;
use crate::visibility_scan::{self, ScanEnd};

/// Pause before a table that a migration alters is tried again.
const LOCKED_TABLE_RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// The maximum number of settled events that one statement removes. Every run may remove so many.
const REMOVAL_BATCH_SIZE: i64 = 2_000;

/// The status of the live events after a drain.
#[derive(Debug)]
pub(crate) enum LiveStatus {
    /// No event is pending, except those of blocked objects. The last look has seen that.
    Drained(Look),
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

/// Brings pending events to the topic, unless another drainer does so and a third one stands by. Looks at the `transactions` before
/// it looks for the last time.
pub(crate) async fn drain(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    transactions: &[u64],
    state: &mut RunState,
) -> Result<LiveStatus, DrainError> {
    let drained = drain_while_present(connection, context, transactions, state).await;
    // After a failure commits must not rely on this run any more. Lambda repeats it.
    let absent = state.presence.end(connection).await;
    state.presence = Presence::default();
    let status = drained?;
    absent?;
    Ok(status)
}

async fn drain_while_present(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    transactions: &[u64],
    state: &mut RunState,
) -> Result<LiveStatus, DrainError> {
    let mut skipped_rings = SkippedRings::new(context.stop_at);
    // Repeated after every unlock. A drainer that found the lock taken has left, and the change that it came for may have
    // been committed since the last claim.
    loop {
        let blocked = state.blocked_objects();
        let mut end = LockedWorkEnd::Done;
        let taken = drain_lock::take(connection, &blocked, context.stop_at, &mut state.presence);
        let look = match taken.await? {
            LockResult::Locked => {
                end = drain_locked(connection, context, state).await?;
                close(connection, context, transactions, state).await?
            }
            LockResult::NothingPending => {
                let presence = &mut state.presence;
                outbox::look(connection, transactions, &blocked, presence).await?
            }
            LockResult::AnotherStandsBy => return Ok(LiveStatus::HeldByAnother),
            LockResult::TimeOver => return ring_and_leave(connection, transactions, state).await,
        };
        // A ring comes after the unlock, because the invocation that it starts must not find the lock taken.
        match end {
            LockedWorkEnd::Done if look.is_pending => {}
            LockedWorkEnd::Done if look.has_seen_all => return Ok(LiveStatus::Drained(look)),
            LockedWorkEnd::Done => {
                state.presence.leave(connection).await?;
                if !skipped_rings.wait().await {
                    return ring_and_leave(connection, transactions, state).await;
                }
            }
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
                return ring_and_leave(connection, transactions, state).await;
            }
        }
    }
}

/// Settles what is published, releases the lock, and looks at the outbox again.
async fn close(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    transactions: &[u64],
    state: &mut RunState,
) -> Result<Look, DrainError> {
    let closing = Closing {
        published: &state.unsettled,
        transactions,
        blocked: &state.blocked_objects(),
        history_days: context.history_days,
        max_removed: REMOVAL_BATCH_SIZE,
    };
    let closed = outbox::close(connection, closing, &mut state.presence).await?;
    state.unsettled.clear();
    state.report.removed += closed.removed;
    Ok(closed.look)
}

/// Rings the doorbell, so that the next invocation goes on with the pending events, and with commits that rely on this run.
///
/// The presence ends before the ring. So no later commit relies on this run. Transactions that are still open are rung for by the
/// caller, which is ring enough.
async fn ring_and_leave(
    connection: &mut PgConnection,
    transactions: &[u64],
    state: &mut RunState,
) -> Result<LiveStatus, DrainError> {
    state.presence.end(connection).await?;
    if transactions.is_empty() {
        outbox::ring_again(connection).await?;
    }
    state.report.rang_again = true;
    Ok(LiveStatus::Unfinished)
}

/// Claims and publishes until every visible change is done. The last published events are left to be settled.
async fn drain_locked(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    state: &mut RunState,
) -> Result<LockedWorkEnd, DrainError> {
    let mut cursor = OutboxCursor::default();
    let mut published_up_to = 0;
    loop {
        let opening = match outbox::open(connection, &mut cursor, published_up_to).await {
            // A migration alters a table that events are composed from, and goes first.
            Err(error) if outbox::is_lock_conflict(&error) => {
                return Ok(LockedWorkEnd::TableLocked);
            }
            other => other?,
        };
        let rules = &opening.reference.rules;
        let scan = visibility_scan::due(connection, &opening.scan, rules).await?;
        let is_last_claim = !opening.has_more && !opening.has_due_decisions && scan.is_none();
        // Includes events of an earlier run that was killed, or that met a table that was being altered.
        for model in &opening.models_of_parts {
            add_present_states(connection, model).await?;
        }
        let batch = opening
            .models_of_parts
            .is_empty()
            .then_some(opening.pending);
        let reference = &opening.reference;
        match publish_pending(
            connection,
            context,
            reference,
            batch,
            &mut published_up_to,
            state,
        )
        .await?
        {
            LockedWorkEnd::Done => {}
            other => return Ok(other),
        }
        if is_last_claim {
            break;
        }
        batch::settle(connection, state).await?;
        if opening.has_more || outbox::number_due_decisions(connection).await? > 0 {
            continue;
        }
        let Some(scan) = scan else { break };
        match visibility_scan::run(connection, scan, rules, context.stop_at).await {
            Ok(ScanEnd::Numbered(0)) => break,
            Ok(ScanEnd::Numbered(_)) => {}
            Ok(ScanEnd::TimeOver) => return Ok(LockedWorkEnd::TimeOver),
            Err(error) if outbox::is_lock_conflict(&error) => {
                return Ok(LockedWorkEnd::TableLocked);
            }
            Err(error) => return Err(error.into()),
        }
    }
    remove_history(connection, context, state).await?;
    Ok(if state.locked_objects.is_empty() {
        LockedWorkEnd::Done
    } else {
        LockedWorkEnd::TableLocked
    })
}

/// Publishes the pending events behind the sequence `published_up_to`, batch by batch. `first` is the first one, if it was read already.
/// The last published events are left to be settled.
async fn publish_pending(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    reference: &Reference,
    first: Option<PendingBatch>,
    published_up_to: &mut i64,
    state: &mut RunState,
) -> Result<LockedWorkEnd, DrainError> {
    let mut next = first.map(Ok);
    loop {
        let read = match next.take() {
            Some(read) => read,
            None => outbox::pending(connection, *published_up_to, &reference.names).await,
        };
        let batch = match read {
            Err(error) if outbox::is_lock_conflict(&error) => {
                return Ok(LockedWorkEnd::TableLocked);
            }
            other => other?,
        };
        let Some(last) = batch.changes.last() else {
            return Ok(LockedWorkEnd::Done);
        };
        *published_up_to = last.sequence;
        let is_last = batch.is_last;
        let (end, read_meanwhile) =
            batch::publish(connection, context, reference, batch, state).await?;
        match end {
            BatchEnd::Done if is_last => return Ok(LockedWorkEnd::Done),
            BatchEnd::Done => batch::settle(connection, state).await?,
            BatchEnd::TopicDown => return Ok(LockedWorkEnd::TopicDown),
            BatchEnd::TimeOver => return Ok(LockedWorkEnd::TimeOver),
        }
        next = read_meanwhile;
    }
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

/// Removes two old events for each one that a large run has settled, so that the history does not grow faster than it is removed. The
/// first ones are left to the [end of every run](close).
async fn remove_history(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    state: &mut RunState,
) -> Result<(), DrainError> {
    let settled = (state.report.published + state.report.nothing) as u64;
    let limit = state.report.removed + 2 * settled;
    let batch_size = REMOVAL_BATCH_SIZE.unsigned_abs();
    while state.report.removed + batch_size <= limit && Instant::now() < context.stop_at {
        batch::settle(connection, state).await?;
        let days = context.history_days;
        let removed = match outbox::remove_history(connection, days, REMOVAL_BATCH_SIZE).await {
            // Another session reads the history under a lock. A later run removes it.
            Err(error) if outbox::is_lock_conflict(&error) => break,
            other => other?,
        };
        state.report.removed += removed;
        if removed < batch_size {
            break;
        }
    }
    Ok(())
}
