//! Settled changes, published again in order of sequence.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wagrun_database::outbox::{self, Backfill, Replayed};

use super::slice::{Next, Reader, SLICE_ROWS, Slice, SliceError, cursor};
use crate::compose::compose;
use crate::request::Replay;

/// Events of the history that a slice looks at, so that it takes the same time however few match.
const EVENTS_LOOKED_AT: i64 = 20_000;

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
    let reach = outbox::replay_reach(reader.connection, after, last, EVENTS_LOOKED_AT).await?;
    let replayed = Replayed {
        after,
        last: reach,
        since: replay.since,
        until: replay.until,
        subject: replay.subject.as_deref(),
    };
    let changes = outbox::replayed(
        reader.connection,
        &replayed,
        i64::from(SLICE_ROWS),
        &reader.lookup.names,
    )
    .await?;
    let bytes: i64 = changes.iter().map(|change| change.bytes).sum();
    let is_full = changes.len() == usize::from(SLICE_ROWS) || bytes >= outbox::SLICE_BYTES;
    let next = match changes.last() {
        Some(change) if is_full => Some(change.sequence),
        _ if reach < last => Some(reach),
        _ => None,
    };
    let next = next.map_or(Next::End, |after| Next::From(json!(Cursor { after, last })));
    let events = changes
        .iter()
        .filter_map(|change| compose(change, &reader.lookup.sites, reader.source))
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
