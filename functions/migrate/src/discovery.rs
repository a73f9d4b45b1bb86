//! Asks Django which tables hold content.

use serde::Deserialize;
use serde_json::Map;
use wagrun::schema::{UserTable, WatchedTable};

use crate::manage::{Manage, ManageError, Surroundings};

/// What `discover.py` puts before its answer.
const MARKER: &str = "WAGRUN-DISCOVERY ";

/// What Django knows of the site's content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// The tables to watch.
    pub tables: Vec<WatchedTable>,
    /// Where the users are.
    pub user: UserTable,
    /// Whether there is a superuser who can log in.
    pub superuser: bool,
}

/// Django could not be asked, or its answer not be read.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The command failed.
    #[error("can't ask Django what to watch")]
    Manage(#[from] ManageError),
    /// There was no answer among what it printed.
    #[error("manage.py shell printed no line that begins with {MARKER}")]
    NoAnswer,
    /// The answer is not what this version expects.
    #[error("can't read the answer of discover.py")]
    Answer(#[from] serde_json::Error),
}

/// Asks Django.
pub async fn discover(
    manage: &Manage,
    surroundings: &Surroundings,
) -> Result<Discovery, DiscoveryError> {
    let answer = manage
        .shell(include_str!("discover.py"), MARKER, surroundings)
        .await?
        .ok_or(DiscoveryError::NoAnswer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// A table that is watched because somebody named it: every row is an object of its own, with its key in `id`.
pub fn named_table(table: &str) -> WatchedTable {
    WatchedTable {
        table: table.to_owned(),
        key_column: "id".to_owned(),
        kind: "table".to_owned(),
        model: table.to_owned(),
        object: table.to_owned(),
        root: None,
        collection: None,
        fields: Map::new(),
        withheld: Vec::new(),
        ignored: Vec::new(),
    }
}
