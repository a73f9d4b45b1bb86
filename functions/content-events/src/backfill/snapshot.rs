//! Everything watched as it is now, model by model, in order of keys.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use wagrun_database::outbox::{self, Backfill, WatchedModel};

use super::slice::{Next, Reader, SLICE_ROWS, Slice, SliceError, cursor};
use crate::compose::{compose_snapshot, snapshot_type};
use crate::request::Snapshot;

/// Where the next slice begins.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// In this model, or when it is no longer watched in the one after it.
    model: String,
    /// After this key; without one at the model's first object.
    after: Option<String>,
}

/// The first cursor: no label is less than no text.
pub(super) fn begin() -> Value {
    json!(Cursor {
        model: String::new(),
        after: None
    })
}

/// The next objects of one model, up to the first whose own event is not published yet.
pub(super) async fn slice(
    reader: &mut Reader<'_>,
    run: &Backfill,
    snapshot: &Snapshot,
) -> Result<Slice, SliceError> {
    let Cursor { model, after } = cursor(run)?;
    let mut models = outbox::watched_models(reader.connection)
        .await?
        .into_iter()
        .filter(|watched| watched.model >= model && may_match(watched, snapshot));
    let Some(current) = models.next() else {
        return Ok(Slice {
            events: Vec::new(),
            next: Next::End,
        });
    };
    let after = after.filter(|_| current.model == model);
    let mut objects = outbox::present_objects(
        reader.connection,
        run.id,
        &current.model,
        after.as_deref(),
        i32::from(SLICE_ROWS),
        &reader.lookup.names,
    )
    .await?;

    let bytes: i64 = objects.iter().map(|object| object.state.bytes).sum();
    let is_last_of_model = objects.len() < usize::from(SLICE_ROWS) && bytes < outbox::SLICE_BYTES;
    let pending = objects.iter().position(|object| object.is_pending);
    let behind = pending.map(|index| objects.swap_remove(index).state.object);
    objects.truncate(pending.unwrap_or(objects.len()));
    let next = match (behind, objects.last()) {
        (Some(object), None) => Next::Behind(object),
        (Some(_), Some(last)) => from(&current.model, Some(&last.last_key)),
        (None, Some(last)) if !is_last_of_model => from(&current.model, Some(&last.last_key)),
        (None, _) => models
            .next()
            .map_or(Next::End, |following| from(&following.model, None)),
    };
    let events = objects
        .iter()
        .map(|object| compose_snapshot(&object.state, &reader.lookup.sites, reader.source))
        .filter(|event| snapshot.filter.matches(event))
        .map(|mut event| {
            event.backfill = Some(run.id);
            event.subscriber = Some(snapshot.subscriber.clone());
            event
        })
        .collect();
    Ok(Slice { events, next })
}

/// The place behind the model that a run stands in, or the run's end.
pub(super) async fn behind_model(
    connection: &mut PgConnection,
    run: &Backfill,
    snapshot: &Snapshot,
) -> Result<Next, SliceError> {
    let Cursor { model, .. } = cursor(run)?;
    let models = outbox::watched_models(connection).await?;
    let mut models = models
        .iter()
        .filter(|watched| watched.model >= model && may_match(watched, snapshot));
    // The first is the one that can't be read.
    Ok(models
        .nth(1)
        .map_or(Next::End, |following| from(&following.model, None)))
}

/// Spares reading a table of which nothing can match.
fn may_match(watched: &WatchedModel, snapshot: &Snapshot) -> bool {
    let kind = snapshot_type(&watched.kind, &watched.model);
    snapshot.filter.admits_type(&kind) && (watched.kind == "page" || !snapshot.only_pages)
}

fn from(model: &str, after: Option<&str>) -> Next {
    Next::From(json!(Cursor {
        model: model.to_owned(),
        after: after.map(str::to_owned),
    }))
}
