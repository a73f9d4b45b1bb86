//! Composes the event of a captured change, or of an object's present state.

use serde_json::{Map, Value, json};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{CapturedChange, Site};
use wagrun_event::{Event, NewEvent};

use crate::classify::{Action, classify, net_changed};
use crate::site_url::page_url;

/// The maximum size of an event as JSON, in bytes. SNS takes 262 144 with the attributes, and fan-out wraps the event.
pub const MAX_EVENT_BYTES: usize = 240 * 1024;

/// The length to which longer texts are cut in an event that is too large, in bytes.
const MAX_TRIMMED_TEXT_BYTES: usize = 1024;

/// The fields of a page that an event shows besides id, content type, locale, URL and editor.
const PAGE_FIELDS: [&str; 8] = [
    "title",
    "slug",
    "url_path",
    "live",
    "first_published_at",
    "last_published_at",
    "latest_revision",
    "live_revision",
];

/// Composes the event of a change. Returns `None` when the net change is none.
pub fn compose(change: &CapturedChange, sites: &[Site], source: &str) -> Option<Event> {
    classify(change).map(|action| event(change, action, sites, source))
}

/// Composes the snapshot event of an object. `state` is a change without a state before.
pub fn compose_snapshot(state: &CapturedChange, sites: &[Site], source: &str) -> Event {
    event(state, Action::Snapshot, sites, source)
}

/// Returns the type of the snapshot events of a model, given its kind and its `app.model` label.
pub fn snapshot_type(kind: ObjectKind, model: &str) -> String {
    event_type(kind, model, Action::Snapshot)
}

fn event(change: &CapturedChange, action: Action, sites: &[Site], source: &str) -> Event {
    let data = if change.kind == ObjectKind::Page {
        page_data(change, action, sites)
    } else {
        object_data(change)
    };
    trim(Event::new(NewEvent {
        id: change.id,
        source,
        kind: event_type(change.kind, &change.model, action),
        subject: change.object.clone(),
        time: change.time.clone(),
        sequence: change.sequence,
        data,
    }))
}

/// Returns the type of an event. It contains the kind of a page, an image or a document, and otherwise the model's name.
fn event_type(kind: ObjectKind, model: &str, action: Action) -> String {
    let object = match kind {
        ObjectKind::Page | ObjectKind::Image | ObjectKind::Document => kind.as_str(),
        ObjectKind::Snippet | ObjectKind::Table => {
            model.rsplit_once('.').map_or(model, |(_, name)| name)
        }
    };
    format!("wagtail.{object}.{}", action.as_str())
}

fn page_data(change: &CapturedChange, action: Action, sites: &[Site]) -> Map<String, Value> {
    let mut data = common_data(change);
    let state = last_known(change);
    for field in PAGE_FIELDS {
        data.insert(field.to_owned(), value_of(&state, field));
    }
    data.insert("url".to_owned(), url_of(&state, sites));
    if action == Action::Deleted {
        data.insert("live".to_owned(), Value::Bool(false));
    }

    let mut previous = Map::new();
    if let Some(before) = &change.before {
        for field in PAGE_FIELDS {
            let old = value_of(before, field);
            if data.get(field) != Some(&old) {
                previous.insert(field.to_owned(), old);
            }
        }
        if previous.contains_key("url_path") {
            previous.insert("url".to_owned(), url_of(before, sites));
        }
    }
    with_differences(data, change, previous)
}

fn object_data(change: &CapturedChange) -> Map<String, Value> {
    let mut data = common_data(change);
    let state = last_known(change);
    let title = state.get("title").or_else(|| state.get("name")).cloned();
    data.insert("title".to_owned(), title.unwrap_or_default());
    let mut fields = state;
    fields.remove("id");
    data.insert("fields".to_owned(), Value::Object(fields));

    let mut previous = Map::new();
    if let (Some(before), Some(after)) = (&change.before, &change.after) {
        for (field, old) in before {
            if after.get(field) != Some(old) {
                previous.insert(field.clone(), old.clone());
            }
        }
    }
    with_differences(data, change, previous)
}

fn common_data(change: &CapturedChange) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("id".to_owned(), change.key.clone());
    let content_type = change.content_type.as_deref().unwrap_or(&change.model);
    data.insert("content_type".to_owned(), json!(content_type));
    if let Some(locale) = &change.locale {
        data.insert("locale".to_owned(), json!(locale));
    }
    let editor = change.editor_id.as_deref().map_or(
        Value::Null,
        |id| json!({"id": number_or_text(id), "username": change.editor_name}),
    );
    data.insert("editor".to_owned(), editor);
    data
}

/// Adds the names of the changed fields and their previous values.
fn with_differences(
    mut data: Map<String, Value>,
    change: &CapturedChange,
    previous: Map<String, Value>,
) -> Map<String, Value> {
    let changed = match (&change.before, &change.after) {
        (Some(before), Some(after)) => net_changed(before, after, &change.changed),
        _ => Vec::new(),
    };
    data.insert("changed".to_owned(), json!(changed));
    data.insert("previous".to_owned(), Value::Object(previous));
    if change.is_incomplete {
        data.insert("incomplete".to_owned(), Value::Bool(true));
    }
    data
}

/// Returns the state after the commit, or for a deleted object the state before it.
fn last_known(change: &CapturedChange) -> Map<String, Value> {
    let state = change.after.as_ref().or(change.before.as_ref());
    state.cloned().unwrap_or_default()
}

fn value_of(state: &Map<String, Value>, field: &str) -> Value {
    state.get(field).cloned().unwrap_or_default()
}

fn url_of(state: &Map<String, Value>, sites: &[Site]) -> Value {
    state
        .get("url_path")
        .and_then(Value::as_str)
        .and_then(|path| page_url(sites, path))
        .map_or(Value::Null, Value::String)
}

fn number_or_text(key: &str) -> Value {
    key.parse::<i64>()
        .map_or_else(|_| json!(key), |number| json!(number))
}

/// Shortens an event that is too large, in three steps: its previous values, the ends of long texts, all of its fields.
///
/// An event is never dropped.
fn trim(mut event: Event) -> Event {
    if size(&event) <= MAX_EVENT_BYTES {
        return event;
    }
    event.data.insert("truncated".to_owned(), Value::Bool(true));
    event.data.insert("previous".to_owned(), json!({}));
    if size(&event) > MAX_EVENT_BYTES {
        event.data.values_mut().for_each(cut_long_texts);
    }
    if size(&event) > MAX_EVENT_BYTES {
        event.data.remove("fields");
        event.data.insert("changed".to_owned(), json!([]));
    }
    event
}

fn cut_long_texts(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > MAX_TRIMMED_TEXT_BYTES => {
            text.truncate(text.floor_char_boundary(MAX_TRIMMED_TEXT_BYTES));
        }
        Value::Array(items) => items.iter_mut().for_each(cut_long_texts),
        Value::Object(fields) => fields.values_mut().for_each(cut_long_texts),
        _ => {}
    }
}

fn size(event: &Event) -> usize {
    event.to_json().map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests;
