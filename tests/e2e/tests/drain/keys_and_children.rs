//! Changes of keys and of inline children.

use serde_json::json;

use crate::support::runtime::run;
use crate::support::section_site::{action_and_field, site_with_section};
use crate::support::sql::execute;

#[test]
fn a_child_that_moves_is_a_change_of_both_parents() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "update blog_relatedlink set page_id = 5002 where id = 6001",
        )
        .await;
        site.sweep().await.unwrap();
        for page in ["page/5001", "page/5002"] {
            assert_eq!(
                action_and_field(&site.events(page), "changed"),
                [("updated".to_owned(), json!(["related_links"]))],
                "{page}"
            );
        }
    });
}

#[test]
fn a_new_key_is_a_deletion_and_a_creation() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        execute(&mut session, "update blog_author set id = 2 where id = 1").await;
        site.sweep().await.unwrap();
        for (author, action) in [("blog.author/1", "deleted"), ("blog.author/2", "created")] {
            assert_eq!(
                action_and_field(&site.events(author), "title"),
                [(action.to_owned(), json!("author"))],
                "{author}"
            );
        }
    });
}

#[test]
fn truncated_children_are_a_change_of_each_page_that_had_some() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        execute(&mut session, "truncate blog_relatedlink").await;
        site.sweep().await.unwrap();
        assert_eq!(
            action_and_field(&site.topic.accepted(), "changed"),
            [("updated".to_owned(), json!(["related_links"]))]
        );
        assert_eq!(site.events("page/5001").len(), 1);
    });
}
