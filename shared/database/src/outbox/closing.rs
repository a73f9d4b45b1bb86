//! The last statements of a drainer, in one round trip: it settles, unlocks, looks again, and removes old history.

use sqlx::postgres::PgConnection;

use super::lock::{Lock, UnlockError};
use super::look::{Look, add_look, lock_key, read_look};
use super::script::{Literal, Script};
use super::settle::{EventOutcome, REMOVE_HISTORY, SettleError, add_settle, check_settled};

/// The end of a drainer's work under the drain lock.
#[derive(Debug, Clone, Copy)]
pub struct Closing<'a> {
    /// The sequences of the events that are published and not settled yet.
    pub published: &'a [i64],
    /// The transactions to look at.
    pub transactions: &'a [u64],
    /// The objects whose numbered events do not count as pending.
    pub blocked: &'a [String],
    /// The number of days for which settled events are kept.
    pub history_days: i32,
    /// The maximum number of old events that are removed.
    pub max_removed: i64,
}

/// The result of closing.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// The look after the lock was released.
    pub look: Look,
    /// The number of old events that were removed.
    pub removed: u64,
}

/// The drainer's work could not be ended. The session must be closed, which releases the lock.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The published events could not be settled.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// The lock was lost.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The database returned an error or closed the connection.
    #[error("cannot read or write the outbox")]
    Database(#[from] sqlx::Error),
}

/// Settles the published events, releases the drain lock, looks at the outbox once more, and removes old events.
///
/// The lock is released after the settlement is committed. The look comes after that, because a drainer that found the lock taken has
/// left. The removal comes last and needs no lock. While another session reads the history under a lock, it is left to a later run.
pub async fn close(
    connection: &mut PgConnection,
    closing: Closing<'_>,
) -> Result<Closed, CloseError> {
    let mut script = Script::default();
    let settles = !closing.published.is_empty();
    if settles {
        script.add("begin", &[]);
        add_settle(&mut script, closing.published, EventOutcome::Published);
        script.add("commit", &[]);
    }
    script.add("select pg_advisory_unlock($1)", &[lock_key(Lock::Drain)]);
    add_look(&mut script, closing.transactions, closing.blocked);
    script.add(
        REMOVE_HISTORY,
        &[
            Literal::Integer(Some(closing.history_days.into())),
            Literal::Integer(Some(closing.max_removed)),
        ],
    );
    let mut results = script.run(connection).await?;
    if settles {
        results.next();
        check_settled(closing.published, results.next().rows_affected)?;
        results.next();
    }
    if !results.next().scalar::<bool>()? {
        return Err(UnlockError::Lost(Lock::Drain).into());
    }
    Ok(Closed {
        look: read_look(&mut results)?,
        removed: results.next().rows_affected,
    })
}
