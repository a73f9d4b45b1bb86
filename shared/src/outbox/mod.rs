//! The outbox as content-events sees it: all of its SQL, and nothing of what is done with the rows.

use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

mod backfill;
mod field_names;
mod schedule;
mod transaction;

pub use backfill::{
    Backfill, PresentObject, Progress, Replayed, WatchedModel, advance_backfill, backfill_progress,
    cancel_backfill, last_published, next_backfill, open_backfill, present_objects,
    record_backfill_failure, replayed, watched_models,
};
pub use field_names::FieldNames;
pub use schedule::{Changes, due_minutes, forget_schedule_changes, schedule_changes};
pub use transaction::{TransactionStatus, ring_again, transaction_status};

/// A session lock, by a constant that nothing else in the database uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Lock {
    /// Makes the drainer single: held while events are numbered and published.
    Drain = 0x7761_6772_756e_0001,
    /// Makes the pace of backfills that of one: held across the pauses between their slices.
    Backfill = 0x7761_6772_756e_0003,
    /// Makes whoever compares schedules single: held from reading what is due until they are what they should be.
    Schedule = 0x7761_6772_756e_0004,
}

/// One captured change, claimed for publication.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CapturedChange {
    /// Where the row stands in order of capture; its key.
    pub position: i64,
    /// The event's id.
    pub id: Uuid,
    /// Id of the transaction that made the change.
    pub xid: String,
    /// `page/4`.
    pub object: String,
    /// `page`, `image`, `document`, `snippet` or `table`.
    pub kind: String,
    /// The `app.model` label of the table that captured the change.
    pub model: String,
    /// When it was captured, RFC 3339 in UTC.
    pub time: String,
    /// Captured columns before the commit; none when the object was not there.
    pub before: Option<Json<Map<String, Value>>>,
    /// Captured columns after the commit; none when the object is gone.
    pub after: Option<Json<Map<String, Value>>>,
    /// Names of changed columns whose values are not captured, with repetitions.
    pub changed: Vec<String>,
    /// Grows with commit order for one object.
    pub sequence: i64,
    /// The page's own `app.model` label, where it has one.
    pub content_type: Option<String>,
    /// Language code of a translatable object.
    pub locale: Option<String>,
    /// Primary key of the user who made the change, where known.
    pub editor_id: Option<String>,
    /// And the name.
    pub editor_name: Option<String>,
}

/// A Wagtail site: which host serves the pages under which root.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Site {
    /// Host name.
    pub hostname: String,
    /// TCP port; 80 and 443 decide the scheme, as in Wagtail.
    pub port: i32,
    /// `url_path` of the site's root page, such as `/home/`.
    pub root_path: String,
}

/// What became of a claimed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The topic has the event.
    Published,
    /// The commit's net change is none.
    Nothing,
}

/// A statement touched another number of rows than it was meant to.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Rows vanished or were settled by somebody else, which the drain lock rules out.
    #[error("settled {settled} outbox rows instead of {expected}")]
    Count {
        /// How many should have been settled.
        expected: usize,
        /// How many were.
        settled: u64,
    },
    /// The database refused.
    #[error("can't settle outbox rows")]
    Database(#[from] sqlx::Error),
}

/// Takes a lock for this session; false when another session has it.
pub async fn try_lock(connection: &mut PgConnection, lock: Lock) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(lock as i64)
        .fetch_one(connection)
        .await
}

/// Gives a lock back; false when this session did not hold it.
pub async fn unlock(connection: &mut PgConnection, lock: Lock) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_advisory_unlock($1)")
        .bind(lock as i64)
        .fetch_one(connection)
        .await
}

/// Whether a committed row waits for publication, those of `blocked` objects left out.
pub async fn is_pending(
    connection: &mut PgConnection,
    blocked: &[String],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from wagrun.outbox where settled_at is null and object <> all ($1))",
    )
    .bind(blocked)
    .fetch_one(connection)
    .await
}

/// How long the oldest pending row has waited, in seconds; 0 when none does.
pub async fn oldest_pending_seconds(connection: &mut PgConnection) -> Result<f64, sqlx::Error> {
    sqlx::query_scalar(
        // The first in order of capture, which the index finds at once also in a backlog.
        "select coalesce(extract(epoch from clock_timestamp() - (
             select captured_at from wagrun.outbox where settled_at is null order by position limit 1
         )), 0)::float8",
    )
    .fetch_one(connection)
    .await
}

/// The next `limit` pending rows in order, numbered, enriched and with columns by their field names; the caller must
/// hold the drain lock.
pub async fn claim(
    connection: &mut PgConnection,
    limit: i64,
    blocked: &[String],
    names: &FieldNames,
) -> Result<Vec<CapturedChange>, sqlx::Error> {
    let mut changes: Vec<CapturedChange> = sqlx::query_as(concat!(
        include_str!("claim.sql"),
        include_str!("enriched.sql")
    ))
    .bind(limit)
    .bind(blocked)
    .fetch_all(connection)
    .await?;
    for change in &mut changes {
        names.apply(change);
    }
    Ok(changes)
}

/// Marks rows as done; all of them, or an error.
pub async fn settle(
    connection: &mut PgConnection,
    positions: &[i64],
    outcome: Outcome,
) -> Result<(), SettleError> {
    if positions.is_empty() {
        return Ok(());
    }
    let outcome = match outcome {
        Outcome::Published => "published",
        Outcome::Nothing => "nothing",
    };
    let settled = sqlx::query(
        "update wagrun.outbox set settled_at = clock_timestamp(), outcome = $2, last_error = null
         where position = any ($1) and settled_at is null",
    )
    .bind(positions)
    .bind(outcome)
    .execute(connection)
    .await?
    .rows_affected();
    if settled == positions.len() as u64 {
        Ok(())
    } else {
        Err(SettleError::Count {
            expected: positions.len(),
            settled,
        })
    }
}

/// Remembers at the row why it could not be published; it stays pending.
pub async fn record_failure(
    connection: &mut PgConnection,
    position: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wagrun.outbox set failures = failures + 1, last_error = $2 where position = $1",
    )
    .bind(position)
    .bind(reason)
    .execute(connection)
    .await
    .map(drop)
}

/// Removes settled rows older than `days`, at most a thousand, so that one drain never pays for a backlog of history.
pub async fn remove_history(connection: &mut PgConnection, days: i32) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "delete from wagrun.outbox where position in (
             select position from wagrun.outbox
             where settled_at < clock_timestamp() - make_interval(days => $1)
             order by settled_at limit 1000)",
    )
    .bind(days)
    .execute(connection)
    .await
    .map(|done| done.rows_affected())
}

/// Every site with its root page.
pub async fn sites(connection: &mut PgConnection) -> Result<Vec<Site>, sqlx::Error> {
    sqlx::query_as(
        "select site.hostname, site.port, page.url_path as root_path
         from wagtailcore_site as site join wagtailcore_page as page on page.id = site.root_page_id",
    )
    .fetch_all(connection)
    .await
}
