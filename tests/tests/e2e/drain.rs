//! The drain under every fault that can be arranged: nothing is lost, nothing is invented, and an object never
//! overtakes itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use content_events::Drainer;
use content_events::config::Config;
use content_events::drain::{Answer, DrainError};
use content_events::wake::Wake;
use sqlx::PgConnection;
use tokio::time::Instant;
use wagrun::event::Event;

use crate::databases::{Database, RELAY, execute, run};
use crate::fake_lambda::{FakeLambda, Mood};
use crate::fake_topic::FakeTopic;

/// A database with its drainer and the topic that it publishes to.
struct World {
    database: Database,
    topic: FakeTopic,
    drainer: Arc<Drainer>,
}

impl World {
    async fn new() -> Self {
        let database = Database::new().await;
        let topic = FakeTopic::start().await;
        let drainer = Arc::new(drainer(&database, &topic));
        Self {
            database,
            topic,
            drainer,
        }
    }

    async fn drain(&self, wake: Wake) -> Result<Answer, DrainError> {
        self.drainer.run(&wake, in_a_minute()).await
    }

    async fn sweep(&self) -> Result<Answer, DrainError> {
        self.drain(Wake::Sweep).await
    }

    /// Each event as object and title, in the order of publication.
    fn titles(&self) -> Vec<(String, String)> {
        self.topic
            .taken()
            .iter()
            .map(|event| (event.subject.clone(), title(event)))
            .collect()
    }
}

fn drainer(database: &Database, topic: &FakeTopic) -> Drainer {
    let config = Config {
        database: database.config(RELAY),
        database_instance: None,
        topic_arn: "arn:aws:sns:us-east-1:000000000000:events.fifo".to_owned(),
        source: "/wagrun/test".to_owned(),
        history_days: 30,
    };
    Drainer::new(config, &topic.sdk())
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn title(event: &Event) -> String {
    event.data["title"].as_str().unwrap_or_default().to_owned()
}

/// Renames author `id`, in a transaction of its own.
async fn rename(session: &mut PgConnection, id: i32, name: &str) {
    execute(
        session,
        &format!("update blog_author set name = '{name}' where id = {id}"),
    )
    .await;
}

/// `count` authors, with capture off.
async fn authors(session: &mut PgConnection, count: i32) {
    execute(
        session,
        &format!(
            "begin; set local wagrun.capture = 'off';
             insert into blog_author (name, bio) select 'author', '' from generate_series(1, {count}); commit"
        ),
    )
    .await;
}

async fn pending(session: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from wagrun.outbox where settled_at is null")
        .fetch_one(session)
        .await
        .unwrap()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(object, title)| ((*object).to_owned(), (*title).to_owned()))
        .collect()
}

/// Every object's events must be `1`, `2`, … `last`, each once.
#[track_caller]
fn assert_each_in_order(events: &[Event], objects: usize, last: usize) {
    let mut by_object: HashMap<&str, Vec<&Event>> = HashMap::new();
    for event in events {
        by_object.entry(&event.subject).or_default().push(event);
    }
    assert_eq!(by_object.len(), objects);
    for (object, events) in by_object {
        let titles: Vec<String> = events.iter().map(|event| title(event)).collect();
        let expected: Vec<String> = (1..=last).map(|number| number.to_string()).collect();
        assert_eq!(titles, expected, "{object}");
        assert!(
            events
                .windows(2)
                .all(|pair| pair[0].sequence < pair[1].sequence),
            "{object}: sequence must grow"
        );
    }
}

#[test]
fn a_drain_publishes_what_is_committed_and_leaves_no_connection() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        rename(&mut session, 1, "Ann").await;
        execute(&mut session, "begin; update blog_author set name = 'Eve'; update blog_author set name = 'Ann'; commit").await;
        let answer = world.sweep().await.unwrap();
        assert_eq!((answer.published, answer.nothing), (1, 1));
        assert_eq!(world.titles(), pairs(&[("blog.author/1", "Ann")]));
        assert_eq!(pending(&mut session).await, 0);
        let mut observer = world.database.observer().await;
        let ours: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'wagrun%'",
        )
        .fetch_one(&mut observer)
        .await
        .unwrap();
        assert_eq!(ours, 0);
        let slots: i64 = sqlx::query_scalar("select count(*) from pg_replication_slots")
            .fetch_one(&mut observer)
            .await
            .unwrap();
        assert_eq!(slots, 0);
    });
}

#[test]
fn a_doorbell_before_the_commit_brings_the_event_by_that_ring_alone() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        execute(&mut session, "begin").await;
        rename(&mut session, 1, "Ann").await;
        let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
            .fetch_one(&mut session)
            .await
            .unwrap();
        let drainer = world.drainer.clone();
        let ring = tokio::spawn(async move {
            let wake = Wake::Transactions(vec![xid.parse().unwrap()]);
            drainer.run(&wake, in_a_minute()).await
        });
        // The drainer has looked once its session is there and idle between two looks.
        let mut observer = world.database.observer().await;
        until(
            &mut observer,
            "select exists (select from pg_stat_activity where datname = current_database()
            and application_name like 'wagrun%' and query like '%pg_xact_status%')",
        )
        .await;
        assert_eq!(world.titles(), []);
        execute(&mut session, "commit").await;
        assert_eq!(ring.await.unwrap().unwrap().published, 1);
        assert_eq!(world.titles(), pairs(&[("blog.author/1", "Ann")]));
    });
}

async fn until(session: &mut PgConnection, condition: &'static str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !sqlx::query_scalar::<_, bool>(condition)
        .fetch_one(&mut *session)
        .await
        .unwrap()
    {
        assert!(Instant::now() < deadline, "never came true: {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_transaction_that_outlasts_the_wait_is_rung_for_again() {
    run(async {
        let world = World::new().await;
        let lambda = FakeLambda::start(Mood::Accepting).await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        world.database.set_lambda_endpoint(&lambda.endpoint).await;
        execute(&mut session, "begin").await;
        rename(&mut session, 1, "Ann").await;
        let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
            .fetch_one(&mut session)
            .await
            .unwrap();
        let wake = Wake::Transactions(vec![xid.parse().unwrap()]);
        let answer = world.drainer.run(&wake, Instant::now()).await.unwrap();
        assert!(answer.rang_again);
        let calls = lambda.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(
            calls[0].1.replace(' ', ""),
            format!("{{\"xid\":\"{xid}\"}}")
        );
    });
}

#[test]
fn a_transaction_that_was_rolled_back_is_no_event_and_no_error() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        execute(&mut session, "begin").await;
        rename(&mut session, 1, "Ann").await;
        let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
            .fetch_one(&mut session)
            .await
            .unwrap();
        execute(&mut session, "rollback").await;
        let answer = world
            .drain(Wake::Transactions(vec![xid.parse().unwrap()]))
            .await
            .unwrap();
        assert_eq!(answer, Answer::default());
        assert_eq!(world.titles(), []);
    });
}

#[test]
fn a_transaction_id_from_the_future_is_named() {
    run(async {
        let world = World::new().await;
        let error = world
            .drain(Wake::Transactions(vec![u64::from(u32::MAX)]))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "xid 4294967295: can't tell how the transaction ended"
        );
    });
}

#[test]
fn an_event_that_the_topic_refuses_holds_back_its_object_and_no_other() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        rename(&mut session, 1, "poison").await;
        rename(&mut session, 2, "fine").await;
        rename(&mut session, 1, "later").await;
        world.topic.refuse(|event| title(event) == "poison");

        let error = world.sweep().await.unwrap_err().to_string();
        assert!(
            error.starts_with("1 events were not published; first outbox row")
                && error.ends_with("(blog.author/1): InvalidParameter: not this one"),
            "{error}"
        );
        assert_eq!(world.titles(), pairs(&[("blog.author/2", "fine")]));
        let (failures, reason): (i32, String) =
            sqlx::query_as("select failures, last_error from wagrun.outbox where failures > 0")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!(
            (failures, reason.as_str()),
            (1, "InvalidParameter: not this one")
        );

        world.topic.recover();
        assert_eq!(world.sweep().await.unwrap().published, 2);
        assert_eq!(
            world.titles(),
            pairs(&[
                ("blog.author/2", "fine"),
                ("blog.author/1", "poison"),
                ("blog.author/1", "later")
            ])
        );
    });
}

#[test]
fn a_topic_that_takes_nothing_ends_the_run_after_one_batch() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 600).await;
        execute(&mut session, "update blog_author set name = '1'").await;
        world.topic.refuse(|_| true);
        let error = world.sweep().await.unwrap_err();
        assert!(
            matches!(error, DrainError::Refused { count: 500, .. }),
            "{error}"
        );
        world.topic.recover();
        assert_eq!(world.sweep().await.unwrap().published, 600);
        assert_each_in_order(&world.topic.taken(), 600, 1);
    });
}

#[test]
fn a_drainer_killed_after_publishing_repeats_the_same_ids_and_keeps_the_order() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 3).await;
        for round in 1..=3 {
            for id in 1..=3 {
                rename(&mut session, id, &round.to_string()).await;
            }
        }
        world.topic.swallow_answers();
        let drainer = world.drainer.clone();
        let killed = tokio::spawn(async move { drainer.run(&Wake::Sweep, in_a_minute()).await });
        world.topic.arrival().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        assert_eq!(pending(&mut session).await, 9, "published, but not settled");

        world.topic.recover();
        until(
            &mut session,
            "select not exists (select from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database()))",
        )
        .await;
        assert_eq!(world.sweep().await.unwrap().published, 9);
        assert_eq!(
            world.topic.repeated(),
            3,
            "the topic dropped what it already had"
        );
        assert_each_in_order(&world.topic.taken(), 3, 3);
    });
}

#[test]
fn drainers_beside_each_other_while_content_changes_lose_nothing_and_keep_every_order() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 8).await;
        let mut writers = Vec::new();
        for id in 1..=8 {
            let mut session = world.database.connect().await;
            let drainer = world.drainer.clone();
            writers.push(tokio::spawn(async move {
                for round in 1..=10 {
                    rename(&mut session, id, &round.to_string()).await;
                    drainer.run(&Wake::Sweep, in_a_minute()).await.unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        // No sweep at the end: whoever found the lock taken must have been served by its holder.
        assert_eq!(pending(&mut session).await, 0);
        assert_each_in_order(&world.topic.taken(), 8, 10);
    });
}

#[test]
fn a_database_that_goes_away_is_an_error_and_loses_nothing() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        rename(&mut session, 1, "1").await;
        world.topic.swallow_answers();
        let drainer = world.drainer.clone();
        let drain = tokio::spawn(async move { drainer.run(&Wake::Sweep, in_a_minute()).await });
        world.topic.arrival().await;
        execute(
            &mut world.database.observer().await,
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name like 'wagrun%'",
        )
        .await;
        let error = drain.await.unwrap().unwrap_err();
        assert!(
            matches!(error, DrainError::Outbox(_) | DrainError::Settle(_)),
            "{error}"
        );
        assert_eq!(pending(&mut session).await, 1);
        world.topic.recover();
        world.sweep().await.unwrap();
        assert_each_in_order(&world.topic.taken(), 1, 1);
    });
}

#[test]
fn history_is_removed_after_its_days_and_pending_rows_never() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        rename(&mut session, 1, "old").await;
        world.sweep().await.unwrap();
        execute(
            &mut session,
            "update wagrun.outbox set settled_at = now() - interval '31 days'",
        )
        .await;
        rename(&mut session, 2, "new").await;
        assert_eq!(world.sweep().await.unwrap().removed, 1);
        let left: Vec<String> = sqlx::query_scalar("select object from wagrun.outbox")
            .fetch_all(&mut session)
            .await
            .unwrap();
        assert_eq!(left, ["blog.author/2"]);
    });
}

#[test]
fn a_backlog_longer_than_the_time_is_taken_up_by_the_next_ring() {
    run(async {
        let world = World::new().await;
        let lambda = FakeLambda::start(Mood::Accepting).await;
        let mut session = world.database.connect().await;
        authors(&mut session, 600).await;
        execute(&mut session, "update blog_author set name = '1'").await;
        world.database.set_lambda_endpoint(&lambda.endpoint).await;
        let answer = world
            .drainer
            .run(&Wake::Sweep, Instant::now())
            .await
            .unwrap();
        assert!(answer.rang_again && answer.published == 500, "{answer:?}");
        assert_eq!(lambda.calls().len(), 1);
        assert_eq!(world.sweep().await.unwrap().published, 100);
        assert_each_in_order(&world.topic.taken(), 600, 1);
    });
}
