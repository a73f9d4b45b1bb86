//! Capture makes no SERIALIZABLE transaction fail that would not fail without it.

use fastrand::Rng;
use sqlx::PgConnection;

use super::content::{insert_author, insert_link, insert_page};
use crate::support::database::{WEB, execute, run};
use crate::support::relayed_site::RelayedSite;

/// So many that an index is used, as in a real site; a scan of a whole table would conflict by itself.
pub const POSTS: u32 = 2000;
const SECTION: u32 = 5000;
pub const FIRST_POST: u32 = 10_000;

const ROUNDS: u32 = 20;
const EDITORS: u32 = 8;

#[test]
fn capture_adds_no_serialization_failures() {
    let seed = fastrand::u64(..1 << 32);
    println!("serializable: seed {seed}");
    run(async {
        let site = site_with_posts().await;
        let mut counts = Vec::new();
        for capture in ["off", "on"] {
            let mut rng = Rng::with_seed(seed);
            let change =
                |editor, round| any_change(&mut rng, editor, &format!("{capture} {round}"));
            counts.push(conflicts(&site, ROUNDS, EDITORS, capture, change).await);
        }
        let (without, with) = (counts[0], counts[1]);
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

/// How many transactions fail with 40001, when in each of `rounds` several `editors` begin, then each sends what `change`
/// gives it, then each commits.
pub async fn conflicts(
    site: &RelayedSite,
    rounds: u32,
    editors: u32,
    capture: &str,
    mut change: impl FnMut(u32, u32) -> String,
) -> u32 {
    let mut sessions = Vec::new();
    for _ in 0..editors {
        sessions.push(site.database.connect_as(WEB).await);
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

/// A change of something of a post that is the editor's own.
fn any_change(rng: &mut Rng, editor: u32, text: &str) -> String {
    let post = FIRST_POST + POSTS / EDITORS * editor + rng.u32(..POSTS / EDITORS);
    match rng.u8(..4) {
        0 => format!("update blog_relatedlink set title = '{text}' where id = {post}"),
        1 => format!("update blog_author set name = '{text}' where id = {post}"),
        2 => format!("update wagtailcore_page set title = '{text}' where id = {post}"),
        _ => format!("update blog_blogpage set intro = '{text}' where page_ptr_id = {post}"),
    }
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
