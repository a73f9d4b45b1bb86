//! Backfills: runs that republish the past (replay) or show the present (snapshot), and what they read.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::{Builder, Uuid};

use super::{CapturedChange, FieldNames};

/// SQLSTATEs of a database that migrate has not brought up to this version yet: no such table, no grant.
const OLDER_SCHEMA: [&str; 2] = ["42P01", "42501"];

/// Bytes that a slice reads at most; a larger object comes alone.
pub const SLICE_BYTES: i64 = 8 * 1024 * 1024;

/// An open run.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Backfill {
    /// Stands in each of its events.
    pub id: Uuid,
    /// The payload that asked for it.
    pub request: Json<Value>,
    /// Where the next slice begins.
    pub cursor: Json<Value>,
    /// Failures of its next slice so far.
    pub failures: i32,
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Progress {
    /// The run.
    pub id: Uuid,
    /// Events that the topic took, those of a slice that failed left out.
    pub published: i64,
    /// Whether it is done, or was cancelled.
    pub finished: bool,
}

/// Which settled changes a replay is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed<'a> {
    /// After this sequence.
    pub after: i64,
    /// Up to this one.
    pub last: i64,
    /// Captured at this time or later.
    pub since: Option<Timestamp>,
    /// Captured before this time.
    pub until: Option<Timestamp>,
    /// Of this object only.
    pub subject: Option<&'a str>,
}

/// Objects that have a table of their own, and so a place in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct WatchedModel {
    /// The `app.model` label.
    pub model: String,
    /// `page`, `image`, `document`, `snippet` or `table`.
    pub kind: String,
}

/// An object as it is now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PresentObject {
    /// Its key, as text, for the next slice to begin after.
    pub last_key: String,
    /// Whether a commit that changed it is not published yet.
    pub is_pending: bool,
    /// Its state, numbered, as that of a change without a state before.
    #[sqlx(flatten)]
    pub state: CapturedChange,
}

/// Opens a run, and removes those that ended more than `days` ago; returns its id.
///
/// While the same request is open it is the same run: Lambda, and whoever calls it, repeat what seems to have failed.
pub async fn open_backfill(
    connection: &mut PgConnection,
    request: &Value,
    cursor: &Value,
    days: i32,
) -> Result<Uuid, sqlx::Error> {
    sqlx::query(
        "delete from wagrun.backfill where finished_at < clock_timestamp() - make_interval(days => $1)",
    )
    .bind(days)
    .execute(&mut *connection)
    .await?;
    sqlx::query_scalar(
        "with
             same as (select id from wagrun.backfill where finished_at is null and request = $2 limit 1),
             opened as (
                 insert into wagrun.backfill (id, request, cursor)
                 select $1, $2, $3 where not exists (select from same)
                 returning id
             )
         select id from same union all select id from opened",
    )
    .bind(new_id(Timestamp::now()))
    .bind(Json(request))
    .bind(Json(cursor))
    .fetch_one(connection)
    .await
}

/// A version 7 UUID of this time.
fn new_id(now: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let mut random = [0; 10];
    random.copy_from_slice(&Uuid::new_v4().as_bytes()[..10]);
    Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

/// The highest sequence that was given so far; 0 when there is none.
pub async fn last_published(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce((select sequence from wagrun.event order by sequence desc limit 1), 0)",
    )
    .fetch_one(connection)
    .await
}

/// Ends an open run before it is done; false when there is no open run of this id.
pub async fn cancel_backfill(connection: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "update wagrun.backfill set finished_at = clock_timestamp(), outcome = 'cancelled'
         where id = $1 and finished_at is null",
    )
    .bind(id)
    .execute(connection)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// How far a run has come.
pub async fn backfill_progress(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Progress, sqlx::Error> {
    sqlx::query_as(
        "select id, published, finished_at is not null as finished from wagrun.backfill where id = $1",
    )
    .bind(id)
    .fetch_one(connection)
    .await
}

/// The open run whose turn it is, those `set_aside` left out: the one that has waited longest since its last slice.
pub async fn next_backfill(
    connection: &mut PgConnection,
    set_aside: &[Uuid],
) -> Result<Option<Backfill>, sqlx::Error> {
    let next = sqlx::query_as(
        "select id, request, cursor, failures from wagrun.backfill
         where finished_at is null and id <> all ($1)
         order by sliced_at nulls first, id
         limit 1",
    )
    .bind(set_aside)
    .fetch_optional(connection)
    .await;
    match next {
        // Between a deployment's new function and its migrate; live events must not suffer from it.
        Err(sqlx::Error::Database(error))
            if error
                .code()
                .is_some_and(|code| OLDER_SCHEMA.contains(&code.as_ref())) =>
        {
            Ok(None)
        }
        other => other,
    }
}

/// Keeps what a slice has achieved, and why it left something out; without a next cursor the run is done. A run that was
/// cancelled meanwhile stays so.
pub async fn advance_backfill(
    connection: &mut PgConnection,
    id: Uuid,
    published: usize,
    next: Option<&Value>,
    left_out: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wagrun.backfill set
             published = published + $2, cursor = coalesce($3, cursor), sliced_at = clock_timestamp(),
             failures = 0, last_error = coalesce($4, last_error),
             finished_at = case when $3 is null then clock_timestamp() end,
             outcome = case when $3 is null then 'done' end
         where id = $1 and finished_at is null",
    )
    .bind(id)
    .bind(i64::try_from(published).unwrap_or(i64::MAX))
    .bind(next.map(Json))
    .bind(left_out)
    .execute(connection)
    .await
    .map(drop)
}

/// Remembers at the run why its slice failed; the next one is the same again.
pub async fn record_backfill_failure(
    connection: &mut PgConnection,
    id: Uuid,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wagrun.backfill
         set failures = failures + 1, last_error = $2, sliced_at = clock_timestamp() where id = $1",
    )
    .bind(id)
    .bind(reason)
    .execute(connection)
    .await
    .map(drop)
}

/// Returns the last sequence that a slice of a replay looks at: a bounded number of events on, so that it takes the same time
/// however long the history is.
pub async fn replay_reach(
    connection: &mut PgConnection,
    after: i64,
    last: i64,
    events: i64,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce((select sequence from wagrun.event where sequence > $1 and sequence < $2
                          order by sequence offset $3 - 1 limit 1), $2)",
    )
    .bind(after)
    .bind(last)
    .bind(events)
    .fetch_one(connection)
    .await
}

/// The next `limit` published changes of a replay, in order of sequence, enriched and with columns by their field names;
/// fewer when they are large.
pub async fn replayed(
    connection: &mut PgConnection,
    replayed: &Replayed<'_>,
    limit: i64,
    names: &FieldNames,
) -> Result<Vec<CapturedChange>, sqlx::Error> {
    let mut changes: Vec<CapturedChange> = sqlx::query_as(concat!(
        include_str!("replay.sql"),
        include_str!("enriched.sql")
    ))
    .bind(replayed.after)
    .bind(replayed.last)
    .bind(replayed.since.map(|time| time.to_string()))
    .bind(replayed.until.map(|time| time.to_string()))
    .bind(replayed.subject)
    .bind(limit)
    .bind(SLICE_BYTES)
    .fetch_all(connection)
    .await?;
    for change in &mut changes {
        names.apply(change);
    }
    Ok(changes)
}

/// The models whose objects a snapshot shows, in the order of its slices.
pub async fn watched_models(
    connection: &mut PgConnection,
) -> Result<Vec<WatchedModel>, sqlx::Error> {
    let mut models: Vec<WatchedModel> =
        sqlx::query_as("select model, kind from wagrun.watched_table where root is null")
            .fetch_all(connection)
            .await?;
    // Here and not there: the cursor compares labels, and the database's collation is not ours.
    models.sort();
    Ok(models)
}

/// The next `limit` objects of a model after a key, as they are now, fewer when they are large; none when the model is not
/// watched any more.
///
/// The caller must hold the drain lock: the order of sequence numbers is that of states only while nobody else claims.
pub async fn present_objects(
    connection: &mut PgConnection,
    run: Uuid,
    model: &str,
    after: Option<&str>,
    limit: i32,
    names: &FieldNames,
) -> Result<Vec<PresentObject>, sqlx::Error> {
    let mut objects: Vec<PresentObject> = sqlx::query_as(include_str!("snapshot.sql"))
        .bind(run)
        .bind(model)
        .bind(after)
        .bind(limit)
        .bind(SLICE_BYTES)
        .fetch_all(connection)
        .await?;
    for object in &mut objects {
        names.apply(&mut object.state);
    }
    Ok(objects)
}
