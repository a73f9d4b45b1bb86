//! Transactions of several editors, step by step: what their events must be, whatever the capture is made of.

use std::time::Duration;

use content_events::Invocation;
use serde_json::{Value, json};
use sqlx::PgConnection;
use wagrun_event::Event;

use crate::databases::{execute, run};
use crate::property::content::{HOME, insert_author, insert_link, insert_page};
use crate::property::serializable::{FIRST_POST, POSTS, conflicts, site_with_posts};
use crate::relayed_site::{RelayedSite, in_a_minute, somebody_waits_for_a_lock};

const SECTION: u32 = 5000;
const POST: u32 = 5001;
const OTHER_POST: u32 = 5002;
const LINK: u32 = 6001;
const UNPUBLISH_AND_RENAME: &str =
    "update wagtailcore_page set live = false, title = 'New', draft_title = 'New' where id = 5001";

/// A section with two live posts, the first with a link, and an author; none of it captured.
async fn site() -> RelayedSite {
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

/// Each event's action and some field of its data.
fn told(events: &[Event], field: &str) -> Vec<(String, Value)> {
    let told = events.iter().map(|event| {
        let action = event.kind.rsplit('.').next().unwrap();
        (action.to_owned(), event.data[field].clone())
    });
    told.collect()
}

#[track_caller]
fn assert_in_order(events: &[Event]) {
    let sequences: Vec<&str> = events.iter().map(|event| event.sequence.as_str()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
}

async fn begin(site: &RelayedSite, statements: &str) -> PgConnection {
    let mut session = site.database.connect().await;
    execute(&mut session, "begin").await;
    execute(&mut session, statements).await;
    session
}

/// Sends a statement that has to wait for a lock, lets the other one commit, and commits.
async fn waits_for(
    site: &RelayedSite,
    mut session: PgConnection,
    statement: String,
    mut other: PgConnection,
) {
    let waiting = tokio::spawn(async move {
        execute(&mut session, &statement).await;
        session
    });
    somebody_waits_for_a_lock(&mut site.database.observer().await).await;
    execute(&mut other, "commit").await;
    execute(&mut waiting.await.unwrap(), "commit").await;
}

const DELETE_POST: &str = "delete from blog_relatedlink where page_id = 5001;\ndelete from blog_blogpage where page_ptr_id = 5001";

#[test]
fn a_deletion_that_waits_for_a_draft_is_told_after_it() {
    run(async {
        let site = site().await;
        let deletion = begin(&site, DELETE_POST).await;
        let draft = begin(
            &site,
            "update wagtailcore_page set draft_title = 'B' where id = 5001",
        )
        .await;
        let delete = "delete from wagtailcore_page where id = 5001".to_owned();
        waits_for(&site, deletion, delete, draft).await;
        site.sweep().await.unwrap();
        let events = site.events("page/5001");
        assert_eq!(
            told(&events, "changed"),
            [
                ("updated".to_owned(), json!(["draft_title"])),
                ("deleted".to_owned(), json!([]))
            ]
        );
        assert_in_order(&events);
    });
}

#[test]
fn a_deletion_that_waits_for_a_new_slug_above_is_told_after_it() {
    run(async {
        let site = site().await;
        let deletion = begin(&site, DELETE_POST).await;
        let rename = begin(
            &site,
            "update wagtailcore_page set slug = 'new', url_path = '/home/new/' where id = 5000;\n\
             update wagtailcore_page set url_path = '/home/new/' || slug || '/' where url_path like '/home/section/%'",
        )
        .await;
        let delete = "delete from wagtailcore_page where id = 5001".to_owned();
        waits_for(&site, deletion, delete, rename).await;
        site.sweep().await.unwrap();
        let events = site.events("page/5001");
        let path = json!("/home/new/post/");
        assert_eq!(
            told(&events, "url_path"),
            [
                ("moved".to_owned(), path.clone()),
                ("deleted".to_owned(), path)
            ]
        );
        assert_in_order(&events);
    });
}

/// While a transaction holds a change of a part, the page is unpublished and renamed; `drains` between or only at the end.
async fn unpublished_beside(part: &str, field: &str, drains_between: bool) {
    let site = site().await;
    let mut holder = begin(&site, part).await;
    execute(&mut site.database.connect().await, UNPUBLISH_AND_RENAME).await;
    if drains_between {
        site.sweep().await.unwrap();
    }
    execute(&mut holder, "commit").await;
    site.sweep().await.unwrap();
    let events = site.events("page/5001");
    assert_in_order(&events);
    assert_eq!(events.len(), 2, "{events:#?}");
    for event in &events {
        assert_eq!(
            (&event.data["live"], &event.data["title"]),
            (&json!(false), &json!("New")),
            "the page was unpublished before the part was committed: {event:#?}"
        );
    }
    let mut kinds: Vec<_> = told(&events, "changed");
    kinds.sort_by_key(|(kind, _)| kind.clone());
    assert_eq!(
        kinds,
        [
            (
                "unpublished".to_owned(),
                json!(["draft_title", "live", "title"])
            ),
            ("updated".to_owned(), json!([field]))
        ]
    );
}

#[test]
fn a_page_unpublished_beside_a_change_of_its_type_s_row_stays_unpublished() {
    run(async {
        let part = "update blog_blogpage set intro = 'x' where page_ptr_id = 5001";
        unpublished_beside(part, "intro", true).await;
        unpublished_beside(part, "intro", false).await;
    });
}

#[test]
fn a_page_unpublished_beside_a_change_of_its_inline_children_stays_unpublished() {
    run(async {
        for part in [
            insert_link(6002, POST, "new"),
            "update blog_relatedlink set title = 'x' where page_id = 5001".to_owned(),
            "delete from blog_relatedlink where page_id = 5001".to_owned(),
        ] {
            unpublished_beside(&part, "related_links", true).await;
            unpublished_beside(&part, "related_links", false).await;
        }
    });
}

#[test]
fn what_was_refused_leaves_before_a_later_change_in_front_of_more_than_a_batch() {
    run(async {
        let site = site().await;
        let mut session = site.database.connect().await;
        let authors: Vec<String> = (1000..1600).map(|id| insert_author(id, "author")).collect();
        let seeding = format!(
            "begin;\nset local wagrun.capture = 'off';\n{};\ncommit",
            authors.join(";\n")
        );
        execute(&mut session, &seeding).await;
        let mut large = begin(
            &site,
            "update blog_blogpage set intro = 'x' where page_ptr_id = 5001;\n\
             update blog_author set name = 'x' where id >= 1000",
        )
        .await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'quick' where id = 5001",
        )
        .await;
        site.topic.refuse(|_| true);
        // That it failed may be an error or not; it is not what is asked here.
        let _ = site.sweep().await;
        assert_eq!(site.topic.taken(), []);
        execute(&mut large, "commit").await;
        site.topic.recover();
        site.sweep().await.unwrap();
        let events = site.events("page/5001");
        assert_in_order(&events);
        let updated = |field| ("updated".to_owned(), json!([field]));
        assert_eq!(
            told(&events, "changed"),
            [updated("title"), updated("intro")]
        );
        assert_eq!(site.topic.taken().len(), 602);
    });
}

#[test]
fn a_child_that_moves_is_a_change_of_both_parents() {
    run(async {
        let site = site().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "update blog_relatedlink set page_id = 5002 where id = 6001",
        )
        .await;
        site.sweep().await.unwrap();
        for page in ["page/5001", "page/5002"] {
            assert_eq!(
                told(&site.events(page), "changed"),
                [("updated".to_owned(), json!(["related_links"]))],
                "{page}"
            );
        }
    });
}

#[test]
fn a_new_key_is_a_deletion_and_a_creation() {
    run(async {
        let site = site().await;
        let mut session = site.database.connect().await;
        execute(&mut session, "update blog_author set id = 2 where id = 1").await;
        site.sweep().await.unwrap();
        for (author, action) in [("blog.author/1", "deleted"), ("blog.author/2", "created")] {
            assert_eq!(
                told(&site.events(author), "title"),
                [(action.to_owned(), json!("author"))],
                "{author}"
            );
        }
    });
}

#[test]
fn truncated_children_are_a_change_of_each_page_that_had_some() {
    run(async {
        let site = site().await;
        let mut session = site.database.connect().await;
        execute(&mut session, "truncate blog_relatedlink").await;
        site.sweep().await.unwrap();
        assert_eq!(
            told(&site.topic.taken(), "changed"),
            [("updated".to_owned(), json!(["related_links"]))]
        );
        assert_eq!(site.events("page/5001").len(), 1);
    });
}

#[test]
fn serializable_changes_of_parts_of_different_pages_all_succeed() {
    run(async {
        let site = site_with_posts().await;
        for table in ["blog_blogpage set intro", "blog_relatedlink set title"] {
            for capture in ["off", "on"] {
                let change = |editor, round| {
                    let post = FIRST_POST + POSTS / 2 * editor + round;
                    let key = if table.starts_with("blog_blogpage") {
                        "page_ptr_id"
                    } else {
                        "id"
                    };
                    format!("update {table} = '{capture}' where {key} = {post}")
                };
                let failed = conflicts(&site, 30, 2, capture, change).await;
                assert_eq!(failed, 0, "of 60 with capture {capture}: update {table}");
            }
        }
    });
}

/// Slow: change of an author, open. Others: what a claim looks at, to the row, and more. Drain: first claim, after which it goes
/// on behind that. Slow: commit. Quick: the same author.
#[test]
fn what_commits_during_a_drain_is_told_before_what_waited_for_it() {
    run(async {
        let site = site().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off';
             insert into blog_author (id, name, bio) select 10000 + n, 'author', '' from generate_series(1, 2501) as n; commit",
        )
        .await;
        let mut slow = begin(
            &site,
            "update blog_author set name = 'slow' where id = 10001",
        )
        .await;
        // A claim looks at 2 000 rows, and each transaction ends with one of its own.
        for part in 0..5 {
            let (from, to) = (10_002 + part * 499, 10_500 + part * 499);
            let others =
                format!("update blog_author set name = 'other' where id between {from} and {to}");
            execute(&mut session, &others).await;
        }
        site.topic.delay(Duration::from_millis(100));
        let drainer = site.drainer();
        let drain =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        site.topic.arrival().await;
        execute(&mut slow, "commit").await;
        execute(
            &mut session,
            "update blog_author set name = 'quick' where id = 10001",
        )
        .await;
        drain.await.unwrap().unwrap();
        site.topic.delay(Duration::ZERO);
        site.sweep().await.unwrap();
        let events = site.events("blog.author/10001");
        let names: Vec<_> = events
            .iter()
            .map(|event| event.data["title"].clone())
            .collect();
        assert_eq!(names, ["slow", "quick"]);
        assert_in_order(&events);
    });
}
