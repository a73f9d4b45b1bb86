//! Claiming: changes in the outbox become numbered events.

use sqlx::postgres::PgConnection;

use super::script::{Literal, Script, StatementResult};

/// The number of changes that one claim examines at first.
const INITIAL_WINDOW: i64 = 2_000;
/// The maximum number of changes that one claim examines. A larger transaction is folded in pieces.
const MAX_WINDOW: i64 = 100_000;

/// The position of one pass through the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxCursor {
    /// The database's snapshot at the start of the pass. The pass takes only what this snapshot sees.
    snapshot: Option<String>,
    /// The position up to which all rows of the snapshot are claimed. The next claim begins after it, which saves time
    /// while another session's old snapshot prevents the clean-up of removed rows.
    after: i64,
    /// The number of changes that the next claim examines.
    window: i64,
}

impl Default for OutboxCursor {
    fn default() -> Self {
        Self {
            snapshot: None,
            after: -1,
            window: INITIAL_WINDOW,
        }
    }
}

#[derive(sqlx::FromRow)]
struct ClaimRow {
    snapshot: String,
    examined: i64,
    last_position: Option<i64>,
    taken: i64,
    models_of_failures: Vec<String>,
}

/// The progress of a pass after a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// No transaction ends among the changes that were examined. The next claim examines more of them.
    NothingWhole,
    /// Changes were claimed, and there may be more.
    MayHaveMore,
    /// The pass is done.
    Done,
}

impl OutboxCursor {
    /// Adds the statement of the next claim.
    pub(super) fn add_claim(&self, script: &mut Script) {
        script.add(
            include_str!("claim.sql"),
            &[
                Literal::Integer(Some(self.after)),
                Literal::Integer(Some(self.window)),
                Literal::Boolean(self.window >= MAX_WINDOW),
                Literal::Text(self.snapshot.as_deref()),
            ],
        );
    }

    /// Moves behind the changes that were claimed.
    pub(super) fn advance(&mut self, claimed: &StatementResult) -> Result<Progress, sqlx::Error> {
        let row: ClaimRow = claimed.row()?;
        for model in row.models_of_failures {
            tracing::error!(model, "change without a known object is set apart");
        }
        self.snapshot = Some(row.snapshot);
        let has_more = row.examined == self.window;
        if row.taken == row.examined {
            self.after = row.last_position.unwrap_or(self.after);
            self.window = INITIAL_WINDOW;
        } else if row.taken < row.examined / 2 {
            // Most of the examined changes belong to transactions that extend beyond the window.
            self.window = (self.window * 4).min(MAX_WINDOW);
        }
        Ok(match has_more {
            false => Progress::Done,
            true if row.taken == 0 => Progress::NothingWhole,
            true => Progress::MayHaveMore,
        })
    }
}

/// Returns the models with events that lack the present state of their object.
pub(super) const MODELS_OF_PARTS: &str = "select distinct model from wagrun.event
    where settled_at is null and set_apart_at is null and is_part_only";

/// Adds the present state of the object to up to 500 events of one model that changed only parts of their objects.
/// Returns their number, which is 0 when no such event is left.
///
/// # Errors
/// Fails with a [lock conflict](super::is_lock_conflict) while a migration alters the table.
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
