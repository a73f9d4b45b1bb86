//! Transactions that lead back to the first state, in fields of which only the name is known.

use serde_json::{Value, json};

use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::section_site::{LINK, OTHER_POST, POST, site_with_section};
use crate::support::sql::execute;

/// Runs the statements in one transaction, and returns the changed fields of each event.
async fn changed_by(site: &RelayedSite, statements: &[&str]) -> Vec<(String, Value)> {
    let seen = site.topic.accepted().len();
    let transaction = format!("begin; {}; commit", statements.join("; "));
    execute(&mut site.database.connect().await, &transaction).await;
    site.sweep().await.unwrap();
    let events = site.topic.accepted();
    let changed =
        |event: &wagrun_event::Event| (event.subject.clone(), event.data["changed"].clone());
    events[seen..].iter().map(changed).collect()
}

fn related_links() -> Vec<(String, Value)> {
    vec![(format!("page/{POST}"), json!(["related_links"]))]
}

/// Inserts a link of the first post.
fn link(id: u32, title: &str) -> String {
    format!(
        "insert into blog_relatedlink (id, page_id, title, url, sort_order) values ({id}, {POST}, '{title}', 'https://x', 0)"
    )
}

#[test]
fn children_that_lead_back_to_the_first_rows_are_no_event() {
    run(async {
        let site = site_with_section().await;
        let toggled = format!("update blog_relatedlink set title = 'toggled' where id = {LINK}");
        let back = format!("update blog_relatedlink set title = 'link' where id = {LINK}");
        let delete = format!("delete from blog_relatedlink where id = {LINK}");
        let again = "insert into blog_relatedlink select (jsonb_populate_record(null::blog_relatedlink, image)).* from kept";
        let keep = format!(
            "create temp table kept on commit drop as select to_jsonb(l) as image from blog_relatedlink as l where id = {LINK}"
        );
        let moved = format!("update blog_relatedlink set page_id = {OTHER_POST} where id = {LINK}");
        let returned = format!("update blog_relatedlink set page_id = {POST} where id = {LINK}");
        let insert = link(7001, "new");
        for statements in [
            vec![
                insert.as_str(),
                "delete from blog_relatedlink where id = 7001",
            ],
            vec![&toggled, &back],
            vec![
                &toggled,
                &insert,
                &back,
                "delete from blog_relatedlink where id = 7001",
            ],
            vec![&keep, &delete, again],
            vec![&moved, &returned],
            vec![
                "savepoint a",
                &toggled,
                "rollback to a",
                &insert,
                "delete from blog_relatedlink where id = 7001",
            ],
        ] {
            assert_eq!(changed_by(&site, &statements).await, [], "{statements:?}");
        }
        assert_eq!(changed_by(&site, &[&toggled]).await, related_links());
    });
}

#[test]
fn two_children_that_swap_their_values_are_an_event() {
    run(async {
        let site = site_with_section().await;
        changed_by(&site, &[&link(7001, "other")]).await;
        let swap = format!(
            "update blog_relatedlink set title = case id when 7001 then 'link' else 'other' end where page_id = {POST}"
        );
        assert_eq!(changed_by(&site, &[&swap]).await, related_links());
        let one_by_one = [
            format!("update blog_relatedlink set title = 'link' where id = {LINK}"),
            "update blog_relatedlink set title = 'other' where id = 7001".to_owned(),
        ];
        let one_by_one = one_by_one.each_ref().map(String::as_str);
        assert_eq!(changed_by(&site, &one_by_one).await, related_links());
        assert_eq!(changed_by(&site, &one_by_one).await, []);
    });
}

#[test]
fn a_large_field_that_is_changed_back_is_no_event_and_another_field_does_not_show_it() {
    run(async {
        let site = site_with_section().await;
        let body = |text: &str| {
            format!("update blog_blogpage set body = '{text}' where page_ptr_id = {POST}")
        };
        let intro = format!("update blog_blogpage set intro = 'new' where page_ptr_id = {POST}");
        let page = |fields: Value| vec![(format!("page/{POST}"), fields)];
        let (first, second) = (body("[1, 2]"), body("[2, 1]"));
        assert_eq!(changed_by(&site, &[&first]).await, page(json!(["body"])));
        assert_eq!(changed_by(&site, &[&second, &first]).await, []);
        assert_eq!(
            changed_by(&site, &[&second, &intro, &first]).await,
            page(json!(["intro"]))
        );
        assert_eq!(changed_by(&site, &[&second]).await, page(json!(["body"])));
        let bio = |text: &str| format!("update blog_author set bio = '{text}' where id = 1");
        assert_eq!(changed_by(&site, &[&bio("a"), &bio("b")]).await.len(), 1);
        assert_eq!(changed_by(&site, &[&bio("a"), &bio("b")]).await, []);
    });
}

/// A value of a digest says nothing outside of its transaction, because each transaction has a secret of its own.
#[test]
fn the_same_change_has_another_digest_in_each_transaction() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        let toggle = |title: &str| {
            format!("update blog_relatedlink set title = '{title}' where id = {LINK}")
        };
        execute(
            &mut session,
            &[toggle("a"), toggle("link"), toggle("a")].join(";\n"),
        )
        .await;
        let digests: Vec<String> = sqlx::query_scalar(
            "select abs((changed ->> 'related_links')::numeric)::text from wagrun.outbox where not ends",
        )
        .fetch_all(&mut session)
        .await
        .unwrap();
        assert_eq!(digests.len(), 3);
        assert!(
            digests[0] != digests[1] && digests[0] != digests[2],
            "{digests:?}"
        );
    });
}
