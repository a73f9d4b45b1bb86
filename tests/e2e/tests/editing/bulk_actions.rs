//! Several pages ticked in the listing and one button: one commit, and an event for each page.

use local_stack::admin::{Action, PageId};

use crate::support::database::run;
use crate::support::scenario::{Story, page};

async fn drafts(story: &mut Story) -> [PageId; 3] {
    let mut drafts = Vec::new();
    for title in ["One", "Two", "Three"] {
        let draft = story.create(story.root, title, Action::Save).await;
        story
            .expect(&[page("created", draft), page("updated", draft)])
            .await;
        drafts.push(draft);
    }
    drafts.try_into().unwrap()
}

#[test]
fn bulk_actions_on_drafts_publish_unpublish_and_delete_each_page() {
    run(async {
        let mut story = Story::new("bulk").await;
        let [one, two, three] = drafts(&mut story).await;

        story.admin.bulk_publish(&[one, two], false).await.unwrap();
        let events = story
            .expect_together(&[one, two].map(|id| page("published", id)))
            .await;
        assert!(events.iter().all(|event| event.data["live"] == true));

        story
            .admin
            .bulk_unpublish(&[one, two], false)
            .await
            .unwrap();
        story
            .expect_together(&[one, two].map(|id| page("unpublished", id)))
            .await;

        story.admin.bulk_delete(&[one, two, three]).await.unwrap();
        story
            .expect_together(&[one, two, three].map(|id| page("deleted", id)))
            .await;
    });
}
