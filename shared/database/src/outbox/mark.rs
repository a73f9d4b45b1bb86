//! A change that an operator makes to see the way of its event.

use serde::Serialize;
use sqlx::postgres::PgConnection;

/// The model of marked changes, as `wagrun.mark` writes it.
pub const MARKED_MODEL: &str = "wagrun.mark";

/// A marked change that is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct MarkedChange {
    /// The time of its capture, by the clock of the database. It is the `time` of the event.
    pub captured_at: String,
    /// The function that its commit has rung, by name or ARN. None when the database rings by its log.
    pub doorbell_function: Option<String>,
}

/// Commits a marked change for this subscriber.
pub async fn mark(
    connection: &mut PgConnection,
    subscriber: &str,
) -> Result<MarkedChange, sqlx::Error> {
    sqlx::query_as("select captured_at, doorbell_function from wagrun.mark($1)")
        .bind(subscriber)
        .fetch_one(connection)
        .await
}
