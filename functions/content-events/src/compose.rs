//! Composes the event of a captured change, or of an object's present state.

mod marked;

use serde_json::{Map, Value, json};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{
    CapturedChange, MARKED_MODEL, SaidVisibility, Visibility, VisibilityRules,
};
use wagrun_event::{Event, NewEvent};

use crate::action::Action;
use crate::classify::{Decision, net_changed};
use crate::visibility::visibility;

/// The maximum size of an event as JSON, in bytes. SNS takes 262 144 with the attributes, and fan-out wraps the event.
pub const MAX_EVENT_BYTES: usize = 240 * 1024;

/// The length to which longer texts are cut in an event that is too large, in bytes.
const MAX_TRIMMED_TEXT_BYTES: usize = 1024;

/// Wagtail's own models, which have their plain names in types.
const OWN_MODELS: [&str; 4] = [
    "wagtailcore.site",
    "wagtailcore.locale",
    "wagtailcore.collection",
    "wagtailredirects.redirect",
];

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

/// Composes the event of a decision. Returns `None` when there is nothing to say.
pub fn compose(change: &CapturedChange, decision: &Decision, source: &str) -> Option<Event> {
    let action = decision.action?;
    if change.model == MARKED_MODEL {
        return marked::event(change, source);
    }
    Some(event(change, action, decision, source))
}

/// Composes the snapshot event of an object. `state` is a change without a state before.
pub fn compose_snapshot(state: &CapturedChange, rules: &VisibilityRules, source: &str) -> Event {
    let present = state.after.as_ref();
    let decision = Decision {
        action: Some(Action::Snapshot),
        before: None,
        after: present.and_then(|it| visibility(rules, state.kind, it)),
        said: SaidVisibility::Nothing,
    };
    event(state, Action::Snapshot, &decision, source)
}

/// Returns the type of the snapshot events of a model, given its kind and its `app.model` label.
pub fn snapshot_type(kind: ObjectKind, model: &str) -> String {
    event_type(kind, model, Action::Snapshot)
}

fn event(change: &CapturedChange, action: Action, decision: &Decision, source: &str) -> Event {
    let data = if change.kind == ObjectKind::Page {
        page_data(change, action, decision)
    } else {
        object_data(change, decision)
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
/// A model with the name of another kind of content, such as the snippet `blog.image`, has its app in the type too.
fn event_type(kind: ObjectKind, model: &str, action: Action) -> String {
    let object = match kind {
        ObjectKind::Page | ObjectKind::Image | ObjectKind::Document => kind.as_str().to_owned(),
        ObjectKind::Snippet | ObjectKind::Table => {
            // A table that an operator named has its schema in front, except for `public`.
            let (app, name) = model.rsplit_once('.').unwrap_or(("public", model));
            if is_reserved(name) && !OWN_MODELS.contains(&model) {
                format!("{app}.{name}")
            } else {
                name.to_owned()
            }
        }
    };
    format!("wagtail.{object}.{}", action.as_str())
}

/// Returns true for a name that types use for a kind of content.
fn is_reserved(name: &str) -> bool {
    let own = OWN_MODELS.iter().filter_map(|model| model.rsplit_once('.'));
    ["page", "image", "document"]
        .into_iter()
        .chain(own.map(|(_, name)| name))
        .any(|reserved| reserved == name)
}

fn page_data(change: &CapturedChange, action: Action, decision: &Decision) -> Map<String, Value> {
    let mut data = common_data(change);
    let state = last_known(change);
    for field in PAGE_FIELDS {
        data.insert(field.to_owned(), value_of(&state, field));
    }
    if action == Action::Deleted {
        data.insert("live".to_owned(), Value::Bool(false));
    }
    if let Some(present) = decision.after.as_ref().or(decision.before.as_ref()) {
        insert_urls(&mut data, present);
        insert_audience(&mut data, present);
    }

    let mut previous = Map::new();
    if let Some(before) = &change.before {
        for field in PAGE_FIELDS {
            let old = value_of(before, field);
            if data.get(field) != Some(&old) {
                previous.insert(field.to_owned(), old);
            }
        }
    }
    with_differences(data, change, decision, previous)
}

fn object_data(change: &CapturedChange, decision: &Decision) -> Map<String, Value> {
    let mut data = common_data(change);
    let state = last_known(change);
    let title = state.get("title").or_else(|| state.get("name")).cloned();
    data.insert("title".to_owned(), title.unwrap_or_default());
    if let Some(present) = decision.after.as_ref().or(decision.before.as_ref()) {
        insert_audience(&mut data, present);
    }
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
    with_differences(data, change, decision, previous)
}

/// Inserts the full URL of a page, and all of its URLs.
fn insert_urls(data: &mut Map<String, Value>, visibility: &Visibility) {
    data.insert("url".to_owned(), json!(visibility.url));
    data.insert("urls".to_owned(), json!(visibility.urls));
}

/// Inserts who can see the object.
fn insert_audience(data: &mut Map<String, Value>, visibility: &Visibility) {
    data.insert("visible_to".to_owned(), json!(visibility.visible_to));
    if !visibility.groups.is_empty() {
        data.insert("groups".to_owned(), json!(visibility.groups));
    }
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
    decision: &Decision,
    mut previous: Map<String, Value>,
) -> Map<String, Value> {
    let mut changed = Vec::new();
    if let (Some(before), Some(after)) = (&change.before, &change.after) {
        changed = net_changed(before, after, &change.changed);
        if let (Some(before), Some(after)) = (&decision.before, &decision.after) {
            add_visibility_differences(&mut changed, &mut previous, before, after);
        }
    }
    data.insert("changed".to_owned(), json!(changed));
    data.insert("previous".to_owned(), Value::Object(previous));
    if change.is_incomplete {
        data.insert("incomplete".to_owned(), Value::Bool(true));
    }
    data
}

fn add_visibility_differences(
    changed: &mut Vec<String>,
    previous: &mut Map<String, Value>,
    before: &Visibility,
    after: &Visibility,
) {
    if (&before.url, &before.urls) != (&after.url, &after.urls) {
        changed.push("url".to_owned());
        insert_urls(previous, before);
    }
    if before.visible_to != after.visible_to {
        changed.push("visible_to".to_owned());
        previous.insert("visible_to".to_owned(), json!(before.visible_to));
    }
    if before.groups != after.groups {
        changed.push("groups".to_owned());
        previous.insert("groups".to_owned(), json!(before.groups));
    }
    changed.sort_unstable();
    changed.dedup();
}

/// Returns the state after the commit, or for a deleted object the state before it.
fn last_known(change: &CapturedChange) -> Map<String, Value> {
    let state = change.after.as_ref().or(change.before.as_ref());
    state.cloned().unwrap_or_default()
}

fn value_of(state: &Map<String, Value>, field: &str) -> Value {
    state.get(field).cloned().unwrap_or_default()
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
mod properties;
#[cfg(test)]
mod tests;
