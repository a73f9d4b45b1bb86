//! The bulk actions of the page listing: one commit, with one event for each selected page.

use local_stack::admin::{Action, PageId};

use crate::support::event_line::page;
use crate::support::runtime::run;
use crate::support::scenario::Scenario;

async fn drafts(scenario: &mut Scenario) -> [PageId; 3] {
    let mut drafts = Vec::new();
    for title in ["One", "Two", "Three"] {
        let draft = scenario.create(scenario.root, title, Action::Save).await;
        scenario
            .expect(&[page("created", draft), page("updated", draft)])
            .await;
        drafts.push(draft);
    }
    drafts.try_into().unwrap()
}

#[test]
fn bulk_actions_on_drafts_publish_unpublish_and_delete_each_page() {
    run(async {
        let mut scenario = Scenario::new("bulk").await;
        let [one, two, three] = drafts(&mut scenario).await;

        scenario
            .admin
            .bulk_publish(&[one, two], false)
            .await
            .unwrap();
        let events = scenario
            .expect_together(&[one, two].map(|id| page("published", id)))
            .await;
        assert!(events.iter().all(|event| event.data["live"] == true));

        scenario
            .admin
            .bulk_unpublish(&[one, two], false)
            .await
            .unwrap();
        scenario
            .expect_together(&[one, two].map(|id| page("unpublished", id)))
            .await;

        scenario
            .admin
            .bulk_delete(&[one, two, three])
            .await
            .unwrap();
        scenario
            .expect_together(&[one, two, three].map(|id| page("deleted", id)))
            .await;
    });
}
