//! Makes the capture triggers, the settings and the roles match the site's content.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::schema::{self, UserTable, WatchError};

use crate::config::Config;
use crate::discovery::Discovery;

/// Statement timeout when the time of the run is nearly over.
const MIN_STATEMENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Capture could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The settings or the roles could not be changed.
    #[error("cannot set up capture")]
    Settings(#[source] sqlx::Error),
    /// The triggers of a table could not be created.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

/// Sets up the settings and the roles, and then the triggers, one table at a time. A table keeps its old triggers until it has
/// the new ones. Returns the number of watched tables.
pub async fn set_up_capture(
    connection: &mut PgConnection,
    config: &Config,
    discovery: Discovery,
    stop_at: Instant,
) -> Result<usize, CaptureError> {
    let mut tables = discovery.tables;
    let named = schema::named_tables(connection, &config.watched_tables, &tables).await?;
    tables.extend(named);
    set_up_settings(connection, config, &discovery.user, stop_at)
        .await
        .map_err(CaptureError::Settings)?;
    let watched = schema::watch_tables(connection, &tables, stop_at).await?;
    schema::watch_scheduled_tables(connection, &discovery.schedules, stop_at).await?;
    schema::record_uncaptured_content(connection)
        .await
        .map_err(CaptureError::Settings)?;
    schema::set_url_patterns(connection, &discovery.url_patterns)
        .await
        .map_err(CaptureError::Settings)?;
    Ok(watched)
}

async fn set_up_settings(
    connection: &mut PgConnection,
    config: &Config,
    users: &UserTable,
    stop_at: Instant,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // The server gives up early enough for the end of the run to be recorded.
    let remaining = stop_at.saturating_duration_since(Instant::now());
    schema::limit_statements(&mut transaction, remaining.max(MIN_STATEMENT_TIMEOUT)).await?;
    if config.doorbell_function.is_some() {
        schema::create_lambda_extension(&mut transaction).await?;
    }
    schema::set_user_table(&mut transaction, users).await?;
    schema::set_doorbell_function(&mut transaction, config.doorbell_function.as_deref()).await?;
    schema::set_up_roles(&mut transaction, &config.web_user, &config.relay_user).await?;
    transaction.commit().await
}
