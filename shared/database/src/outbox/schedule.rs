//! What is to be published, or to expire, and when; and that it has changed.

use jiff::Timestamp;
use sqlx::postgres::PgConnection;

/// The transactions that changed what is due, as far as somebody has seen them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes(Vec<String>);

impl Changes {
    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The changes so far; one that commits later is not among them, and stays when these are forgotten.
pub async fn schedule_changes(connection: &mut PgConnection) -> Result<Changes, sqlx::Error> {
    sqlx::query_scalar("select distinct xid::text from wagrun.schedule_change")
        .fetch_all(connection)
        .await
        .map(Changes)
}

/// Forgets these changes, because what they changed is scheduled.
pub async fn forget_schedule_changes(
    connection: &mut PgConnection,
    changes: &Changes,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from wagrun.schedule_change where xid = any ($1::text[]::xid8[])")
        .bind(&changes.0)
        .execute(connection)
        .await
        .map(drop)
}

/// The next full minutes at which something is due, at most `most` and each once; what was due before `earliest` is
/// due at the first full minute from there.
pub async fn due_minutes(
    connection: &mut PgConnection,
    earliest: Timestamp,
    most: usize,
) -> Result<Vec<Timestamp>, sqlx::Error> {
    let seconds: Vec<i64> = sqlx::query_scalar(
        "select extract(epoch from minute)::bigint from wagrun.due_minutes($1::text::timestamptz, $2) as minute",
    )
    .bind(earliest.to_string())
    .bind(i32::try_from(most).unwrap_or(i32::MAX))
    .fetch_all(connection)
    .await?;
    let minutes = seconds.into_iter().map(Timestamp::from_second);
    minutes
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
