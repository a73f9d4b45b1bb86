//! SERIALIZABLE transactions of several editors, and the number of those that fail.

use sqlx::{AssertSqlSafe, PgConnection};

use super::content::{HOME, insert_author, insert_link, insert_page};
use super::relayed_site::RelayedSite;
use super::sql::{WEB_ROLE, execute};

/// The number of posts, enough that PostgreSQL uses an index. A scan of a whole table would conflict by itself.
pub const POSTS: u32 = 2000;
const SECTION: u32 = 5000;
/// The id of the first post; the others follow.
pub const FIRST_POST: u32 = 10_000;

/// Creates a site with [`POSTS`] posts. Each has its own link and its own author, with the same id.
pub async fn site_with_posts() -> RelayedSite {
    let site = RelayedSite::new().await;
    let mut statements = vec![
        "begin".to_owned(),
        "set local wagrun.capture = 'off'".to_owned(),
    ];
    // Room in each table page lets an update leave the indexes alone, whose pages are shared by many rows.
    for table in [
        "wagtailcore_page",
        "blog_blogpage",
        "blog_relatedlink",
        "blog_author",
    ] {
        statements.push(format!("alter table {table} set (fillfactor = 40)"));
    }
    statements.extend(insert_page(SECTION, HOME, "blogindexpage", "posts"));
    for id in FIRST_POST..FIRST_POST + POSTS {
        statements.extend(insert_page(id, SECTION, "blogpage", "post"));
        statements.push(insert_link(id, id, "link"));
        statements.push(insert_author(id, "author"));
    }
    statements.push("commit".to_owned());
    let mut session = site.database.connect().await;
    let statements = statements.join(";");
    sqlx::raw_sql(AssertSqlSafe(statements.as_str()))
        .execute(&mut session)
        .await
        .unwrap();
    execute(&mut session, "vacuum analyze").await;
    site
}

/// Returns the number of transactions that fail with the error 40001.
///
/// In each of `rounds`, each of `editors` begins a transaction, then each sends the statement that `change` returns, then each
/// commits.
pub async fn conflicts(
    site: &RelayedSite,
    rounds: u32,
    editors: u32,
    capture: &str,
    mut change: impl FnMut(u32, u32) -> String,
) -> u32 {
    let mut sessions = Vec::new();
    for _ in 0..editors {
        sessions.push(site.database.connect_as(WEB_ROLE).await);
    }
    let begin = format!(
        "begin isolation level serializable; set local wagrun.capture = '{capture}'; select from blog_author where id = 0"
    );
    let mut failed = 0;
    for round in 0..rounds {
        for session in &mut sessions {
            execute(session, &begin).await;
        }
        let mut ends = Vec::new();
        for (editor, session) in (0..).zip(&mut sessions) {
            let succeeded = succeeds(session, &change(editor, round)).await;
            ends.push(if succeeded { "commit" } else { "rollback" });
        }
        for (session, end) in sessions.iter_mut().zip(ends) {
            let committed = end == "commit" && succeeds(session, end).await;
            if !committed {
                execute(session, "rollback").await;
                failed += 1;
            }
        }
    }
    failed
}

/// Returns false for a serialization failure, and panics for any other error.
async fn succeeds(session: &mut PgConnection, statement: &str) -> bool {
    let result = sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(session)
        .await;
    let Err(error) = result else { return true };
    let code = error.as_database_error().and_then(|error| error.code());
    assert_eq!(code.as_deref(), Some("40001"), "{error}");
    false
}
