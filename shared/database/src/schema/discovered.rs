//! The tables that migrate discovers from Django, as its discovery script prints them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::object_kind::ObjectKind;

/// A table to watch for changes of content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchedTable {
    /// The table's name in SQL, with its schema when that is not on the search path.
    pub table: String,
    /// The column that holds the object's key.
    pub key_column: String,
    /// The kind of the object that a row belongs to.
    pub kind: ObjectKind,
    /// Django's `app.model` label in lower case.
    pub model: String,
    /// The first part of the object's name, such as `page` in `page/4`.
    pub object: String,
    /// The table that holds the object's own row, when this table holds a part of the object.
    pub root: Option<String>,
    /// The field of the object that the rows make up, when an object has many rows in this table (inline children).
    pub collection: Option<String>,
    /// The tables between a child of a child and the object, the nearest first.
    #[serde(default)]
    pub parents: Vec<ParentTable>,
    /// The objects that rows belong to, by the id of their content type, when the table has parts of several kinds of objects.
    #[serde(default)]
    pub owners: Option<BTreeMap<String, Owner>>,
    /// The column with the id of the content type, when there are owners.
    #[serde(default)]
    pub owner_type: Option<String>,
    /// Field names by column name, for fields whose name differs from the column's.
    pub fields: Map<String, Value>,
    /// Columns of which only the fact of a change is captured, because their values are large or private.
    pub withheld: Vec<String>,
    /// Bookkeeping columns. A change of these alone is no change of the object.
    pub ignored: Vec<String>,
}

/// A table between a child of a child and the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParentTable {
    /// The table's name in SQL.
    pub table: String,
    /// The column to which the child refers.
    pub key_column: String,
    /// The column that refers to the next table, or holds the object's key.
    pub link_column: String,
}

/// The object that a row of a shared table belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The first part of the object's name.
    pub object: String,
    /// The object's kind.
    pub kind: ObjectKind,
    /// Django's `app.model` label of the object, in lower case.
    pub model: String,
    /// The field of the object that the rows make up.
    pub collection: String,
}

/// A table with times at which a row is published or expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledTable {
    /// The table's name in SQL, with its schema when that is not on the search path.
    pub table: String,
    /// The column with the due time. It is null in a row that is never due.
    pub due_column: String,
    /// The column that says if a row is live, when only live rows are due.
    pub live_column: Option<String>,
}

/// The table in which the site keeps its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserTable {
    /// The table's name in SQL.
    pub table: String,
    /// The primary key column.
    pub key_column: String,
    /// The column with the name that events show.
    pub name_column: String,
}
