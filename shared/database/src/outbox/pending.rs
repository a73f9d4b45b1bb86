//! Pending events: numbered and not yet settled.

use sqlx::postgres::PgConnection;

use super::change::CapturedChange;
use super::field_names::FieldNames;
use super::script::{Literal, Script, StatementResult};

/// The maximum number of events in one read.
const MAX_BATCH_EVENTS: i64 = 500;
/// The maximum size of both states of all events in one read, in bytes. A larger event is read alone. A drainer of 128 MB holds two reads.
const MAX_BATCH_BYTES: i64 = 4 * 1024 * 1024;

/// Pending events, read at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingBatch {
    /// The events in order of sequence, with fields under their field names.
    pub changes: Vec<CapturedChange>,
    /// True when no further event was pending.
    pub is_last: bool,
}

/// Returns the next pending events after a sequence.
pub async fn pending(
    connection: &mut PgConnection,
    after: i64,
    names: &FieldNames,
) -> Result<PendingBatch, sqlx::Error> {
    let mut script = Script::default();
    add_pending(&mut script, after);
    PendingBatch::read(&script.run(connection).await?.next(), names)
}

/// Adds the statement that reads the next pending events after a sequence.
pub(super) fn add_pending(script: &mut Script, after: i64) {
    script.add(
        concat!(include_str!("pending.sql"), include_str!("enriched.sql")),
        &[
            Literal::Integer(Some(after)),
            Literal::Integer(Some(MAX_BATCH_EVENTS)),
            Literal::Integer(Some(MAX_BATCH_BYTES)),
        ],
    );
}

impl PendingBatch {
    pub(super) fn read(result: &StatementResult, names: &FieldNames) -> Result<Self, sqlx::Error> {
        let mut changes: Vec<CapturedChange> = result.rows()?;
        let bytes: i64 = changes.iter().map(|change| change.bytes).sum();
        for change in &mut changes {
            names.apply(change);
        }
        Ok(Self {
            is_last: changes.len() < MAX_BATCH_EVENTS as usize && bytes < MAX_BATCH_BYTES,
            changes,
        })
    }
}
