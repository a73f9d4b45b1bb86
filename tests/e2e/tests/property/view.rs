//! The fields of an object's own row that an event must show, according to docs/events.md.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use wagrun_event::Event;

use super::decoding::Row;
use super::oracle::{Oracle, Step, differing};

/// The columns of a page that are compared.
const PAGE: [&str; 6] = [
    "title",
    "slug",
    "url_path",
    "live",
    "first_published_at",
    "last_published_at",
];
const AUTHOR: [&str; 1] = ["name"];
const IMAGE: [&str; 4] = ["title", "description", "width", "height"];

/// Large columns. An event has only their names, and may name one that changed and changed back.
const WITHHELD: [&str; 2] = ["search_description", "bio"];

pub type ShownFields = Map<String, Value>;

/// Returns the fields as JSON, for a report.
pub fn text(shown: &ShownFields) -> String {
    serde_json::to_string(shown).unwrap()
}

/// Returns true if the oracle knows the object from the commits.
pub fn is_compared(event: &Event) -> bool {
    !columns(&event.subject).is_empty()
}

fn columns(object: &str) -> &'static [&'static str] {
    match object.split('/').next() {
        Some("page") => &PAGE,
        Some("blog.author") => &AUTHOR,
        Some("image") => &IMAGE,
        _ => &[],
    }
}

/// Returns the compared columns of a row.
pub fn of_row(object: &str, row: &Row) -> ShownFields {
    let shown = columns(object).iter().map(|column| {
        let value = row.get(*column).map_or(Value::Null, |text| match *column {
            "live" => json!(text == "true"),
            "width" | "height" => json!(text.parse::<i64>().unwrap()),
            _ => json!(text),
        });
        ((*column).to_owned(), normal(column, &value))
    });
    shown.collect()
}

/// Returns the compared columns of the state in an event.
pub fn of_event(event: &Event) -> ShownFields {
    let fields = match event.data.get("fields") {
        Some(Value::Object(fields)) => fields,
        _ => &event.data,
    };
    of_fields(&event.subject, fields)
}

/// Returns the compared columns of a row in JSON.
pub fn of_fields(object: &str, fields: &Map<String, Value>) -> ShownFields {
    let shown = columns(object).iter().map(|column| {
        let value = fields.get(*column).unwrap_or(&Value::Null);
        ((*column).to_owned(), normal(column, value))
    });
    shown.collect()
}

/// Returns the compared columns among the old values in an event.
pub fn of_previous(event: &Event) -> ShownFields {
    let columns = columns(&event.subject);
    let previous = event.data.get("previous").and_then(Value::as_object);
    let shown = previous.into_iter().flatten();
    let shown = shown.filter(|(name, _)| columns.contains(&name.as_str()));
    shown
        .map(|(name, value)| (name.clone(), normal(name, value)))
        .collect()
}

fn normal(column: &str, value: &Value) -> Value {
    if column.ends_with("_at")
        && let Some(time) = value.as_str()
    {
        let time: Timestamp = time
            .parse()
            .unwrap_or_else(|error| panic!("{time}: {error}"));
        return json!(time.to_string());
    }
    value.clone()
}

/// Returns the names of the changed fields in an event.
pub fn changed(event: &Event) -> BTreeSet<String> {
    let names = event.data.get("changed").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// Returns the last word of an event's type.
pub fn action(event: &Event) -> &str {
    event.kind.rsplit('.').next().unwrap_or_default()
}

/// Returns true if the event is of a change of the object's own row.
pub fn is_own(oracle: &Oracle, event: &Event) -> bool {
    matches!(action(event), "created" | "deleted")
        || is_first_publication(event)
        || !changed(event).is_disjoint(&oracle.own_fields(&event.subject))
}

/// Returns true for the publication of a page that was inserted as live.
fn is_first_publication(event: &Event) -> bool {
    action(event) == "published" && changed(event).is_empty()
}

/// Returns the first difference between an event and this change of the object's own row.
pub fn difference(oracle: &Oracle, step: &Step, event: &Event) -> Option<String> {
    let object = &event.subject;
    let differs = |what: &str, expected: &ShownFields, found: &ShownFields| {
        let (expected, found) = (text(expected), text(found));
        Some(format!("{what}: committed {expected}, event {found}"))
    };
    let expected = expected_action(object, step);
    if action(event) != expected {
        let found = action(event);
        return Some(format!("type: committed {expected}, event {found}"));
    }
    let found = of_event(event);
    match (&step.before, &step.after) {
        (Some(before), None) => {
            // The last known state is that before the transaction, or that which the deletion found.
            let known = [Some(before), step.dropped.as_ref()];
            let mut known = known
                .into_iter()
                .flatten()
                .map(|row| as_deleted(object, row));
            if !known.any(|expected| expected == found) {
                return differs("data", &as_deleted(object, before), &found);
            }
        }
        (before, Some(after)) => {
            let expected = of_row(object, after);
            if expected != found {
                return differs("data", &expected, &found);
            }
            let Some(before) = before else { return None };
            let mut expected_previous = of_row(object, before);
            expected_previous.retain(|column, old| expected.get(column) != Some(old));
            let found = of_previous(event);
            if expected_previous != found {
                return differs("previous", &expected_previous, &found);
            }
            return changed_difference(oracle, step, event);
        }
        (None, None) => {}
    }
    None
}

fn changed_difference(oracle: &Oracle, step: &Step, event: &Event) -> Option<String> {
    let captured = |names: &BTreeSet<String>| -> BTreeSet<String> {
        let withheld = names
            .iter()
            .filter(|name| !WITHHELD.contains(&name.as_str()));
        withheld.cloned().collect()
    };
    let own = differing(step.before.as_ref(), step.after.as_ref());
    let found = changed(event);
    let found_own = &found & &oracle.own_fields(&event.subject);
    if captured(&own) != captured(&found_own) {
        return Some(format!("changed: committed {own:?}, event {found_own:?}"));
    }
    let missing = &(&own | &step.parts) - &found;
    (!missing.is_empty()).then(|| format!("changed: {missing:?} is missing in {found:?}"))
}

/// Returns the fields of a deleted row. A deleted page is shown as not live.
fn as_deleted(object: &str, row: &Row) -> ShownFields {
    let mut shown = of_row(object, row);
    if let Some(live) = shown.get_mut("live") {
        *live = json!(false);
    }
    shown
}

/// Returns the last word of the type that docs/events.md gives to the change.
fn expected_action(object: &str, step: &Step) -> &'static str {
    let is_page = object.starts_with("page/");
    let live = |row: &Row| row.get("live").is_some_and(|live| live == "true");
    let (before, after) = match (&step.before, &step.after) {
        (Some(before), Some(after)) => (before, after),
        // The editors insert pages that were published before, as an import does.
        (None, Some(after)) if is_page && live(after) => return "published",
        (None, _) => return "created",
        (Some(_), None) => return "deleted",
    };
    let differs = |column: &str| before.get(column) != after.get(column);
    match (live(before), live(after)) {
        _ if !is_page => "updated",
        (false, true) => "published",
        (true, false) => "unpublished",
        (true, true) if differs("last_published_at") => "published",
        (true, true) if differs("url_path") => "moved",
        _ => "updated",
    }
}
