//! How a transaction ended, and the doorbell that rings again for one that has not.

use sqlx::postgres::PgConnection;

/// What PostgreSQL says of a transaction id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Still open: look again.
    InProgress,
    /// Its rows are there to be drained.
    Committed,
    /// It left nothing.
    Aborted,
    /// So long ago that PostgreSQL has forgotten; whatever it left is there to be drained.
    Forgotten,
}

/// Asks how transaction `xid` ended.
///
/// # Errors
/// Also when there never was such a transaction: PostgreSQL refuses an id from the future.
pub async fn transaction_status(
    connection: &mut PgConnection,
    xid: u64,
) -> Result<TransactionStatus, sqlx::Error> {
    let status: Option<String> = sqlx::query_scalar("select pg_xact_status($1::text::xid8)")
        .bind(xid.to_string())
        .fetch_one(connection)
        .await?;
    Ok(match status.as_deref() {
        Some("in progress") => TransactionStatus::InProgress,
        Some("aborted") => TransactionStatus::Aborted,
        Some(_) => TransactionStatus::Committed,
        None => TransactionStatus::Forgotten,
    })
}

/// Rings the doorbell again, for a transaction that outlasted the wait or a backlog that outlasts the function; a failure is in the server log, as for any ring.
pub async fn ring_again(connection: &mut PgConnection, xid: &str) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.ring($1)")
        .bind(xid)
        .execute(connection)
        .await
        .map(drop)
}
