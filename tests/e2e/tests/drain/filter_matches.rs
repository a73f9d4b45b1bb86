//! An operator counts the present objects that a subscriber's filter lets pass.

use content_events::{MatchReport, OtherPath};
use serde_json::{Value, json};

use crate::support::drain_fixture::{DrainFixture, insert_authors, insert_posts};
use crate::support::runtime::run;

async fn count(fixture: &DrainFixture, filter: Value) -> MatchReport {
    let report = fixture.invoke(json!({"match": filter})).await.unwrap();
    assert_eq!((report.published, report.backfilled), (0, 0));
    report.matched.unwrap()
}

#[test]
fn the_present_objects_that_match_are_counted_and_nothing_is_published() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        // More than one query reads at once.
        insert_authors(&mut session, 1100).await;
        insert_posts(&mut session, 7).await;
        let all = count(&fixture, json!({})).await;
        assert!(all.finished);
        assert_eq!(all.matching, all.objects);

        let posts = all.objects
            - count(&fixture, json!({"types": ["*.author.*"]}))
                .await
                .objects;
        assert_eq!(all.objects - posts, 1100);
        for (filter, matching) in [
            (json!({"content_types": ["blog.author"]}), 1100),
            (
                json!({"content_types": ["blog.BlogPage"], "under": "/blog/"}),
                7,
            ),
            (json!({"content_types": ["blogpage"]}), 0),
            (
                json!({"types": ["wagtail.page.published"], "under": "/blog/p3"}),
                1,
            ),
        ] {
            let report = count(&fixture, filter.clone()).await;
            assert_eq!(
                (report.matching, report.finished),
                (matching, true),
                "{filter}"
            );
        }
        assert!(fixture.topic.accepted().is_empty());
    });
}

#[test]
fn a_path_of_the_tree_is_answered_with_the_path_of_the_url() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_posts(&mut session, 3).await;
        for under in ["/home/blog/p2/", "/Blog/P2"] {
            let report = count(&fixture, json!({"under": under})).await;
            assert_eq!(report.matching, 0, "{under}");
            let instead = OtherPath {
                under: "/blog/p2/".to_owned(),
                pages: 1,
            };
            assert_eq!(report.instead, Some(instead), "{under}");
        }
    });
}
