//! `wagrun.failed_publication`: the due content that could not be published or expired.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};

/// Time until content that has failed for the first time is tried again.
const FIRST_RETRY: Duration = Duration::from_secs(3600);
/// Time between the later attempts at content that keeps failing.
const RETRY_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// An object that could not be published or expired, as `publish_scheduled.py` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedPublication {
    /// `publish` or `expire`.
    pub action: String,
    /// The object as `app.model/key`; without a key for a table that cannot be read.
    pub object: String,
    /// The id of the revision that is due, where there is one.
    pub revision: Option<i64>,
    /// The object's title, as far as it is known.
    pub title: String,
    /// The time at which it was due, as RFC 3339.
    pub due: Option<String>,
    /// The table with the due time, as `to_regclass` reads it.
    pub table: String,
    /// The key of the row in that table.
    pub key: String,
    /// The error, in one line.
    pub reason: String,
}

/// Records the failures of a run, and forgets those of earlier runs that are not among them.
///
/// Returns for each failure whether it is to be reported: the first one, the next an hour later, and then one a day. When one
/// is to be reported, the doorbell rings, so that the schedules get the time of its next attempt.
pub async fn record_failed_publications(
    connection: &mut PgConnection,
    failures: &[FailedPublication],
) -> Result<Vec<bool>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query(
        "delete from wagrun.failed_publication as known
         where not exists (
             select from jsonb_array_elements($1) as failure
             where coalesce(to_regclass(failure ->> 'table'), 0::oid::regclass) = known.relation
               and failure ->> 'key' = known.key
               and coalesce((failure ->> 'due')::timestamptz, '-infinity') = known.due)",
    )
    .bind(Json(failures))
    .execute(&mut *transaction)
    .await?;
    let reported: Vec<i64> = sqlx::query_scalar(
        "with failure as (
             select position, coalesce(to_regclass(value ->> 'table'), 0::oid::regclass) as relation, value ->> 'key' as key,
                 coalesce((value ->> 'due')::timestamptz, '-infinity') as due, value ->> 'reason' as reason
             from jsonb_array_elements($1) with ordinality as listed (value, position)
         ), reported as (
             insert into wagrun.failed_publication as known (relation, key, due, failures, retry_at, reason)
             select distinct on (relation, key) relation, key, due, 1, now() + make_interval(secs => $2), reason
             from failure order by relation, key, position
             on conflict (relation, key) do update set
                 failures = known.failures + 1, retry_at = now() + make_interval(secs => $3), reason = excluded.reason
             where known.retry_at <= now()
             returning relation, key
         ), rung as (
             insert into wagrun.schedule_change (rings)
             select wagrun.is_first_of_transaction() from reported limit 1
         )
         select position from failure join reported using (relation, key)",
    )
    .bind(Json(failures))
    .bind(FIRST_RETRY.as_secs_f64())
    .bind(RETRY_INTERVAL.as_secs_f64())
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let position = |index: usize| i64::try_from(index + 1).unwrap_or(i64::MAX);
    let is_reported = |index| reported.contains(&position(index));
    Ok((0..failures.len()).map(is_reported).collect())
}

/// Forgets all failures, so that everything that is due is tried again at the next minute.
pub(super) async fn forget_failed_publications(
    connection: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    let forget = sqlx::query("delete from wagrun.failed_publication");
    forget.execute(connection).await.map(drop)
}
