//! One page in the admin, from its first draft to its deletion.

use local_stack::admin::{Action, Block, Fields};
use serde_json::{Value, json};

use crate::support::event_line::{changed, page};
use crate::support::runtime::run;
use crate::support::scenario::Scenario;

#[test]
fn a_draft_is_created_saved_and_published() {
    run(async {
        let mut scenario = Scenario::new("drafts").await;
        let post = scenario.create(scenario.root, "First", Action::Save).await;
        let events = scenario
            .expect(&[page("created", post), page("updated", post)])
            .await;
        let data = &events[0].data;
        assert_eq!(data["id"], post.0);
        assert_eq!(data["content_type"], "blog.blogpage");
        assert_eq!(data["locale"], "en");
        assert_eq!(data["title"], "First");
        assert_eq!(data["slug"], "first");
        assert_eq!(data["url_path"], "/home/drafts/first/");
        assert_eq!(data["url"], "http://localhost/drafts/first/");
        assert_eq!(data["live"], false);
        assert_eq!(data["editor"]["username"], "admin");
        assert_eq!(
            (changed(&events[0]), &data["previous"]),
            (vec![], &json!({}))
        );
        assert_eq!(
            changed(&events[1]),
            [
                "has_unpublished_changes",
                "latest_revision",
                "latest_revision_created_at"
            ]
        );
        assert_eq!(events[1].data["previous"], json!({"latest_revision": null}));
        let first_revision = events[1].data["latest_revision"].clone();

        scenario
            .edit(post, &Fields::titled("Second"), Action::Save)
            .await;
        let events = scenario.expect(&[page("updated", post)]).await;
        assert_eq!(events[0].data["title"], "Second");
        assert_eq!(
            events[0].data["previous"],
            json!({"title": "First", "latest_revision": first_revision})
        );

        // The first commit of "publish" saves the form, here without a change. The second makes a revision.
        scenario.edit(post, &Fields::none(), Action::Publish).await;
        let events = scenario
            .expect(&[page("updated", post), page("published", post)])
            .await;
        let (draft, published) = (&events[0].data, &events[1].data);
        assert_eq!(
            (&draft["live"], &published["live"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(published["editor"]["username"], "admin");
        assert_eq!(published["live_revision"], draft["latest_revision"]);
        assert_eq!(
            published["first_published_at"],
            published["last_published_at"]
        );
        assert!(published["last_published_at"].is_string());
        assert_eq!(
            changed(&events[1]),
            [
                "first_published_at",
                "has_unpublished_changes",
                "last_published_at",
                "live",
                "live_revision"
            ]
        );
        assert_eq!(
            published["previous"],
            json!({
                "live": false, "live_revision": null, "first_published_at": null, "last_published_at": null,
            })
        );
    });
}

#[test]
fn each_autosave_is_one_update() {
    run(async {
        let mut scenario = Scenario::new("autosaves").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let revision = scenario
            .admin
            .autosave(post, &Fields::titled("Typing"), None)
            .await
            .unwrap();
        let events = scenario.expect(&[page("updated", post)]).await;
        assert_eq!(
            events[0].data["title"], "Post",
            "a live page keeps its title"
        );
        assert!(changed(&events[0]).contains(&"draft_title"));
        scenario
            .admin
            .autosave(post, &Fields::titled("Typing on"), Some(revision))
            .await
            .unwrap();
        let events = scenario.expect(&[page("updated", post)]).await;
        assert_eq!(
            changed(&events[0]),
            ["draft_title", "latest_revision_created_at"]
        );
    });
}

#[test]
fn a_live_page_is_published_with_a_new_title_or_a_new_body() {
    run(async {
        let mut scenario = Scenario::new("publishing").await;
        let post = scenario.live_post(scenario.root, "Old").await;

        scenario
            .edit(post, &Fields::titled("New"), Action::Publish)
            .await;
        let lines = [page("updated", post), page("published", post)];
        let events = scenario.expect(&lines).await;
        assert_eq!(
            (
                &events[0].data["title"],
                &events[0].data["previous"]["title"]
            ),
            (&json!("Old"), &Value::Null)
        );
        let published = &events[1].data;
        assert_eq!(
            (&published["title"], &published["previous"]["title"]),
            (&json!("New"), &json!("Old"))
        );
        assert_eq!(
            published["live_revision"],
            events[0].data["latest_revision"]
        );
        assert!(published["previous"]["live_revision"].is_i64());
        assert_eq!(published["previous"].get("live"), None);
        assert_eq!(published["previous"].get("first_published_at"), None);

        let body = [
            Block::Heading("Heading".into()),
            Block::Paragraph("Text".into()),
        ];
        scenario
            .edit(post, &Fields::none().body(body), Action::Publish)
            .await;
        let events = scenario.expect(&lines).await;
        assert_eq!(
            changed(&events[1]),
            [
                "body",
                "has_unpublished_changes",
                "last_published_at",
                "live_revision"
            ]
        );

        let links = [("Elsewhere", "https://example.org/")];
        scenario
            .edit(post, &Fields::none().related_links(links), Action::Publish)
            .await;
        let events = scenario.expect(&lines).await;
        assert!(changed(&events[1]).contains(&"related_links"), "{events:?}");
    });
}

#[test]
fn an_unpublished_page_is_no_longer_live_and_can_go_live_again() {
    run(async {
        let mut scenario = Scenario::new("unpublishing").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        scenario.admin.unpublish(post, false).await.unwrap();
        let events = scenario.expect(&[page("unpublished", post)]).await;
        let data = &events[0].data;
        assert_eq!(
            (&data["live"], &data["live_revision"]),
            (&json!(false), &Value::Null)
        );
        assert_eq!(data["previous"]["live"], true);
        assert_eq!(data["editor"]["username"], "admin");
        assert_eq!(
            changed(&events[0]),
            ["has_unpublished_changes", "live", "live_revision"]
        );

        // The form is filled from the newest revision, which is older than the first publication.
        scenario.edit(post, &Fields::none(), Action::Publish).await;
        let events = scenario
            .expect(&["updated", "updated", "published"].map(|action| page(action, post)))
            .await;
        assert_eq!(changed(&events[0]), ["last_published_at"]);
        let data = &events[2].data;
        assert_eq!(data["previous"]["live"], false);
        assert_ne!(data["first_published_at"], data["last_published_at"]);
    });
}

#[test]
fn the_deletion_of_a_page_shows_its_last_state() {
    run(async {
        let mut scenario = Scenario::new("deleting").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        scenario.admin.delete_page(post).await.unwrap();
        let events = scenario.expect(&[page("deleted", post)]).await;
        let data = &events[0].data;
        assert_eq!(data["title"], "Post");
        assert_eq!(data["content_type"], "blog.blogpage");
        assert_eq!(data["url"], scenario.url_of("post/"));
        assert_eq!(data["live"], false);
        assert_eq!(data["previous"], json!({"live": true}));
        assert_eq!(data["editor"]["username"], "admin");
    });
}
