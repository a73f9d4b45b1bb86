//! A snapshot: the present state of all watched objects, model by model, in order of keys.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{self, Backfill, WatchedModel};

use super::slice::{
    BackfillSlice, MAX_SLICE_ROWS, NextPosition, SliceError, SliceInput, read_cursor,
};
use crate::compose::{compose_snapshot, snapshot_type};
use crate::request::Snapshot;

/// The position at which the next slice begins.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    /// The label of the model. When the model is no longer watched, the slice begins with the model after it.
    model: String,
    /// The key after which the slice begins. `None` means the model's first object.
    after: Option<String>,
}

/// Returns the first cursor of a snapshot. The empty label sorts before every other one.
pub(super) fn first_cursor() -> Value {
    json!(Cursor {
        model: String::new(),
        after: None
    })
}

/// Makes the next slice of a snapshot: objects of one model, up to the first one with a pending event.
pub(super) async fn next_slice(
    input: &mut SliceInput<'_>,
    run: &Backfill,
    snapshot: &Snapshot,
) -> Result<BackfillSlice, SliceError> {
    let Cursor { model, after } = read_cursor(run)?;
    let mut models = outbox::watched_models(input.connection)
        .await?
        .into_iter()
        .filter(|watched| watched.model >= model && may_match(watched, snapshot));
    let Some(current) = models.next() else {
        return Ok(BackfillSlice {
            events: Vec::new(),
            position: NextPosition::End,
        });
    };
    let after = after.filter(|_| current.model == model);
    let mut objects = outbox::present_objects(
        input.connection,
        Some(run.id),
        &current.model,
        after.as_deref(),
        i32::from(MAX_SLICE_ROWS),
        &input.reference.names,
    )
    .await?;

    let bytes: i64 = objects.iter().map(|object| object.state.bytes).sum();
    let is_last_of_model =
        objects.len() < usize::from(MAX_SLICE_ROWS) && bytes < outbox::MAX_SLICE_BYTES;
    let first_pending = objects.iter().position(|object| object.is_pending);
    let pending = first_pending.map(|index| objects.swap_remove(index).state.object);
    objects.truncate(first_pending.unwrap_or(objects.len()));
    let position = match (pending, objects.last()) {
        (Some(object), None) => NextPosition::WaitFor(object),
        (Some(_), Some(last)) => position_at(&current.model, Some(&last.last_key)),
        (None, Some(last)) if !is_last_of_model => {
            position_at(&current.model, Some(&last.last_key))
        }
        (None, _) => models.next().map_or(NextPosition::End, |following| {
            position_at(&following.model, None)
        }),
    };
    let events = objects
        .iter()
        .map(|object| compose_snapshot(&object.state, &input.reference.rules, input.source))
        .filter(|event| snapshot.filter.matches(event))
        .map(|mut event| {
            event.backfill = Some(run.id);
            event.subscriber = Some(snapshot.subscriber.clone());
            event
        })
        .collect();
    Ok(BackfillSlice { events, position })
}

/// Returns the position after the model of a run's cursor, or the run's end.
pub(super) async fn position_after_model(
    connection: &mut PgConnection,
    run: &Backfill,
    snapshot: &Snapshot,
) -> Result<NextPosition, SliceError> {
    let Cursor { model, .. } = read_cursor(run)?;
    let models = outbox::watched_models(connection).await?;
    let mut models = models
        .iter()
        .filter(|watched| watched.model >= model && may_match(watched, snapshot));
    // The first one is the model of the cursor.
    Ok(models.nth(1).map_or(NextPosition::End, |following| {
        position_at(&following.model, None)
    }))
}

/// Returns false when no object of the model can match, so its table is not read.
fn may_match(watched: &WatchedModel, snapshot: &Snapshot) -> bool {
    let event_type = snapshot_type(watched.kind, &watched.model);
    snapshot.filter.admits_type(&event_type)
        && (watched.kind == ObjectKind::Page || !snapshot.only_pages)
}

fn position_at(model: &str, after: Option<&str>) -> NextPosition {
    NextPosition::Cursor(json!(Cursor {
        model: model.to_owned(),
        after: after.map(str::to_owned),
    }))
}
