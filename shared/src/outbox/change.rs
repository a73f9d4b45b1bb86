//! A change as it is read from the database: decoded column by column, so that one value can't keep the others.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Captured columns by name; `None` for an object that is not there.
pub type State = Option<Map<String, Value>>;

/// What one transaction did to one object, or an object as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct CapturedChange {
    /// Grows with commit order for one object; the change's key.
    pub sequence: i64,
    /// The event's id.
    pub id: Uuid,
    /// Id of the transaction that made the change.
    pub xid: String,
    /// `page/4`.
    pub object: String,
    /// The object's key: a number, or a text.
    pub key: Value,
    /// `page`, `image`, `document`, `snippet` or `table`.
    pub kind: String,
    /// The `app.model` label of the table that captured the change.
    pub model: String,
    /// When it was captured, RFC 3339 in UTC.
    pub time: String,
    /// Captured columns before the transaction.
    pub before: State,
    /// Captured columns after the transaction.
    pub after: State,
    /// Names of changed columns whose values are not captured.
    pub changed: Vec<String>,
    /// The object's own state could not be read yet, because somebody alters its table.
    pub is_part_only: bool,
    /// The change can't show all of the object: its state can't be read, or a value of it can't.
    pub is_incomplete: bool,
    /// Size of both states as text.
    pub bytes: i64,
    /// The page's own `app.model` label, where it has one.
    pub content_type: Option<String>,
    /// Language code of a translatable object.
    pub locale: Option<String>,
    /// Primary key of the user who made the change, where known.
    pub editor_id: Option<String>,
    /// The user's name.
    pub editor_name: Option<String>,
}

/// A row of the queries that show changes.
#[derive(sqlx::FromRow)]
struct ChangeRow {
    sequence: i64,
    id: Uuid,
    xid: String,
    object: String,
    key: Option<String>,
    kind: String,
    model: String,
    time: String,
    before: Option<String>,
    after: Option<String>,
    changed: Vec<String>,
    is_part_only: bool,
    is_incomplete: bool,
    bytes: i64,
    content_type: Option<String>,
    locale: Option<String>,
    editor_id: Option<String>,
    editor_name: Option<String>,
}

impl<'r> sqlx::FromRow<'r, PgRow> for CapturedChange {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(ChangeRow::from_row(row)?.into())
    }
}

impl From<ChangeRow> for CapturedChange {
    fn from(row: ChangeRow) -> Self {
        let mut unreadable = false;
        let before = row.before.map(|text| decode(&text, &mut unreadable));
        let after = row.after.map(|text| decode(&text, &mut unreadable));
        if unreadable {
            tracing::warn!(
                event.id = %row.id,
                event.subject = row.object,
                "a captured value can't be read, and its event is incomplete"
            );
        }
        let key = row
            .key
            .and_then(|key| serde_json::from_str(&key).ok())
            .unwrap_or_default();
        Self {
            sequence: row.sequence,
            id: row.id,
            xid: row.xid,
            object: row.object,
            key,
            kind: row.kind,
            model: row.model,
            time: row.time,
            before,
            after,
            changed: row.changed,
            is_part_only: row.is_part_only,
            is_incomplete: row.is_incomplete || unreadable,
            bytes: row.bytes,
            content_type: row.content_type,
            locale: row.locale,
            editor_id: row.editor_id,
            editor_name: row.editor_name,
        }
    }
}

/// A state's columns. One that is nested too deeply for the reader is null, and noted.
fn decode(text: &str, unreadable: &mut bool) -> Map<String, Value> {
    if let Ok(state) = serde_json::from_str(text) {
        return state;
    }
    *unreadable = true;
    // The outermost level alone, which is read without recursion.
    let columns: Map<String, Value> = match serde_json::from_str::<RawColumns>(text) {
        Ok(RawColumns(columns)) => columns,
        Err(_) => Map::new(),
    };
    columns
}

/// A state of which each column is read by itself.
struct RawColumns(Map<String, Value>);

impl<'de> serde::Deserialize<'de> for RawColumns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: std::collections::BTreeMap<String, Box<RawValue>> =
            serde::Deserialize::deserialize(deserializer)?;
        Ok(Self(
            raw.into_iter()
                .map(|(column, value)| {
                    let value = serde_json::from_str(value.get()).unwrap_or_default();
                    (column, value)
                })
                .collect(),
        ))
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
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let (state, unreadable) = decoded(&format!(r#"{{"deep":{deep},"title":"News"}}"#));
        assert_eq!(state, r#"{"deep":null,"title":"News"}"#);
        assert!(unreadable);
    }
}
