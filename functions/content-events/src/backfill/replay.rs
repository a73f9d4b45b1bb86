//! A replay: settled changes are published again in order of sequence.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wagrun_database::outbox::{self, Backfill, ReplayRange};

use super::slice::{
    BackfillSlice, MAX_SLICE_ROWS, NextPosition, SliceError, SliceInput, read_cursor,
};
use crate::classify::decide;
use crate::compose::compose;
use crate::request::Replay;

/// The maximum number of events that a slice examines. So it takes the same time however few events match.
const MAX_EXAMINED_EVENTS: i64 = 20_000;

/// The range of sequences that is left of a replay.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// The sequence of the last change that was examined.
    after: i64,
    /// The highest sequence at the time of the request. A replay does not follow later changes.
    last: i64,
}

/// Returns the first cursor of a replay up to the sequence `last`.
pub(super) fn first_cursor(last: i64) -> Value {
    json!(Cursor { after: 0, last })
}

/// Makes the next slice of a replay.
///
/// The events are composed from the stored rows and decisions. Field names come from the present state of the database.
pub(super) async fn next_slice(
    input: &mut SliceInput<'_>,
    run: &Backfill,
    replay: &Replay,
) -> Result<BackfillSlice, SliceError> {
    let Cursor { after, last } = read_cursor(run)?;
    let reach = outbox::replay_reach(input.connection, after, last, MAX_EXAMINED_EVENTS).await?;
    let range = ReplayRange {
        after,
        last: reach,
        since: replay.since,
        until: replay.until,
        subject: replay.subject.as_deref(),
    };
    let changes = outbox::replayed_changes(
        input.connection,
        &range,
        i64::from(MAX_SLICE_ROWS),
        &input.reference.names,
    )
    .await?;
    let bytes: i64 = changes.iter().map(|change| change.bytes).sum();
    let is_full = changes.len() == usize::from(MAX_SLICE_ROWS) || bytes >= outbox::MAX_SLICE_BYTES;
    let examined_up_to = match changes.last() {
        Some(change) if is_full => Some(change.sequence),
        _ if reach < last => Some(reach),
        _ => None,
    };
    let position = examined_up_to.map_or(NextPosition::End, |after| {
        NextPosition::Cursor(json!(Cursor { after, last }))
    });
    let events = changes
        .iter()
        .filter_map(|change| {
            let decision = decide(change, &change.said, &input.reference.rules);
            compose(change, &decision, input.source)
        })
        .filter(|event| replay.filter.matches(event))
        .map(|mut event| {
            event.replayed = true;
            event.backfill = Some(run.id);
            event.subscriber.clone_from(&replay.subscriber);
            event
        })
        .collect();
    Ok(BackfillSlice { events, position })
}
