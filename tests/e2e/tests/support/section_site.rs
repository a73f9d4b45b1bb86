//! A site with a section of two posts, and transactions that stay open.

use serde_json::Value;
use sqlx::PgConnection;
use wagrun_event::Event;

use super::content::{HOME, insert_author, insert_link, insert_page};
use super::relayed_site::RelayedSite;
use super::sql::execute;

pub const SECTION: u32 = 5000;
pub const POST: u32 = 5001;
pub const OTHER_POST: u32 = 5002;
pub const LINK: u32 = 6001;

/// Creates a site with a section, two live posts in it, a link of the first post, and an author. None of it is captured.
pub async fn site_with_section() -> RelayedSite {
    let site = RelayedSite::new().await;
    let mut statements = vec![
        "begin".to_owned(),
        "set local wagrun.capture = 'off'".to_owned(),
    ];
    statements.extend(insert_page(SECTION, HOME, "blogindexpage", "section"));
    for (post, slug) in [(POST, "post"), (OTHER_POST, "other")] {
        statements.extend(insert_page(post, SECTION, "blogpage", slug));
    }
    statements.push("update wagtailcore_page set live = true".to_owned());
    statements.push(insert_link(LINK, POST, "link"));
    statements.push(insert_author(1, "author"));
    statements.push("commit".to_owned());
    execute(&mut site.database.connect().await, &statements.join(";\n")).await;
    site
}

/// Returns the action of each event, with this field of its data.
pub fn action_and_field(events: &[Event], field: &str) -> Vec<(String, Value)> {
    let pairs = events.iter().map(|event| {
        let action = event.kind.rsplit('.').next().unwrap();
        (action.to_owned(), event.data[field].clone())
    });
    pairs.collect()
}

/// Asserts that the events are in the order of their sequence.
#[track_caller]
pub fn assert_in_order(events: &[Event]) {
    let sequences: Vec<&str> = events.iter().map(|event| event.sequence.as_str()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
}

/// Begins a transaction with these statements. It stays open.
pub async fn begin(site: &RelayedSite, statements: &str) -> PgConnection {
    let mut session = site.database.connect().await;
    execute(&mut session, "begin").await;
    execute(&mut session, statements).await;
    session
}
