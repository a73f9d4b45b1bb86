//! Runs SQL statements.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::error::PostgresError;

/// Runs one statement in its own connection.
pub async fn execute(url: &str, statement: &str) -> Result<(), PostgresError> {
    let failed = |source| PostgresError::Sql {
        statement: statement.to_owned(),
        source,
    };
    let mut connection = PgConnection::connect(url).await.map_err(failed)?;
    // The names and numbers in it come from the callers, and the database lives as long as a test.
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)
}
