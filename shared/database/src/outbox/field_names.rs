//! Field names: capture stores column names, and events show field names.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::change::CapturedChange;

/// Field names by object (`page`, `image`, `blog.author`) and column, as migrate discovered them.
#[derive(Debug, Clone, Default)]
pub struct FieldNames(HashMap<String, HashMap<String, String>>);

impl FieldNames {
    /// Collects the names of every watched table. The tables of one object (a page's, and each page type's) share one map.
    pub(super) fn from_tables(
        tables: impl Iterator<Item = (String, HashMap<String, String>)>,
    ) -> Self {
        let mut names: HashMap<String, HashMap<String, String>> = HashMap::new();
        for (object, fields) in tables {
            names.entry(object).or_default().extend(fields);
        }
        Self(names)
    }

    /// Replaces a change's column names by their field names.
    pub(super) fn apply(&self, change: &mut CapturedChange) {
        let object = change
            .object
            .split_once('/')
            .map_or("", |(object, _)| object);
        let Some(names) = self.0.get(object) else {
            return;
        };
        for state in [&mut change.before, &mut change.after]
            .into_iter()
            .flatten()
        {
            *state = renamed(std::mem::take(state), names);
        }
        for column in &mut change.changed {
            if let Some(field) = names.get(column) {
                column.clone_from(field);
            }
        }
    }
}

fn renamed(state: Map<String, Value>, names: &HashMap<String, String>) -> Map<String, Value> {
    state
        .into_iter()
        .map(|(column, value)| match names.get(&column) {
            Some(field) => (field.clone(), value),
            None => (column, value),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_get_their_fields_names_and_others_keep_theirs() {
        let tables = [
            ("page", json!({"live_revision_id": "live_revision"})),
            ("page", json!({"author_id": "author"})),
            ("image", json!({"author_id": "wrong"})),
        ]
        .map(|(object, fields)| (object.to_owned(), serde_json::from_value(fields).unwrap()));
        let names = FieldNames::from_tables(tables.into_iter());
        let state = json!({"live_revision_id": 3, "author_id": 7, "title": "News"});
        let Value::Object(state) = state else {
            unreachable!()
        };
        assert_eq!(
            Value::Object(renamed(state, &names.0["page"])),
            json!({"live_revision": 3, "author": 7, "title": "News"})
        );
    }
}
