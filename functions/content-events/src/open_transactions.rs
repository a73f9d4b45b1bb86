//! The transactions that rang the doorbell. They may still be open, because the doorbell rings just before the commit.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::outbox::{self, Look, TransactionStatus};

use crate::invocation::Invocation;

/// Time limit of the wait for a transaction to end. After it, the doorbell rings again for the transaction.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// First pause between two checks of a transaction. A commit usually follows the ring within milliseconds.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(1);
/// Maximum pause between two checks of a transaction.
const MAX_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// The transactions whose end this run waits for.
#[derive(Debug)]
pub(crate) struct OpenTransactions {
    ids: Vec<u64>,
    give_up_at: Instant,
    check_interval: Duration,
}

/// The result of a wait for the open transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitResult {
    /// The outbox may have new rows: a transaction has ended, or others may have committed during the pause.
    DrainAgain,
    /// There is no open transaction, or the time limit is reached.
    StopWaiting,
}

impl OpenTransactions {
    /// Returns the transactions that the invocation names. The wait for them ends at `stop_at` at the latest.
    pub fn new(invocation: &Invocation, stop_at: Instant) -> Self {
        let ids = match invocation {
            Invocation::Transactions(ids) => ids.clone(),
            _ => Vec::new(),
        };
        Self {
            ids,
            give_up_at: stop_at.min(Instant::now() + TRANSACTION_TIMEOUT),
            check_interval: MIN_CHECK_INTERVAL,
        }
    }

    /// Returns the transactions that may still be open.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// Checks the transactions. Pauses before it returns when one of them is still open.
    ///
    /// The changes of transactions that have ended in `look` are drained, because it saw nothing pending after that.
    pub async fn wait(
        &mut self,
        connection: &mut PgConnection,
        look: Option<&Look>,
    ) -> Result<WaitResult, sqlx::Error> {
        for (id, status) in look.map_or(&[][..], |look| &look.transactions) {
            if status.is_some_and(|status| status != TransactionStatus::InProgress) {
                self.ids.retain(|open| open != id);
            }
        }
        if self.ids.is_empty() {
            return Ok(WaitResult::StopWaiting);
        }
        let mut open = Vec::new();
        for id in std::mem::take(&mut self.ids) {
            if outbox::transaction_status(connection, id).await? == TransactionStatus::InProgress {
                open.push(id);
            }
        }
        self.ids = open;
        if self.ids.is_empty() {
            // The last transaction may have committed after the outbox was drained.
            return Ok(WaitResult::DrainAgain);
        }
        if Instant::now() >= self.give_up_at {
            return Ok(WaitResult::StopWaiting);
        }
        tokio::time::sleep(self.check_interval).await;
        self.check_interval = (self.check_interval * 2).min(MAX_CHECK_INTERVAL);
        Ok(WaitResult::DrainAgain)
    }

    /// Rings the doorbell again for each transaction that is still open. Returns true when there was one.
    pub async fn ring_again(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        for id in &self.ids {
            outbox::ring_for(connection, *id).await?;
        }
        Ok(!self.ids.is_empty())
    }
}
