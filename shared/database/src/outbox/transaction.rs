//! The status of a transaction, and the doorbell that rings again for one that is still open.

use sqlx::postgres::PgConnection;

/// SQLSTATE `invalid_parameter_value`: the database has not used this transaction id yet.
const INVALID_PARAMETER_VALUE: &str = "22023";

/// The status that PostgreSQL reports for a transaction id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// The transaction is still open.
    InProgress,
    /// The transaction's rows can be drained.
    Committed,
    /// The transaction left no rows.
    Aborted,
    /// PostgreSQL no longer keeps the status, or never had one. Rows that the transaction left can be drained.
    Forgotten,
}

impl TransactionStatus {
    /// Reads an answer of `pg_xact_status`.
    pub(super) fn from_server(status: Option<&str>) -> Self {
        match status {
            Some("in progress") => Self::InProgress,
            Some("aborted") => Self::Aborted,
            Some("committed") => Self::Committed,
            _ => Self::Forgotten,
        }
    }
}

/// Returns the status of the transaction `xid`. An id that this database never used counts as forgotten.
///
/// A doorbell's log line is no proof of a transaction, and ids begin anew in a database that was restored from a dump.
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
        Err(sqlx::Error::Database(error))
            if error.code().as_deref() == Some(INVALID_PARAMETER_VALUE) =>
        {
            tracing::warn!(xid, "doorbell named an unknown transaction");
            None
        }
        other => other?,
    };
    Ok(TransactionStatus::from_server(status.as_deref()))
}

/// Rings the doorbell again, for work that outlasts this invocation. The server's log records a failed ring.
pub async fn ring_again(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.ring(pg_current_xact_id()::text)")
        .execute(connection)
        .await
        .map(drop)
}

/// Rings the doorbell again for a transaction that is open longer than this invocation waits.
pub async fn ring_for(connection: &mut PgConnection, xid: u64) -> Result<(), sqlx::Error> {
    sqlx::query("select wagrun.ring($1)")
        .bind(xid.to_string())
        .execute(connection)
        .await
        .map(drop)
}
