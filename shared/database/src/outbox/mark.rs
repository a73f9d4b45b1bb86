//! A change that an operator makes to see the way of its event.

use sqlx::postgres::PgConnection;

/// The model of marked changes, as `wagrun.mark` writes it.
pub const MARKED_MODEL: &str = "wagrun.mark";

/// Commits a marked change for this subscriber. Returns the time of its capture, by the clock of the database.
pub async fn mark(connection: &mut PgConnection, subscriber: &str) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("select wagrun.mark($1)")
        .bind(subscriber)
        .fetch_one(connection)
        .await
}
