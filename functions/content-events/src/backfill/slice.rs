//! One slice of a backfill, and the inputs from which it is made.

use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use wagrun_database::outbox::{Backfill, Reference};
use wagrun_event::Event;

use crate::request::RequestError;

/// The maximum number of rows in a slice. So it is the maximum number of events that a live event waits for.
pub(super) const MAX_SLICE_ROWS: u16 = 100;

/// The next part of a run.
#[derive(Debug)]
pub(super) struct BackfillSlice {
    /// The events to publish.
    pub events: Vec<Event>,
    /// The position after this slice.
    pub position: NextPosition,
}

/// The position of a run after a slice.
#[derive(Debug, PartialEq)]
pub(super) enum NextPosition {
    /// The next slice begins at this cursor.
    Cursor(Value),
    /// The next slice begins at the same place, after the pending event of this object is published.
    WaitFor(String),
    /// The run is done.
    End,
}

/// A slice cannot be made. A later try may succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum SliceError {
    /// The database returned an error or closed the connection.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The stored cursor is of another version of wagrun.
    #[error("its cursor is of another version")]
    Cursor(#[source] serde_json::Error),
    /// The stored request is of another version of wagrun.
    #[error("its request is of another version")]
    Request(#[source] Option<RequestError>),
}

/// The inputs of a slice.
pub(super) struct SliceInput<'a> {
    /// The connection to the database.
    pub connection: &'a mut PgConnection,
    /// The field names and rules for composing events.
    pub reference: Reference,
    /// The `source` of the events.
    pub source: &'a str,
}

/// Reads the cursor of a run.
pub(super) fn read_cursor<T: DeserializeOwned>(run: &Backfill) -> Result<T, SliceError> {
    serde_json::from_value(run.cursor.0.clone()).map_err(SliceError::Cursor)
}
