//! Scheduled publishing: a page is `published` only when it goes live, and only a schedule makes it go live.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};

use crate::support::event_line::{changed, page};
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;

/// The rest of the minute, the emulator's interval of ten seconds between its checks of schedules, and Django's own time.
const MAX_PUBLICATION_DELAY: Duration = Duration::from_secs(60 + 60 + 10);
/// The interval between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Returns once the page has this value of `live`. No job runs in between.
async fn wait_until_live_is(scenario: &Scenario, page: PageId, live: bool) {
    let deadline = Instant::now() + MAX_PUBLICATION_DELAY;
    let mut database = scenario.stack.database().await;
    loop {
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
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Returns the names of the stack's schedules.
async fn schedules(scenario: &Scenario) -> Vec<String> {
    let stack = &scenario.stack.local;
    let group = stack.deployment.output("ScheduleGroupName").unwrap();
    let path = format!("/schedules?ScheduleGroup={group}");
    let answer = stack.emulator.aws().get("scheduler", &path).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["Schedules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|schedule| schedule["Name"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns the name of the schedule for this time, and its full minute.
fn schedule_name_and_minute(time: Timestamp) -> (String, Timestamp) {
    let minute = Timestamp::from_second((time.as_second() + 59).div_euclid(60) * 60).unwrap();
    (minute.strftime("publish-%Y%m%dT%H%MZ").to_string(), minute)
}

/// Returns once a schedule of this name exists, or does not exist.
async fn wait_until_scheduled(scenario: &Scenario, name: &str, exists: bool) {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while schedules(scenario).await.contains(&name.to_owned()) != exists {
        assert!(
            Instant::now() < deadline,
            "{name} never came to exist = {exists}: {:?}",
            schedules(scenario).await
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

#[test]
fn a_scheduled_draft_is_published_when_it_goes_live() {
    run(async {
        let mut scenario = Scenario::new("scheduling").await;
        let post = scenario.create(scenario.root, "Post", Action::Save).await;
        scenario
            .expect(&[page("created", post), page("updated", post)])
            .await;
        let go_live_at = in_seconds(4);
        scenario.admin.schedule(post, go_live_at).await.unwrap();
        // The form's own commit has the time, and the next one the revision.
        let events = scenario
            .expect(&[page("updated", post), page("updated", post)])
            .await;
        assert_eq!(changed(&events[0]), ["go_live_at"]);
        assert_eq!(events[1].data["live"], false);

        wait_until_live_is(&scenario, post, true).await;
        let events = scenario.expect(&[page("published", post)]).await;
        assert_eq!(events[0].data["live"], true);
        assert_eq!(events[0].data["previous"]["live"], false);
        let published: Timestamp = events[0].time.parse().unwrap();
        assert!(published + SignedDuration::from_secs(1) > go_live_at);
    });
}

#[test]
fn a_page_that_is_created_and_scheduled_at_once_is_not_published() {
    run(async {
        let mut scenario = Scenario::new("created-and-scheduled").await;
        let time = in_seconds(86_400).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::titled("Later").with("go_live_at", &time);
        let post = scenario
            .admin
            .create_page(scenario.root, "blog/blogpage", &fields, Action::Publish)
            .await
            .unwrap();
        let lines = ["created", "updated", "updated"].map(|action| page(action, post));
        let events = scenario.expect(&lines).await;
        assert_eq!(events[2].data["live"], false);
        assert_eq!(changed(&events[2]), ["live", "visible_to"]);
        // No event says that the public can see it.
        assert_eq!(events[0].data["visible_to"], "nobody");
        assert_eq!(events[1].data["visible_to"], "nobody");
    });
}

#[test]
fn a_live_page_that_is_scheduled_keeps_what_it_shows_until_then() {
    run(async {
        let mut scenario = Scenario::new("rescheduling").await;
        let post = scenario.live_post(scenario.root, "Now").await;
        let time = in_seconds(86_400).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::titled("Then").with("go_live_at", &time);
        scenario.edit(post, &fields, Action::Publish).await;
        let events = scenario.expect(&[page("updated", post)]).await;
        assert_eq!(
            (&events[0].data["title"], &events[0].data["live"]),
            (&json!("Now"), &json!(true))
        );
    });
}

#[test]
fn a_page_that_expires_is_unpublished_then() {
    run(async {
        let mut scenario = Scenario::new("expiring").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let time = in_seconds(4).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::none().with("expire_at", &time);
        scenario.edit(post, &fields, Action::Publish).await;
        let events = scenario
            .expect(&[page("updated", post), page("published", post)])
            .await;
        assert!(changed(&events[1]).contains(&"expire_at"));

        wait_until_live_is(&scenario, post, false).await;
        let events = scenario.expect(&[page("unpublished", post)]).await;
        assert!(changed(&events[0]).contains(&"expired"));
    });
}

/// No session of wagrun is open between the request and the scheduled minute, so that the database can pause.
#[test]
fn a_schedule_wakes_a_database_that_nothing_holds() {
    run(async {
        let mut scenario = Scenario::exclusive("sleeping-until-then").await;
        let post = scenario.create(scenario.root, "Post", Action::Save).await;
        scenario
            .expect(&[page("created", post), page("updated", post)])
            .await;
        let (name, minute) = schedule_name_and_minute(in_seconds(75));
        // A second before the full minute is rounded up to that minute.
        let go_live_at = minute - SignedDuration::from_secs(1);
        scenario.admin.schedule(post, go_live_at).await.unwrap();
        scenario
            .expect(&[page("updated", post), page("updated", post)])
            .await;
        wait_until_scheduled(&scenario, &name, true).await;

        let mut database = scenario.stack.database().await;
        let ours = "select count(*) from pg_stat_activity
                    where datname = current_database() and application_name like 'wagrun%'";
        let deadline = Instant::now() + WAIT_TIMEOUT;
        while sqlx::query_scalar::<_, i64>(ours)
            .fetch_one(&mut database)
            .await
            .unwrap()
            > 0
        {
            assert!(Instant::now() < deadline, "a session of ours stays open");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        while Timestamp::now() < go_live_at {
            let (sessions, live): (i64, bool) = sqlx::query_as(
                "select count(*), (select live from wagtailcore_page where id::bigint = $1)
                 from pg_stat_activity where datname = current_database() and application_name like 'wagrun%'",
            )
            .bind(post.0)
            .fetch_one(&mut database)
            .await
            .unwrap();
            assert_eq!((sessions, live), (0, false), "before {go_live_at}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }

        wait_until_live_is(&scenario, post, true).await;
        let late = Timestamp::now().duration_since(minute);
        assert!(
            late < SignedDuration::from_secs(45),
            "{late:#} after its minute"
        );
        let events = scenario.expect(&[page("published", post)]).await;
        let published: Timestamp = events[0].time.parse().unwrap();
        assert!(published >= go_live_at);
        // The page's own change rings, and the run of that ring removes the schedule.
        wait_until_scheduled(&scenario, &name, false).await;
    });
}

#[test]
fn a_rescheduled_page_moves_and_a_withdrawn_page_is_never_published() {
    run(async {
        let mut scenario = Scenario::new("withdrawing").await;
        let post = scenario.create(scenario.root, "Post", Action::Save).await;
        scenario
            .expect(&[page("created", post), page("updated", post)])
            .await;
        // No other test schedules anything on these days.
        let times = [40, 41].map(|days| in_seconds(days * 86_400));
        // A scheduled page is locked. In the admin it is first unscheduled, and then scheduled for another time.
        for time in times {
            let (name, _) = schedule_name_and_minute(time);
            scenario.admin.schedule(post, time).await.unwrap();
            wait_until_scheduled(&scenario, &name, true).await;
            let revision: i64 = sqlx::query_scalar(
                "select id::bigint from wagtailcore_revision where object_id = $1 and approved_go_live_at is not null",
            )
            .bind(post.to_string())
            .fetch_one(&mut scenario.stack.database().await)
            .await
            .unwrap();
            scenario.admin.unschedule(post, revision).await.unwrap();
            wait_until_scheduled(&scenario, &name, false).await;
        }
        let live: bool =
            sqlx::query_scalar("select live from wagtailcore_page where id::bigint = $1")
                .bind(post.0)
                .fetch_one(&mut scenario.stack.database().await)
                .await
                .unwrap();
        assert!(!live);
    });
}
