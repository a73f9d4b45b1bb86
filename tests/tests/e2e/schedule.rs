//! Publication at a later time: nothing is `published` before it is live.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use local_stack::admin::{Action, Fields, PageId};
use serde_json::json;
use tokio::sync::Mutex;

use crate::databases::run;
use crate::story::{Story, changed, page};
use crate::world::PATIENCE;

/// The job takes whatever is due, so that two at once would publish a page twice.
static JOB: Mutex<()> = Mutex::const_new(());

/// Runs the scheduled job, as cron would, until it has made a page live or not live.
async fn publish_scheduled_until(story: &Story, page: PageId, live: bool) {
    let deadline = Instant::now() + PATIENCE;
    let mut database = story.world.database().await;
    loop {
        {
            let _job = JOB.lock().await;
            story.world.manage(&["publish_scheduled"]).await;
        }
        let is_live: bool =
            sqlx::query_scalar("select live from wagtailcore_page where id::bigint = $1")
                .bind(page.0)
                .fetch_one(&mut database)
                .await
                .unwrap();
        if is_live == live {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "page {page} never came to live = {live}"
        );
    }
}

fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

#[test]
fn a_scheduled_draft_is_published_when_it_goes_live() {
    run(async {
        let mut story = Story::new("scheduling").await;
        let post = story.create(story.root, "Post", Action::Save).await;
        story
            .expect(&[page("created", post), page("updated", post)])
            .await;
        let go_live_at = in_seconds(4);
        story.admin.schedule(post, go_live_at).await.unwrap();
        // The form's own commit brings the time, the next one the revision.
        let events = story
            .expect(&[page("updated", post), page("updated", post)])
            .await;
        assert_eq!(changed(&events[0]), ["go_live_at"]);
        assert_eq!(events[1].data["live"], false);

        publish_scheduled_until(&story, post, true).await;
        let events = story.expect(&[page("published", post)]).await;
        assert_eq!(events[0].data["live"], true);
        assert_eq!(events[0].data["previous"]["live"], false);
        let published: Timestamp = events[0].time.parse().unwrap();
        assert!(published + SignedDuration::from_secs(1) > go_live_at);
    });
}

#[test]
fn a_page_that_is_created_and_scheduled_at_once_is_not_published() {
    run(async {
        let mut story = Story::new("created-and-scheduled").await;
        let time = in_seconds(86_400).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::titled("Later").with("go_live_at", &time);
        let post = story
            .admin
            .create_page(story.root, "blog/blogpage", &fields, Action::Publish)
            .await
            .unwrap();
        let lines = ["created", "updated", "updated"].map(|action| page(action, post));
        let events = story.expect(&lines).await;
        assert_eq!(events[2].data["live"], false);
        assert_eq!(changed(&events[2]), ["live"]);
    });
}

#[test]
fn a_live_page_that_is_scheduled_keeps_what_it_shows_until_then() {
    run(async {
        let mut story = Story::new("rescheduling").await;
        let post = story.live_post(story.root, "Now").await;
        let time = in_seconds(86_400).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::titled("Then").with("go_live_at", &time);
        story.edit(post, &fields, Action::Publish).await;
        let events = story.expect(&[page("updated", post)]).await;
        assert_eq!(
            (&events[0].data["title"], &events[0].data["live"]),
            (&json!("Now"), &json!(true))
        );
    });
}

#[test]
fn a_page_that_expires_is_unpublished_then() {
    run(async {
        let mut story = Story::new("expiring").await;
        let post = story.live_post(story.root, "Post").await;
        let time = in_seconds(4).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::none().with("expire_at", &time);
        story.edit(post, &fields, Action::Publish).await;
        let events = story
            .expect(&[page("updated", post), page("published", post)])
            .await;
        assert!(changed(&events[1]).contains(&"expire_at"));

        publish_scheduled_until(&story, post, false).await;
        let events = story.expect(&[page("unpublished", post)]).await;
        assert!(changed(&events[0]).contains(&"expired"));
    });
}
