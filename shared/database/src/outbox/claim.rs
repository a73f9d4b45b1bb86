//! From the outbox to numbered events.

use sqlx::postgres::PgConnection;

/// Changes that are looked at together at first.
const WINDOW: i64 = 2_000;
/// A transaction with more changes than this is folded in pieces.
const LARGEST_WINDOW: i64 = 100_000;

/// One pass through the outbox, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxCursor {
    /// The database's snapshot when the pass began: it takes what that sees, and nothing else.
    seen: Option<String>,
    /// Everything of that up to here is claimed: the next claim need not look at it again, which matters
    /// while somebody's old snapshot keeps the removed rows from being cleaned up.
    after: i64,
    window: i64,
}

impl Default for OutboxCursor {
    fn default() -> Self {
        Self {
            seen: None,
            after: -1,
            window: WINDOW,
        }
    }
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    seen: String,
    looked_at: i64,
    last_position: Option<i64>,
    taken: i64,
    models_of_failures: Vec<String>,
}

/// Folds the next transactions into events and numbers these; returns whether the pass may have more behind them. The caller
/// holds the drain lock.
pub async fn claim(
    connection: &mut PgConnection,
    cursor: &mut OutboxCursor,
) -> Result<bool, sqlx::Error> {
    loop {
        let row: ClaimRow = sqlx::query_as(include_str!("claim.sql"))
            .bind(cursor.after)
            .bind(cursor.window)
            .bind(cursor.window >= LARGEST_WINDOW)
            .bind(&cursor.seen)
            .fetch_one(&mut *connection)
            .await?;
        for model in row.models_of_failures {
            tracing::error!(
                model,
                "a change whose object is not known is set apart, and waits for an operator"
            );
        }
        cursor.seen = Some(row.seen);
        let more = row.looked_at == cursor.window;
        if row.taken == row.looked_at {
            cursor.after = row.last_position.unwrap_or(cursor.after);
            cursor.window = WINDOW;
        } else if row.taken < row.looked_at / 2 {
            // Most of what was looked at belongs to transactions that go on behind it.
            cursor.window = (cursor.window * 4).min(LARGEST_WINDOW);
        }
        if row.taken == 0 && more {
            continue;
        }
        return Ok(more);
    }
}

/// Returns the models of which events still lack the present state of their object.
pub async fn models_of_parts(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select distinct model from wagrun.event
         where settled_at is null and set_apart_at is null and is_part_only",
    )
    .fetch_all(connection)
    .await
}

/// Adds the present state of their object to events of one model that changed parts alone, a few hundred of them; returns how
/// many it was, none when there are no more.
///
/// # Errors
/// A lock that can't be had in time ([`is_lock_conflict`](super::is_lock_conflict)): a migration alters the table.
pub async fn add_present_state(
    connection: &mut PgConnection,
    model: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select wagrun.add_present_state($1, array(
             select sequence from wagrun.event
             where settled_at is null and set_apart_at is null and is_part_only and model = $1
             order by sequence limit 500))",
    )
    .bind(model)
    .fetch_one(connection)
    .await
}
