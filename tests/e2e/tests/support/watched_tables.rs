//! Tables that a test creates and watches.

use sqlx::PgConnection;
use wagrun_database::schema::{self, WatchedTable};

use super::runtime::in_a_minute;
use super::sql::execute;

/// Returns the description of a snippet's table, as migrate gets it from Django. Every column is captured.
pub fn snippet_table(table: &str, model: &str) -> WatchedTable {
    WatchedTable {
        table: table.to_owned(),
        kind: wagrun_database::ObjectKind::Snippet,
        model: model.to_owned(),
        object: model.to_owned(),
        key_column: "id".to_owned(),
        root: None,
        collection: None,
        parents: Vec::new(),
        owners: None,
        owner_type: None,
        fields: serde_json::Map::new(),
        withheld: Vec::new(),
        ignored: Vec::new(),
    }
}

/// Returns the description of the site's only snippet.
pub fn author_table() -> WatchedTable {
    snippet_table("blog_author", "blog.author")
}

/// Creates a table of these columns and watches only this table, as the snippets of `shop.<table>`.
pub async fn watch_snippets(session: &mut PgConnection, table: &str, columns: &str) {
    execute(session, &format!("create table {table} ({columns})")).await;
    let watched = snippet_table(table, &format!("shop.{table}"));
    schema::watch_tables(session, &[watched], in_a_minute())
        .await
        .unwrap();
}

/// Watches the table `note` as the snippets of `shop.note`, and `line` as their inline children by its column `note_id`.
pub async fn watch_notes(session: &mut PgConnection) {
    let note = snippet_table("note", "shop.note");
    let lines = WatchedTable {
        table: "line".to_owned(),
        key_column: "note_id".to_owned(),
        root: Some("note".to_owned()),
        collection: Some("lines".to_owned()),
        ..note.clone()
    };
    schema::watch_tables(session, &[note, lines], in_a_minute())
        .await
        .unwrap();
}
