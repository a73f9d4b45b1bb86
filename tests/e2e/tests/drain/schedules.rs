//! Due times become schedules in EventBridge Scheduler, also when Scheduler fails in between.

use axum::http::Method;
use content_events::Drainer;
use content_events::Invocation;
use content_events::ScheduleConfig;
use content_events::{DrainError, DrainReport};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;

use crate::support::database::Database;
use crate::support::drain_fixture::{DrainFixture, config, pending};
use crate::support::fake_scheduler::FakeScheduler;
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_no_lock_is_held};

/// A database, a drainer that schedules, and the fake Scheduler.
struct ScheduleFixture {
    database: Database,
    scheduler: FakeScheduler,
    drainer: Drainer,
    session: PgConnection,
}

impl ScheduleFixture {
    async fn new() -> Self {
        Self::with(None).await
    }

    /// Creates a fixture whose database is paused according to CloudWatch.
    async fn with_paused_database() -> Self {
        Self::with(Some("wagrun-1".to_owned())).await
    }

    async fn with(database_instance: Option<String>) -> Self {
        let database = Database::new().await;
        let scheduler = FakeScheduler::start().await;
        let mut config = config(&database);
        config.database_instance = database_instance;
        config.schedules = Some(ScheduleConfig {
            group: "wagrun-publishing".to_owned(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:wagrun-migrate"
                .to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/publishing".to_owned(),
            dead_letter_queue_arn: "arn:aws:sqs:us-east-1:000000000000:publishing-failures"
                .to_owned(),
        });
        let drainer = Drainer::new(config, &scheduler.sdk());
        let session = database.connect().await;
        Self {
            database,
            scheduler,
            drainer,
            session,
        }
    }

    /// Sets the expiry of a live page, and returns the wake of the transaction.
    async fn expire(&mut self, page: i64, time: &str) -> Invocation {
        // Capture is off, because these tests are not about events.
        execute(&mut self.session, "begin; set local wagrun.capture = 'off'").await;
        execute(
            &mut self.session,
            &format!("update wagtailcore_page set expire_at = {time} where id = {page}"),
        )
        .await;
        let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
            .fetch_one(&mut self.session)
            .await
            .unwrap();
        assert!(self.changes().await > 0, "page {page} is live");
        execute(&mut self.session, "commit").await;
        Invocation::Transactions(vec![xid.parse().unwrap()])
    }

    async fn run(&self, wake: &Invocation) -> Result<DrainReport, DrainError> {
        self.drainer.run(wake, in_a_minute()).await
    }

    async fn changes(&mut self) -> i64 {
        sqlx::query_scalar("select count(*) from wagrun.schedule_change")
            .fetch_one(&mut self.session)
            .await
            .unwrap()
    }
}

#[test]
fn a_schedule_is_created_moved_and_removed() {
    run(async {
        let mut fixture = ScheduleFixture::new().await;
        let wake = fixture.expire(3, "'2031-05-01 08:00:00+00'").await;
        let answer = fixture.run(&wake).await.unwrap();
        assert_eq!((answer.scheduled, answer.unscheduled), (1, 0));
        assert_eq!(fixture.scheduler.names(), ["publish-20310501T0800Z"]);
        let schedule = fixture.scheduler.schedule("publish-20310501T0800Z");
        assert_eq!(schedule["ScheduleExpression"], "at(2031-05-01T08:00:00)");
        assert_eq!(
            schedule["Target"]["Input"],
            r#"{"command":"publish-scheduled"}"#
        );

        let wake = fixture.expire(3, "'2031-06-01 08:00:30+00'").await;
        let answer = fixture.run(&wake).await.unwrap();
        assert_eq!((answer.scheduled, answer.unscheduled), (1, 1));
        assert_eq!(fixture.scheduler.names(), ["publish-20310601T0801Z"]);

        let wake = fixture.expire(3, "null").await;
        let answer = fixture.run(&wake).await.unwrap();
        assert_eq!((answer.scheduled, answer.unscheduled), (0, 1));
        assert_eq!(fixture.scheduler.names(), [""; 0]);
        assert_eq!(fixture.changes().await, 0);
    });
}

#[test]
fn several_in_one_minute_share_a_schedule_and_other_rings_ask_nothing_of_scheduler() {
    run(async {
        let mut fixture = ScheduleFixture::new().await;
        fixture.expire(1, "'2031-05-01 08:00:10+00'").await;
        let wake = fixture.expire(3, "'2031-05-01 08:00:50+00'").await;
        assert_eq!(fixture.run(&wake).await.unwrap().scheduled, 1);
        assert_eq!(fixture.scheduler.names(), ["publish-20310501T0801Z"]);
        let calls = fixture.scheduler.calls().len();
        fixture.run(&wake).await.unwrap();
        assert_eq!(fixture.scheduler.calls().len(), calls);
    });
}

#[test]
fn a_sweep_schedules_a_missed_due_time_for_the_next_minute() {
    run(async {
        let mut fixture = ScheduleFixture::new().await;
        fixture.expire(3, "now() - interval '1 day'").await;
        execute(&mut fixture.session, "delete from wagrun.schedule_change").await;
        fixture.scheduler.put("publish-20200101T0000Z");
        let before = Timestamp::now();
        fixture.run(&Invocation::Sweep).await.unwrap();
        let names = fixture.scheduler.names();
        assert_eq!(names.len(), 1, "{names:?}");
        let earliest = (before + SignedDuration::from_secs(15)).strftime("publish-%Y%m%dT%H%MZ");
        let latest = (before + SignedDuration::from_secs(140)).strftime("publish-%Y%m%dT%H%MZ");
        assert!(names[0] > earliest.to_string() && names[0] <= latest.to_string());
    });
}

#[test]
fn a_sweep_wakes_a_paused_database_for_a_missed_due_time_and_for_nothing_else() {
    run(async {
        let mut fixture = ScheduleFixture::with_paused_database().await;
        fixture.expire(3, "now() - interval '1 day'").await;
        fixture.scheduler.put("publish-20990101T0000Z");
        assert!(fixture.run(&Invocation::Sweep).await.unwrap().left_asleep);
        assert!(fixture.changes().await > 0);

        fixture.scheduler.put("publish-20200101T0000Z");
        let answer = fixture.run(&Invocation::Sweep).await.unwrap();
        assert_eq!(
            (answer.left_asleep, answer.scheduled, answer.unscheduled),
            (false, 1, 2)
        );
        assert!(fixture.run(&Invocation::Sweep).await.unwrap().left_asleep);
    });
}

#[test]
fn the_next_run_completes_a_run_that_failed_between_its_calls() {
    run(async {
        let mut fixture = ScheduleFixture::new().await;
        let wake = fixture.expire(3, "'2031-05-01 08:00:00+00'").await;
        fixture.run(&wake).await.unwrap();
        fixture.expire(1, "'2031-05-02 08:00:00+00'").await;
        let wake = fixture.expire(3, "'2031-05-03 08:00:00+00'").await;
        fixture.scheduler.refuse(|method, name| {
            (method == Method::POST && name.contains("0503"))
                .then_some((500, "InternalServerException"))
        });
        let error = fixture.run(&wake).await.unwrap_err();
        assert!(matches!(error, DrainError::Schedule(_)), "{error}");
        assert_eq!(
            fixture.scheduler.names(),
            ["publish-20310501T0800Z", "publish-20310502T0800Z"]
        );
        assert_eq!(fixture.changes().await, 2, "what changed stays known");
        wait_until_no_lock_is_held(&mut fixture.session).await;

        fixture.scheduler.recover();
        fixture.run(&wake).await.unwrap();
        assert_eq!(
            fixture.scheduler.names(),
            ["publish-20310502T0800Z", "publish-20310503T0800Z"]
        );
        assert_eq!(fixture.changes().await, 0);
    });
}

#[test]
fn a_schedule_that_exists_already_or_no_longer_is_no_failure() {
    run(async {
        let mut fixture = ScheduleFixture::new().await;
        fixture.scheduler.put("publish-20310101T0000Z");
        let wake = fixture.expire(3, "'2031-05-01 08:00:00+00'").await;
        fixture.scheduler.refuse(|method, _| match *method {
            Method::POST => Some((409, "ConflictException")),
            Method::DELETE => Some((404, "ResourceNotFoundException")),
            _ => None,
        });
        fixture.run(&wake).await.unwrap();
        assert_eq!(fixture.changes().await, 0);
    });
}

#[test]
fn a_throttled_call_is_retried() {
    run(async {
        let mut fixture = ScheduleFixture::new().await;
        let wake = fixture.expire(3, "'2031-05-01 08:00:00+00'").await;
        let left = std::sync::atomic::AtomicU32::new(2);
        fixture.scheduler.refuse(move |method, _| {
            let order = std::sync::atomic::Ordering::Relaxed;
            let again = left.fetch_update(order, order, |left| left.checked_sub(1));
            (method == Method::POST && again.is_ok()).then_some((429, "ThrottlingException"))
        });
        fixture.run(&wake).await.unwrap();
        assert_eq!(fixture.scheduler.names(), ["publish-20310501T0800Z"]);
    });
}

/// The events of the same commit are published all the same.
#[test]
fn a_scheduler_that_is_down_holds_no_event_back() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        let mut config = config(&fixture.database);
        config.schedules = Some(ScheduleConfig {
            group: "wagrun-publishing".to_owned(),
            function_arn: "arn".to_owned(),
            role_arn: "arn".to_owned(),
            dead_letter_queue_arn: "arn".to_owned(),
        });
        // The fake topic answers requests for schedules with an error.
        let drainer = Drainer::new(config, &fixture.topic.sdk());
        execute(
            &mut session,
            "update wagtailcore_page set expire_at = '2031-05-01 08:00:00+00' where id = 3",
        )
        .await;
        let error = drainer
            .run(&Invocation::Sweep, in_a_minute())
            .await
            .unwrap_err();
        assert!(matches!(error, DrainError::Schedule(_)), "{error}");
        assert_eq!(fixture.topic.accepted().len(), 1);
        assert_eq!(pending(&mut session).await, 0);
    });
}

#[test]
fn without_a_schedule_group_changes_are_forgotten() {
    run(async {
        let mut fixture = ScheduleFixture::new().await;
        let wake = fixture.expire(3, "'2031-05-01 08:00:00+00'").await;
        let drainer = Drainer::new(config(&fixture.database), &fixture.scheduler.sdk());
        drainer.run(&wake, in_a_minute()).await.unwrap();
        assert_eq!(fixture.scheduler.calls(), [""; 0]);
        assert_eq!(fixture.changes().await, 0);
    });
}
