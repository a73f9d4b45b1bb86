//! The times at which content is published or expires, and the record that they have changed.

use jiff::Timestamp;
use sqlx::postgres::PgConnection;

/// The ids of transactions that changed a due time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleChanges(Vec<String>);

impl ScheduleChanges {
    pub(super) fn new(ids: Vec<String>) -> Self {
        Self(ids)
    }

    /// Returns true when no transaction changed a due time.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the recorded changes of due times.
///
/// A change that commits later is not among them, and stays recorded when these are forgotten.
pub async fn schedule_changes(
    connection: &mut PgConnection,
) -> Result<ScheduleChanges, sqlx::Error> {
    sqlx::query_scalar("select distinct xid::text from wagrun.schedule_change")
        .fetch_all(connection)
        .await
        .map(ScheduleChanges)
}

/// Removes the record of changes whose due times are scheduled.
pub async fn forget_schedule_changes(
    connection: &mut PgConnection,
    changes: &ScheduleChanges,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from wagrun.schedule_change where xid = any ($1::text[]::xid8[])")
        .bind(&changes.0)
        .execute(connection)
        .await
        .map(drop)
}

/// Returns up to `limit` different full minutes at which content is due, the first ones first.
///
/// Content that was due before `earliest` counts for the first full minute from there.
pub async fn due_minutes(
    connection: &mut PgConnection,
    earliest: Timestamp,
    limit: usize,
) -> Result<Vec<Timestamp>, sqlx::Error> {
    let seconds: Vec<i64> = sqlx::query_scalar(
        "select extract(epoch from minute)::bigint from wagrun.due_minutes($1::text::timestamptz, $2) as minute",
    )
    .bind(earliest.to_string())
    .bind(i32::try_from(limit).unwrap_or(i32::MAX))
    .fetch_all(connection)
    .await?;
    let minutes = seconds.into_iter().map(Timestamp::from_second);
    minutes
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
