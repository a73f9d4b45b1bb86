//! The present state of content that snapshots read.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::backfill::MAX_SLICE_BYTES;
use super::change::CapturedChange;
use super::field_names::FieldNames;
use crate::object_kind::ObjectKind;

/// A watched model whose objects have a table of their own, and so appear in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct WatchedModel {
    /// The `app.model` label.
    pub model: String,
    /// The kind of its objects.
    #[sqlx(try_from = "String")]
    pub kind: ObjectKind,
}

/// An object in its present state.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PresentObject {
    /// The object's key as text, after which the next slice begins.
    pub last_key: String,
    /// True when a committed change of the object is not published yet.
    pub is_pending: bool,
    /// The state with its sequence number, given as a change without a state before.
    #[sqlx(flatten)]
    pub state: CapturedChange,
}

/// Returns the models whose objects a snapshot shows, in the order of its slices.
pub async fn watched_models(
    connection: &mut PgConnection,
) -> Result<Vec<WatchedModel>, sqlx::Error> {
    let mut models: Vec<WatchedModel> = sqlx::query_as(
        "select model, kind from wagrun.watched_table where root is null and collection is null",
    )
    .fetch_all(connection)
    .await?;
    // Sorted here and not in SQL: the cursor compares labels, and the database may have another collation.
    models.sort();
    Ok(models)
}

/// Returns the next objects of a model after a key in their present state. Returns none for a model that is not watched.
///
/// Returns at most `limit` objects, and fewer when they exceed [`MAX_SLICE_BYTES`]. The caller must hold the drain lock:
/// sequence numbers are in the order of states only while no other session claims changes. Without a run the objects have no
/// numbers and no ids, and the lock is not needed.
pub async fn present_objects(
    connection: &mut PgConnection,
    run: Option<Uuid>,
    model: &str,
    after: Option<&str>,
    limit: i32,
    names: &FieldNames,
) -> Result<Vec<PresentObject>, sqlx::Error> {
    let mut objects: Vec<PresentObject> = sqlx::query_as(include_str!("snapshot.sql"))
        .bind(run)
        .bind(model)
        .bind(after)
        .bind(limit)
        .bind(MAX_SLICE_BYTES)
        .fetch_all(connection)
        .await?;
    for object in &mut objects {
        names.apply(&mut object.state);
    }
    Ok(objects)
}
