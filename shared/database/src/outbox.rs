//! The outbox as content-events sees it: all of its SQL, and nothing of what is done with the rows.

use sqlx::postgres::PgConnection;

mod backfill;
mod change;
mod claim;
mod field_names;
mod pending;
mod schedule;
mod settle;
mod transaction;

pub use backfill::{
    Backfill, PresentObject, Progress, Replayed, SLICE_BYTES, WatchedModel, advance_backfill,
    backfill_progress, cancel_backfill, last_published, next_backfill, open_backfill,
    present_objects, record_backfill_failure, replay_reach, replayed, watched_models,
};
pub use change::{CapturedChange, State};
pub use claim::{OutboxCursor, add_present_state, claim, models_of_parts};
pub use field_names::FieldNames;
pub use pending::{Backlog, backlog, is_pending, pending};
pub use schedule::{Changes, due_minutes, forget_schedule_changes, schedule_changes};
pub use settle::{
    Outcome, SettleError, discard_set_apart, record_refusal, remove_history, retry_set_apart,
    set_apart, settle,
};
pub use transaction::{TransactionStatus, ring_again, ring_for, transaction_status};

/// SQLSTATEs of a lock that was not to be had in time, and of a deadlock.
const LOCK_CONFLICTS: [&str; 2] = ["55P03", "40P01"];

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
    /// Makes single who waits for the drain lock, so that the death of its holder is noticed.
    NextDrainer = 0x7761_6772_756e_0005,
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

/// Returns true for a statement that gave up waiting for a lock, so that a migration that alters a table goes first.
pub fn is_lock_conflict(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| LOCK_CONFLICTS.contains(&code.as_ref()))
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

/// Every site with its root page.
pub async fn sites(connection: &mut PgConnection) -> Result<Vec<Site>, sqlx::Error> {
    sqlx::query_as(
        "select site.hostname, site.port, page.url_path as root_path
         from wagtailcore_site as site join wagtailcore_page as page on page.id = site.root_page_id",
    )
    .fetch_all(connection)
    .await
}
