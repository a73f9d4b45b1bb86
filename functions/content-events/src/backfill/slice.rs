//! A slice of a backfill, and what it is made with.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use wagrun_database::outbox::Backfill;
use wagrun_event::Event;

use crate::outlet::Lookup;

/// Rows that are read together, and so the most events that a live one ever waits for.
pub(super) const SLICE_ROWS: u16 = 100;

/// The next part of a run.
#[derive(Debug)]
pub(super) struct Slice {
    pub events: Vec<Event>,
    pub next: Next,
}

/// The next step after a slice.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Another one, from this cursor on.
    From(Value),
    /// The same place again, once this object's own event is published.
    Behind(String),
    /// Nothing.
    End,
}

/// A slice can't be made; another time it may.
#[derive(Debug, thiserror::Error)]
pub(super) enum SliceError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("its request or its cursor is of another version: {0}")]
    Unreadable(String),
}

/// The parts that make slices.
pub(super) struct Reader<'a> {
    pub connection: &'a mut PgConnection,
    pub lookup: Lookup,
    pub source: &'a str,
}

/// A cursor as its own kind.
pub(super) fn cursor<T: serde::de::DeserializeOwned>(run: &Backfill) -> Result<T, SliceError> {
    serde_json::from_value(run.cursor.0.clone())
        .map_err(|error| SliceError::Unreadable(error.to_string()))
}
