//! How a transaction ended, and the doorbell that rings again for one that has not.

use sqlx::postgres::PgConnection;

/// SQLSTATE of an id that was never given (`invalid_parameter_value`).
const FROM_THE_FUTURE: &str = "22023";

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

/// Asks how transaction `xid` ended. An id that this database never gave counts as forgotten: a doorbell's log line is no
/// proof, and ids begin anew in a database that was restored from a dump.
pub async fn transaction_status(
    connection: &mut PgConnection,
    xid: u64,
) -> Result<TransactionStatus, sqlx::Error> {
    let status: Result<Option<String>, _> =
        sqlx::query_scalar("select pg_xact_status($1::text::xid8)")
            .bind(xid.to_string())
            .fetch_one(connection)
            .await;
    let status = match status {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(FROM_THE_FUTURE) => {
            tracing::warn!(xid, "a doorbell named a transaction that there never was");
            None
        }
        other => other?,
    };
    Ok(match status.as_deref() {
        Some("in progress") => TransactionStatus::InProgress,
        Some("aborted") => TransactionStatus::Aborted,
        Some(_) => TransactionStatus::Committed,
        None => TransactionStatus::Forgotten,
    })
}

/// Rings the doorbell again, for work that outlasts this function's time; a failure is in the server log, as for any ring.
pub async fn ring_again(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.ring(pg_current_xact_id()::text)")
        .execute(connection)
        .await
        .map(drop)
}

/// Rings the doorbell again for a transaction that outlasts the wait for its end.
pub async fn ring_for(connection: &mut PgConnection, xid: u64) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.ring($1)")
        .bind(xid.to_string())
        .execute(connection)
        .await
        .map(drop)
}
