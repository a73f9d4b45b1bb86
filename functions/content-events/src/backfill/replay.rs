//! Settled changes, published again in order of sequence.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wagrun::outbox::{self, Backfill, Replayed};

use super::{Next, Reader, SLICE_ROWS, Slice, SliceError, cursor};
use crate::compose::compose;
use crate::request::Replay;

/// From where to where.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// The sequence of the last change that was looked at.
    after: i64,
    /// That of the last change there was when somebody asked: a replay does not chase what happens meanwhile.
    last: i64,
}

/// The first cursor, up to the last sequence that was published.
pub(super) fn begin(last: i64) -> Value {
    json!(Cursor { after: 0, last })
}

/// The events as they were, made from the same rows: what the database knows more today (a name, a site's host) shows.
pub(super) async fn slice(
    reader: &mut Reader<'_>,
    run: &Backfill,
    replay: &Replay,
) -> Result<Slice, SliceError> {
    let Cursor { after, last } = cursor(run)?;
    let replayed = Replayed {
        after,
        last,
        since: replay.since,
        until: replay.until,
        subject: replay.subject.as_deref(),
    };
    let changes = outbox::replayed(
        reader.connection,
        &replayed,
        i64::from(SLICE_ROWS),
        &reader.names,
    )
    .await?;
    let next = match changes.last() {
        Some(change) if changes.len() == usize::from(SLICE_ROWS) => Next::From(json!(Cursor {
            after: change.sequence,
            last
        })),
        _ => Next::End,
    };
    let events = changes
        .iter()
        .filter_map(|change| compose(change, &reader.sites, reader.source))
        .filter(|event| replay.filter.matches(event))
        .map(|mut event| {
            event.replayed = true;
            event.backfill = Some(run.id);
            event.subscriber.clone_from(&replay.subscriber);
            event
        })
        .collect();
    Ok(Slice { events, next })
}
