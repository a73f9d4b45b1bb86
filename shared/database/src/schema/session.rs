//! A session that stays open while other processes work, and by which they recognise its database.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Interval at which the session sends a query, so that the server does not end it as idle.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
/// Time limit for the answer to a query. A half-open connection never answers.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// A session that ended before the work did.
#[derive(Debug, thiserror::Error)]
#[error("the database session was lost")]
pub struct SessionLost {
    pub(super) source: Option<sqlx::Error>,
}

/// A random advisory lock. A session that finds it in `pg_locks` is on the same server, in the same database.
///
/// Nothing else shows that: a copy of a database has its name and its server's system identifier, and a server has many
/// addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseProof {
    key: i64,
}

impl DatabaseProof {
    /// Returns the key of the advisory lock, as `pg_advisory_lock(bigint)` takes it.
    pub fn key(self) -> i64 {
        self.key
    }
}

/// Takes a random advisory lock, which the session holds until it ends.
pub async fn prove_database(connection: &mut PgConnection) -> Result<DatabaseProof, sqlx::Error> {
    let key = sqlx::query_scalar(
        "select key from (select hashtextextended(gen_random_uuid()::text, 0) as key) as random, pg_advisory_lock(key)",
    )
    .fetch_one(connection)
    .await?;
    Ok(DatabaseProof { key })
}

/// Runs `work`, which does not use this session, and keeps the session in use meanwhile.
///
/// # Errors
/// Drops `work` unfinished as soon as the session is lost.
pub async fn keep_in_use<T>(
    connection: &mut PgConnection,
    work: impl Future<Output = T>,
) -> Result<T, SessionLost> {
    let mut heartbeats = interval(HEARTBEAT_INTERVAL);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => {
                // A result counts only when the session was there to the end.
                send_heartbeat(connection).await?;
                return Ok(result);
            }
            _ = heartbeats.tick() => send_heartbeat(connection).await?,
        }
    }
}

async fn send_heartbeat(connection: &mut PgConnection) -> Result<(), SessionLost> {
    let heartbeat = sqlx::query("select 1").execute(connection);
    match timeout(ANSWER_TIMEOUT, heartbeat).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(SessionLost {
            source: Some(source),
        }),
        Err(_) => Err(SessionLost { source: None }),
    }
}
