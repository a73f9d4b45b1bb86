//! Interleaved transactions of several editors, step by step, and the events that must come of them.

use std::time::Duration;

use content_events::Invocation;
use serde_json::json;
use sqlx::PgConnection;

use crate::support::content::{insert_author, insert_link};
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::{in_a_minute, run};
use crate::support::section_site::{
    POST, action_and_field, assert_in_order, begin, site_with_section,
};
use crate::support::sql::{execute, wait_for_lock_waiter};

const UNPUBLISH_AND_RENAME: &str =
    "update wagtailcore_page set live = false, title = 'New', draft_title = 'New' where id = 5001";

/// Sends a statement that waits for a lock, commits the other transaction, then commits this one.
async fn wait_for_other_commit(
    site: &RelayedSite,
    mut session: PgConnection,
    statement: String,
    mut other: PgConnection,
) {
    let waiting = tokio::spawn(async move {
        execute(&mut session, &statement).await;
        session
    });
    wait_for_lock_waiter(&mut site.database.observer().await).await;
    execute(&mut other, "commit").await;
    execute(&mut waiting.await.unwrap(), "commit").await;
}

const DELETE_POST: &str = "delete from blog_relatedlink where page_id = 5001;\ndelete from blog_blogpage where page_ptr_id = 5001";

#[test]
fn a_deletion_that_waits_for_a_draft_is_published_after_it() {
    run(async {
        let site = site_with_section().await;
        let deletion = begin(&site, DELETE_POST).await;
        let draft = begin(
            &site,
            "update wagtailcore_page set draft_title = 'B' where id = 5001",
        )
        .await;
        let delete = "delete from wagtailcore_page where id = 5001".to_owned();
        wait_for_other_commit(&site, deletion, delete, draft).await;
        site.sweep().await.unwrap();
        let events = site.events("page/5001");
        assert_eq!(
            action_and_field(&events, "changed"),
            [
                ("updated".to_owned(), json!(["draft_title"])),
                ("deleted".to_owned(), json!([]))
            ]
        );
        assert_in_order(&events);
    });
}

#[test]
fn a_deletion_that_waits_for_a_new_slug_above_is_published_after_it() {
    run(async {
        let site = site_with_section().await;
        let deletion = begin(&site, DELETE_POST).await;
        let rename = begin(
            &site,
            "update wagtailcore_page set slug = 'new', url_path = '/home/new/' where id = 5000;\n\
             update wagtailcore_page set url_path = '/home/new/' || slug || '/' where url_path like '/home/section/%'",
        )
        .await;
        let delete = "delete from wagtailcore_page where id = 5001".to_owned();
        wait_for_other_commit(&site, deletion, delete, rename).await;
        site.sweep().await.unwrap();
        let events = site.events("page/5001");
        let path = json!("/home/new/post/");
        assert_eq!(
            action_and_field(&events, "url_path"),
            [
                ("moved".to_owned(), path.clone()),
                ("deleted".to_owned(), path)
            ]
        );
        assert_in_order(&events);
    });
}

/// Unpublishes and renames a page while a transaction holds a change of a part. A drain runs in between, if
/// `drains_between`, and at the end.
async fn unpublish_beside_change_of(part: &str, field: &str, drains_between: bool) {
    let site = site_with_section().await;
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
    let mut kinds: Vec<_> = action_and_field(&events, "changed");
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
fn a_page_unpublished_beside_a_change_of_its_types_row_stays_unpublished() {
    run(async {
        let part = "update blog_blogpage set intro = 'x' where page_ptr_id = 5001";
        unpublish_beside_change_of(part, "intro", true).await;
        unpublish_beside_change_of(part, "intro", false).await;
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
            unpublish_beside_change_of(&part, "related_links", true).await;
            unpublish_beside_change_of(&part, "related_links", false).await;
        }
    });
}

#[test]
fn a_refused_event_is_published_before_a_later_change_of_more_than_a_batch() {
    run(async {
        let site = site_with_section().await;
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
        // The sweep may fail or succeed.
        let _ = site.sweep().await;
        assert_eq!(site.topic.accepted(), []);
        execute(&mut large, "commit").await;
        site.topic.recover();
        site.sweep().await.unwrap();
        let events = site.events("page/5001");
        assert_in_order(&events);
        let updated = |field| ("updated".to_owned(), json!([field]));
        assert_eq!(
            action_and_field(&events, "changed"),
            [updated("title"), updated("intro")]
        );
        assert_eq!(site.topic.accepted().len(), 602);
    });
}

/// Steps. Slow: changes an author and stays open. Others: change more rows than one claim reads. Drain: claims once and
/// continues behind those rows. Slow: commits. Quick: changes the same author.
#[test]
fn a_commit_during_a_drain_is_published_before_the_change_that_waited_for_it() {
    run(async {
        let site = site_with_section().await;
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
        // A claim reads 2 000 rows, and each transaction ends with a row of its own.
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
        site.topic.wait_for_batch().await;
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
