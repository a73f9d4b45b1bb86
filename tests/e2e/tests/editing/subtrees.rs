//! Changes of a page with children: each child changes too, and has its event.

use local_stack::admin::{Action, CopyOptions, Fields, PageId};
use serde_json::json;

use crate::support::event_line::page;
use crate::support::runtime::run;
use crate::support::scenario::Scenario;

/// Creates a live index with two live posts in the admin.
async fn index_with_posts(scenario: &mut Scenario) -> (PageId, PageId, PageId) {
    let fields = Fields::titled("Index");
    let index = scenario
        .admin
        .create_page(
            scenario.root,
            "blog/blogindexpage",
            &fields,
            Action::Publish,
        )
        .await
        .unwrap();
    let lines = ["created", "updated", "published"].map(|action| page(action, index));
    scenario.expect(&lines).await;
    let one = scenario.live_post(index, "One").await;
    let two = scenario.live_post(index, "Two").await;
    (index, one, two)
}

#[test]
fn a_new_slug_gives_every_page_below_a_new_address() {
    run(async {
        let mut scenario = Scenario::new("slugs").await;
        let (index, one, two) = index_with_posts(&mut scenario).await;
        scenario
            .edit(index, &Fields::none().slug("renamed"), Action::Publish)
            .await;
        let events = scenario
            .expect_together(&[
                page("updated", index),
                page("published", index),
                page("moved", one),
                page("moved", two),
            ])
            .await;
        for (event, path) in events[1..].iter().zip(["", "one/", "two/"]) {
            let (old, new) = (format!("index/{path}"), format!("renamed/{path}"));
            assert_eq!(
                event.data["url_path"],
                format!("{}{new}", scenario.url_path)
            );
            assert_eq!(event.data["url"], scenario.url_of(&new));
            let previous = &event.data["previous"];
            assert_eq!(previous["url_path"], format!("{}{old}", scenario.url_path));
            assert_eq!(previous["url"], scenario.url_of(&old));
            assert_eq!(event.data["editor"]["username"], "admin");
        }
        assert_eq!(events[1].data["previous"]["slug"], "index");
        assert_eq!(events[2].data["previous"].get("slug"), None);
    });
}

#[test]
fn a_subtree_that_moves_moves_every_page_in_it() {
    run(async {
        let mut scenario = Scenario::new("moving").await;
        let (index, one, two) = index_with_posts(&mut scenario).await;
        let target = scenario.live_post(scenario.root, "Target").await;
        scenario.admin.move_page(index, target).await.unwrap();
        let events = scenario
            .expect_together(&[index, one, two].map(|id| page("moved", id)))
            .await;
        for (event, path) in events.iter().zip(["index/", "index/one/", "index/two/"]) {
            assert_eq!(
                event.data["url"],
                scenario.url_of(&format!("target/{path}"))
            );
            assert_eq!(event.data["live"], true);
            let expected = json!({
                "url": scenario.url_of(path),
                "urls": [scenario.url_of(path)],
                "url_path": format!("{}{path}", scenario.url_path),
            });
            assert_eq!(event.data["previous"], expected);
        }
    });
}

#[test]
fn a_copied_subtree_is_new_pages() {
    run(async {
        let mut scenario = Scenario::new("copying").await;
        let (index, ..) = index_with_posts(&mut scenario).await;
        let copy = CopyOptions {
            title: "Copy",
            slug: "copy",
            parent: scenario.root,
            recursive: true,
            publish: true,
        };
        let copied = scenario.admin.copy_page(index, copy).await.unwrap();
        let one = scenario.page_at("copy/one/").await;
        let two = scenario.page_at("copy/two/").await;
        let each = |id| ["published", "updated", "published"].map(|action| page(action, id));
        let events = scenario
            .expect(&[each(copied), each(one), each(two)].concat())
            .await;
        for (events, path) in events.chunks(3).zip(["copy/", "copy/one/", "copy/two/"]) {
            for event in events {
                assert_eq!(event.data["url"], scenario.url_of(path));
                assert_eq!(event.data["live"], true);
            }
        }
    });
}

#[test]
fn a_copy_as_a_draft_is_never_published() {
    run(async {
        let mut scenario = Scenario::new("copying-drafts").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let copy = CopyOptions {
            title: "Copy",
            slug: "copy",
            parent: scenario.root,
            recursive: false,
            publish: false,
        };
        let copied = scenario.admin.copy_page(post, copy).await.unwrap();
        let events = scenario
            .expect(&[page("created", copied), page("updated", copied)])
            .await;
        assert_eq!(events[1].data["live"], false);
    });
}

#[test]
fn a_deleted_subtree_is_a_deletion_of_each_page() {
    run(async {
        let mut scenario = Scenario::new("deleting-subtrees").await;
        let (index, one, two) = index_with_posts(&mut scenario).await;
        let draft = scenario.create(index, "Draft", Action::Save).await;
        scenario
            .expect(&[page("created", draft), page("updated", draft)])
            .await;
        scenario.admin.delete_page(index).await.unwrap();
        let events = scenario
            .expect_together(&[one, two, draft, index].map(|id| page("deleted", id)))
            .await;
        for event in &events {
            let was_live = event.subject != format!("page/{draft}");
            let previous = if was_live {
                json!({"live": true})
            } else {
                json!({})
            };
            assert_eq!(event.data["previous"], previous, "{event:?}");
        }
    });
}

#[test]
fn unpublishing_a_subtree_unpublishes_each_page_that_was_live() {
    run(async {
        let mut scenario = Scenario::new("unpublishing-subtrees").await;
        let (index, one, two) = index_with_posts(&mut scenario).await;
        let draft = scenario.create(index, "Draft", Action::Save).await;
        scenario
            .expect(&[page("created", draft), page("updated", draft)])
            .await;
        scenario.admin.unpublish(index, true).await.unwrap();
        scenario
            .expect(&[index, one, two].map(|id| page("unpublished", id)))
            .await;
    });
}
