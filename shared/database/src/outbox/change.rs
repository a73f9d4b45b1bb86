//! A captured change as it is read from the database. An unreadable value of one column does not affect the others.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::visibility::{SaidVisibility, StoredDecision, Visibility};
use crate::object_kind::ObjectKind;

/// The number of levels of lists and objects in a column's value. An event puts the value three levels deeper, and a receiver's
/// template some more. A parser of JSON takes 127 levels.
const MAX_DEPTH: usize = 100;
/// Names by which serde_json marks numbers and raw JSON. In a value they would be taken for a mark, at any depth.
const RESERVED_NAMES: [&str; 2] = [
    "\"$serde_json::private::Number\":",
    "\"$serde_json::private::RawValue\":",
];

/// Captured columns by name, or `None` when the object does not exist.
pub type State = Option<Map<String, Value>>;

/// One transaction's net change of one object, or the present state of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturedChange {
    /// The change's number. For one object it grows in the order of commits.
    pub sequence: i64,
    /// The event's id.
    pub id: Uuid,
    /// The id of the transaction that made the change.
    pub xid: String,
    /// The object's name, such as `page/4`.
    pub object: String,
    /// The object's key, a number or a text.
    pub key: Value,
    /// The object's kind.
    pub kind: ObjectKind,
    /// The `app.model` label of the table that captured the change.
    pub model: String,
    /// The time of capture, as RFC 3339 in UTC.
    pub time: String,
    /// Captured columns before the transaction.
    pub before: State,
    /// Captured columns after the transaction.
    pub after: State,
    /// Names of changed columns whose values are not captured.
    pub changed: Vec<String>,
    /// True while the state of the object's own row is missing, because a migration alters its table.
    pub is_part_only: bool,
    /// True when the object's state or a value of it cannot be read, so the change does not show everything.
    pub is_incomplete: bool,
    /// The size of both states as text, in bytes.
    pub bytes: i64,
    /// The `app.model` label of the page's own type, if it has one.
    pub content_type: Option<String>,
    /// The language code of a translatable object.
    pub locale: Option<String>,
    /// The primary key of the user who made the change, if known.
    pub editor_id: Option<String>,
    /// The user's name.
    pub editor_name: Option<String>,
    /// True when no transaction changed the object. Its visibility is compared with the one that was said last.
    pub is_comparison: bool,
    /// The visibility that the last event of the object said.
    pub said: SaidVisibility,
    /// The decision about the event, once it is stored.
    pub decision: Option<StoredDecision>,
}

impl<'r> sqlx::FromRow<'r, PgRow> for CapturedChange {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let id: Uuid = row.try_get("id")?;
        let object: String = row.try_get("object")?;
        let mut is_unreadable = false;
        let mut state = |column| -> Result<State, sqlx::Error> {
            let text: Option<&str> = row.try_get(column)?;
            Ok(text.map(|text| decode(text, &mut is_unreadable)))
        };
        let (before, after) = (state("before")?, state("after")?);
        if is_unreadable {
            tracing::warn!(
                event.id = %id,
                event.subject = object,
                "captured value cannot be read, event is incomplete"
            );
        }
        let key: Option<&str> = row.try_get("key")?;
        let is_incomplete: bool = row.try_get("is_incomplete")?;
        Ok(Self {
            sequence: row.try_get("sequence")?,
            id,
            xid: row.try_get("xid")?,
            object,
            key: key
                .and_then(|key| serde_json::from_str(key).ok())
                .unwrap_or_default(),
            kind: kind(row)?,
            model: row.try_get("model")?,
            time: row.try_get("time")?,
            before,
            after,
            changed: row.try_get("changed")?,
            is_part_only: row.try_get("is_part_only")?,
            is_incomplete: is_incomplete || is_unreadable,
            bytes: row.try_get("bytes")?,
            content_type: row.try_get("content_type")?,
            locale: row.try_get("locale")?,
            editor_id: row.try_get("editor_id")?,
            editor_name: row.try_get("editor_name")?,
            is_comparison: row.try_get("is_comparison")?,
            said: SaidVisibility::from_row(row.try_get("is_said")?, row.try_get("said")?),
            decision: decision(row)?,
        })
    }
}

fn decision(row: &PgRow) -> Result<Option<StoredDecision>, sqlx::Error> {
    let visibility = |column| -> Result<Option<Visibility>, sqlx::Error> {
        let value: Option<Json<Visibility>> = row.try_get(column)?;
        Ok(value.map(|Json(visibility)| visibility))
    };
    let Some(action) = row.try_get("action")? else {
        return Ok(None);
    };
    Ok(Some(StoredDecision {
        action,
        before: visibility("seen_before")?,
        after: visibility("seen_after")?,
    }))
}

fn kind(row: &PgRow) -> Result<ObjectKind, sqlx::Error> {
    let name: String = row.try_get("kind")?;
    ObjectKind::try_from(name).map_err(|error| sqlx::Error::ColumnDecode {
        index: "kind".to_owned(),
        source: Box::new(error),
    })
}

/// Parses a state's columns, which are the text of a `jsonb`. A value that is nested too deeply to be read by fan-out and deliver
/// becomes null and sets `is_unreadable`. So does one with a reserved name. A column of such a name is left out.
pub fn decode(text: &str, is_unreadable: &mut bool) -> Map<String, Value> {
    if !has_reserved_name(text)
        && let Ok(state) = serde_json::from_str::<Map<String, Value>>(text)
        && state.values().all(is_readable)
    {
        return state;
    }
    *is_unreadable = true;
    // The outermost level is parsed without recursion, and then each column by itself.
    let columns: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
    columns
        .into_iter()
        .filter(|(column, _)| !has_reserved_name(&format!("\"{column}\":")))
        .map(|(column, value)| (column, readable(value.get()).unwrap_or_default()))
        .collect()
}

fn readable(json: &str) -> Option<Value> {
    if has_reserved_name(json) {
        return None;
    }
    serde_json::from_str(json).ok().filter(is_readable)
}

fn has_reserved_name(json: &str) -> bool {
    RESERVED_NAMES.iter().any(|name| json.contains(name))
}

fn is_readable(value: &Value) -> bool {
    depth(value) <= MAX_DEPTH
}

/// Returns the number of levels of lists and objects in a value.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> (String, bool) {
        let mut unreadable = false;
        let state = decode(text, &mut unreadable);
        (Value::Object(state).to_string(), unreadable)
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"a":1.00,"b":123456789012345678901234567890.123456789,"c":1e+400}"#;
        assert_eq!(decoded(text), (text.to_owned(), false));
    }

    #[test]
    fn a_value_that_is_nested_too_deeply_is_null_and_the_others_stay() {
        // The parser takes 126 levels in a row. An event of it could not be read any more.
        for (levels, is_kept) in [(100, true), (101, false), (126, false), (200, false)] {
            let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            let row = format!(r#"{{"deep":{deep},"title":"News"}}"#);
            let (state, unreadable) = decoded(&row);
            let expected = match is_kept {
                true => row,
                false => r#"{"deep":null,"title":"News"}"#.to_owned(),
            };
            assert_eq!((state, unreadable), (expected, !is_kept), "{levels}");
        }
    }

    #[test]
    fn an_object_that_the_parser_takes_for_something_else_is_null() {
        for value in [
            r#"{"$serde_json::private::Number":"12"}"#,
            r#"{"$serde_json::private::Number":"x"}"#,
            r#"[{"a":{"$serde_json::private::RawValue":"[1]"}}]"#,
        ] {
            let (state, unreadable) = decoded(&format!(r#"{{"odd":{value},"title":"News"}}"#));
            assert_eq!(state, r#"{"odd":null,"title":"News"}"#);
            assert!(unreadable);
        }
        let row = r#"{"$serde_json::private::RawValue":"/news/","title":"News"}"#;
        assert_eq!(decoded(row), (r#"{"title":"News"}"#.to_owned(), true));
        // As a text it is nothing special.
        let row = r#"{"body":"{\"$serde_json::private::Number\":1}","name":"$serde_json::private::Number"}"#;
        assert_eq!(decoded(row), (row.to_owned(), false));
    }
}
