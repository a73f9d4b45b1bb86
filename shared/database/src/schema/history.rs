//! `wagrun.migration_run`: the history of migrate's runs in this database.

use serde::Serialize;
use sqlx::postgres::PgConnection;

use super::install::table_exists;

/// The maximum length of a stored failure, in characters. The end of a longer one is kept, because it says most.
const MAX_FAILURE_LENGTH: i32 = 10_000;

/// One run of migrate, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct MigrationRun {
    /// The run's number, which grows with every run.
    pub id: i64,
    /// The id of CloudFormation's request or of the invocation.
    pub asked_by: String,
    /// The image that was deployed, when the caller named it.
    pub deploy: Option<String>,
    /// The version of wagrun.
    pub program: String,
    /// The start time, as RFC 3339 in UTC.
    pub started_at: String,
    /// The duration in seconds, or `None` when the run has not ended.
    pub seconds: Option<f64>,
    /// `succeeded`, `failed` or `abandoned`. `None` while the run lasts, or when it was killed and no later run began.
    pub outcome: Option<String>,
    /// Django's migrations that the run applied.
    pub applied: Vec<String>,
    /// The cause of a failure.
    pub failure: Option<String>,
}

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationOutcome<'a> {
    /// Everything is up to date.
    Succeeded,
    /// A step failed with this message.
    Failed(&'a str),
}

/// Records the start of a run, and marks earlier runs that never ended as abandoned. Returns the run's id.
///
/// The caller must hold the migration lock.
pub async fn begin_run(
    connection: &mut PgConnection,
    asked_by: &str,
    deploy: Option<&str>,
) -> Result<i64, sqlx::Error> {
    sqlx::query(
        "update wagrun.migration_run set ended_at = clock_timestamp(), outcome = 'abandoned' where ended_at is null",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_scalar(
        "insert into wagrun.migration_run (asked_by, deploy, program) values ($1, $2, $3) returning id",
    )
    .bind(asked_by)
    .bind(deploy)
    .bind(env!("CARGO_PKG_VERSION"))
    .fetch_one(connection)
    .await
}

/// Records the end of a run.
pub async fn end_run(
    connection: &mut PgConnection,
    id: i64,
    applied: &[String],
    outcome: MigrationOutcome<'_>,
) -> Result<(), sqlx::Error> {
    let (outcome, failure) = match outcome {
        MigrationOutcome::Succeeded => ("succeeded", None),
        MigrationOutcome::Failed(reason) => ("failed", Some(reason)),
    };
    let updated = sqlx::query(
        "update wagrun.migration_run
         set ended_at = clock_timestamp(), applied = $2, outcome = $3, failure = right($4, $5)
         where id = $1 and ended_at is null",
    )
    .bind(id)
    .bind(applied)
    .bind(outcome)
    // PostgreSQL's text cannot hold a zero byte, and the output of a program may contain one.
    .bind(failure.map(|reason| reason.replace('\0', "\u{fffd}")))
    .bind(MAX_FAILURE_LENGTH)
    .execute(connection)
    .await?
    .rows_affected();
    if updated == 1 {
        Ok(())
    } else {
        Err(sqlx::Error::RowNotFound)
    }
}

/// Returns the id of the last successful run of this image. Returns `None` in a database without the history.
pub async fn last_successful_run(
    connection: &mut PgConnection,
    image: &str,
) -> Result<Option<i64>, sqlx::Error> {
    if !table_exists(connection, "wagrun.migration_run").await? {
        return Ok(None);
    }
    sqlx::query_scalar(
        "select max(id) from wagrun.migration_run where deploy = $1 and outcome = 'succeeded'",
    )
    .bind(image)
    .fetch_one(connection)
    .await
}

/// Returns up to `limit` runs, the newest first. Returns none in a database without the history.
pub async fn recent_runs(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<MigrationRun>, sqlx::Error> {
    if !table_exists(connection, "wagrun.migration_run").await? {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        r#"select id, asked_by, deploy, program, outcome, applied, failure,
               to_char(started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as started_at,
               extract(epoch from ended_at - started_at)::float8 as seconds
           from wagrun.migration_run order by id desc limit $1"#,
    )
    .bind(limit)
    .fetch_all(connection)
    .await
}
