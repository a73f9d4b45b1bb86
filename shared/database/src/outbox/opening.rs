//! The first statements under the drain lock, in one round trip: the next changes are claimed, and read with everything that their
//! events are composed from.

use sqlx::postgres::PgConnection;

use super::claim::{MODELS_OF_PARTS, OutboxCursor, Progress};
use super::pending::{PendingBatch, add_pending};
use super::reference::Reference;
use super::script::Script;
use super::visibility::VisibilityScan;

/// The changes that were claimed, and the values that their events are composed from.
#[derive(Debug)]
pub struct Opening {
    /// True when the pass may have more changes.
    pub has_more: bool,
    /// Field names and rules, read after the claim. So they include what the claimed changes did to them.
    pub reference: Reference,
    /// The last comparison of all objects.
    pub scan: VisibilityScan,
    /// The models with events that lack the present state of their object.
    pub models_of_parts: Vec<String>,
    /// True when the time of a decision has come.
    pub has_due_decisions: bool,
    /// The next pending events, which may lack the present state of their object.
    pub pending: PendingBatch,
}

const LAST_SCAN: &str = "select rules, is_wanted from wagrun.visibility_scan";

const HAS_DUE_DECISIONS: &str =
    "select exists (select from wagrun.visibility where decide_at <= clock_timestamp())";

/// Claims the next changes, and reads the pending events after the sequence `after`. The caller must hold the drain lock.
///
/// # Errors
/// Fails with a [lock conflict](super::is_lock_conflict) while a migration alters a table that events are composed from. Then nothing
/// is claimed.
pub async fn open(
    connection: &mut PgConnection,
    cursor: &mut OutboxCursor,
    after: i64,
) -> Result<Opening, sqlx::Error> {
    loop {
        let mut script = Script::default();
        cursor.add_claim(&mut script);
        Reference::add(&mut script);
        for statement in [LAST_SCAN, MODELS_OF_PARTS, HAS_DUE_DECISIONS] {
            script.add(statement, &[]);
        }
        add_pending(&mut script, after);
        let mut results = script.run(connection).await?;
        let progress = cursor.advance(&results.next())?;
        if progress == Progress::NothingWhole {
            continue;
        }
        let reference = Reference::read(&mut results)?;
        return Ok(Opening {
            has_more: progress == Progress::MayHaveMore,
            scan: results.next().row()?,
            models_of_parts: results.next().scalars()?,
            has_due_decisions: results.next().scalar()?,
            pending: PendingBatch::read(&results.next(), &reference.names)?,
            reference,
        });
    }
}
