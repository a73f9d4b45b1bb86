//! A change as it is read from the database: decoded column by column, so that one value can't keep the others.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Captured columns by name; `None` for an object that is not there.
pub type State = Option<Map<String, Value>>;

/// One transaction's net change of one object, or an object as it is.
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
                "a captured value can't be read, and its event is incomplete"
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
            kind: row.try_get("kind")?,
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
        })
    }
}

/// A state's columns. One that is nested too deeply for the reader is null, and noted.
fn decode(text: &str, is_unreadable: &mut bool) -> Map<String, Value> {
    if let Ok(state) = serde_json::from_str(text) {
        return state;
    }
    *is_unreadable = true;
    // The outermost level alone, which is read without recursion; then each column by itself.
    let columns: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
    columns
        .into_iter()
        .map(|(column, value)| {
            (
                column,
                serde_json::from_str(value.get()).unwrap_or_default(),
            )
        })
        .collect()
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
