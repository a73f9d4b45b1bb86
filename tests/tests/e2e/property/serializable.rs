//! Capture makes no SERIALIZABLE transaction fail that would not fail without it.

use fastrand::Rng;
use sqlx::PgConnection;

use super::content::{insert_author, insert_link, insert_page};
use crate::databases::{WEB, execute, run};
use crate::relayed_site::RelayedSite;

/// So many that an index is used, as in a real site; a scan of a whole table would conflict by itself.
const POSTS: u32 = 2000;
const SECTION: u32 = 5000;
const FIRST_POST: u32 = 10_000;

const ROUNDS: u32 = 20;
const EDITORS: u32 = 8;

#[test]
fn capture_adds_no_serialization_failures() {
    let seed = fastrand::u64(..1 << 32);
    println!("serializable: seed {seed}");
    run(async {
        let site = site_with_posts().await;
        let without = conflicts(&site, seed, ROUNDS, EDITORS, "off").await;
        let with = conflicts(&site, seed, ROUNDS, EDITORS, "on").await;
        println!(
            "serializable: {with} of {} fail with capture, {without} without",
            ROUNDS * EDITORS
        );
        assert!(
            with <= without + EDITORS / 4,
            "seed {seed}, check 6: {with} of {} fail with capture, {without} without",
            ROUNDS * EDITORS
        );
    });
}

/// A site with posts, each with a link and an author of its own, spread so that neighbours share no page of a table.
pub async fn site_with_posts() -> RelayedSite {
    let site = RelayedSite::new().await;
    let mut statements = vec![
        "begin".to_owned(),
        "set local wagrun.capture = 'off'".to_owned(),
    ];
    // With room in each page, an update adds nothing to an index, whose pages are shared by many rows.
    for table in [
        "wagtailcore_page",
        "blog_blogpage",
        "blog_relatedlink",
        "blog_author",
    ] {
        statements.push(format!("alter table {table} set (fillfactor = 40)"));
    }
    statements.extend(insert_page(
        SECTION,
        super::content::HOME,
        "blogindexpage",
        "posts",
    ));
    for id in FIRST_POST..FIRST_POST + POSTS {
        statements.extend(insert_page(id, SECTION, "blogpage", "post"));
        statements.push(insert_link(id, id, "link"));
        statements.push(insert_author(id, "author"));
    }
    statements.push("commit".to_owned());
    let mut session = site.database.connect().await;
    let statements = statements.join(";");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.as_str()))
        .execute(&mut session)
        .await
        .unwrap();
    execute(&mut session, "vacuum analyze").await;
    site
}

/// Of how many transactions the commit or an earlier statement fails with 40001, when in each of `rounds` several
/// `editors` begin, then each changes something of a page of its own, then each commits.
pub async fn conflicts(
    site: &RelayedSite,
    seed: u64,
    rounds: u32,
    editors: u32,
    capture: &str,
) -> u32 {
    let mut rng = Rng::with_seed(seed);
    let mut sessions = Vec::new();
    for _ in 0..editors {
        sessions.push(site.database.connect_as(WEB).await);
    }
    let mut failed = 0;
    for round in 0..rounds {
        let begin = format!(
            "begin isolation level serializable; set local wagrun.capture = '{capture}'; select from blog_author where id = 0"
        );
        for session in &mut sessions {
            execute(session, &begin).await;
        }
        let mut ends = Vec::new();
        for (editor, session) in (0..).zip(&mut sessions) {
            let post = FIRST_POST + POSTS / editors * editor + rng.u32(..POSTS / editors);
            let text = format!("{capture} {round}");
            let change = match rng.u8(..4) {
                0 => format!("update blog_relatedlink set title = '{text}' where id = {post}"),
                1 => format!("update blog_author set name = '{text}' where id = {post}"),
                2 => format!("update wagtailcore_page set title = '{text}' where id = {post}"),
                _ => {
                    format!("update blog_blogpage set intro = '{text}' where page_ptr_id = {post}")
                }
            };
            ends.push(if succeeds(session, &change).await {
                "commit"
            } else {
                "rollback"
            });
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

/// False for a serialization failure; any other error is one of the test.
async fn succeeds(session: &mut PgConnection, statement: &str) -> bool {
    let result = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(session)
        .await;
    let Err(error) = result else { return true };
    let code = error.as_database_error().and_then(|error| error.code());
    assert_eq!(code.as_deref(), Some("40001"), "{error}");
    false
}
