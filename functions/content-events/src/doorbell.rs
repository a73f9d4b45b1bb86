//! The transactions that rang, which may still be open: the doorbell rings just before the commit.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::outbox::{self, TransactionStatus};

use crate::wake::Wake;

/// Longest wait for a transaction to end, after which the doorbell rings again for it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// First and longest pause between two looks at a transaction: a commit usually follows the ring within milliseconds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Transactions whose end this run waits for.
#[derive(Debug)]
pub(crate) struct OpenTransactions {
    xids: Vec<u64>,
    give_up_at: Instant,
    pause: Duration,
}

impl OpenTransactions {
    /// Those that a wake names, until they have ended or the wait is over.
    pub fn new(wake: &Wake, stop_at: Instant) -> Self {
        let xids = match wake {
            Wake::Transactions(xids) => xids.clone(),
            _ => Vec::new(),
        };
        Self {
            xids,
            give_up_at: stop_at.min(Instant::now() + LONGEST_WAIT),
            pause: SHORTEST_PAUSE,
        }
    }

    /// Looks at the transactions; true when the outbox is to be looked at again, because one of them has ended since, or
    /// others may have committed meanwhile. False when there is nothing more to wait for, or no time.
    pub async fn wait(&mut self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        if self.xids.is_empty() {
            return Ok(false);
        }
        let mut open = Vec::new();
        for xid in std::mem::take(&mut self.xids) {
            if outbox::transaction_status(connection, xid).await? == TransactionStatus::InProgress {
                open.push(xid);
            }
        }
        self.xids = open;
        if self.xids.is_empty() {
            // The last one may have committed since the outbox was looked at.
            return Ok(true);
        }
        if Instant::now() >= self.give_up_at {
            return Ok(false);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(true)
    }

    /// Has the doorbell ring again for what is still open; whether there was any.
    pub async fn ring_for_the_rest(
        &self,
        connection: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        for xid in &self.xids {
            outbox::ring_for(connection, *xid).await?;
        }
        Ok(!self.xids.is_empty())
    }
}
