//! `wagrun.migration_run`: what was done to this database, by whom and when.

use serde::Serialize;
use sqlx::postgres::PgConnection;

use super::exists;

/// The longest failure that is kept, in characters; its end says most.
const LONGEST_FAILURE: i32 = 10_000;

/// One run, as the history knows it.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct Run {
    /// Grows with every run.
    pub id: i64,
    /// CloudFormation's request or the invocation.
    pub asked_by: String,
    /// The image, where the caller named it.
    pub deploy: Option<String>,
    /// Version of wagrun.
    pub program: String,
    /// RFC 3339 in UTC.
    pub started_at: String,
    /// How long it took; none when it has not ended.
    pub seconds: Option<f64>,
    /// `succeeded`, `failed` or `abandoned`; none while it runs, or when it was killed and no other run came since.
    pub outcome: Option<String>,
    /// Django's migrations that it applied.
    pub applied: Vec<String>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome<'a> {
    /// Everything is up to date.
    Succeeded,
    /// A step failed, for this reason.
    Failed(&'a str),
}

/// Writes down that a run begins, and that those which never ended were abandoned; the caller must have the lock.
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

/// Writes down how a run ended.
pub async fn end_run(
    connection: &mut PgConnection,
    id: i64,
    applied: &[String],
    outcome: RunOutcome<'_>,
) -> Result<(), sqlx::Error> {
    let (outcome, failure) = match outcome {
        RunOutcome::Succeeded => ("succeeded", None),
        RunOutcome::Failed(reason) => ("failed", Some(reason)),
    };
    let updated = sqlx::query(
        "update wagrun.migration_run
         set ended_at = clock_timestamp(), applied = $2, outcome = $3, failure = right($4, $5)
         where id = $1 and ended_at is null",
    )
    .bind(id)
    .bind(applied)
    .bind(outcome)
    // PostgreSQL's text has no zero bytes, and a program may print anything.
    .bind(failure.map(|reason| reason.replace('\0', "\u{fffd}")))
    .bind(LONGEST_FAILURE)
    .execute(connection)
    .await?
    .rows_affected();
    if updated == 1 {
        Ok(())
    } else {
        Err(sqlx::Error::RowNotFound)
    }
}

/// The last run of this image that succeeded; none in a database without the history.
pub async fn last_success(
    connection: &mut PgConnection,
    image: &str,
) -> Result<Option<i64>, sqlx::Error> {
    if !exists(connection, "wagrun.migration_run").await? {
        return Ok(None);
    }
    sqlx::query_scalar(
        "select max(id) from wagrun.migration_run where deploy = $1 and outcome = 'succeeded'",
    )
    .bind(image)
    .fetch_one(connection)
    .await
}

/// The newest runs first, `limit` at most; none in a database without the history.
pub async fn runs(connection: &mut PgConnection, limit: i64) -> Result<Vec<Run>, sqlx::Error> {
    if !exists(connection, "wagrun.migration_run").await? {
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
