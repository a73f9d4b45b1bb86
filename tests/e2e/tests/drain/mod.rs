//! The drain under every fault that can be arranged: nothing is lost, nothing is invented, and an object never
//! overtakes itself.

mod commits;
mod faults;
mod replays;
mod runs;
mod schedules;
mod snapshots;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use content_events::Config;
use content_events::Drainer;
use content_events::Invocation;
use content_events::{DrainError, DrainReport};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;
use wagrun_database::outbox::{self, Lock};
use wagrun_database::schema::{self, WatchedTable};
use wagrun_event::Event;

use crate::databases::{Database, RELAY, execute, run, snippet_table, soon};
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

    async fn drain(&self, wake: Invocation) -> Result<DrainReport, DrainError> {
        self.drainer.run(&wake, in_a_minute()).await
    }

    async fn sweep(&self) -> Result<DrainReport, DrainError> {
        self.drain(Invocation::Sweep).await
    }

    /// As an operator would, with the payload of an invocation.
    async fn ask(&self, payload: Value) -> Result<DrainReport, DrainError> {
        self.drain(Invocation::parse(&payload).unwrap()).await
    }

    /// Invocations with time for one slice of a backfill, until one of them has made it.
    async fn slice(&self) -> DrainReport {
        loop {
            // A slice of a hundred is followed by a pause of a second, which this does not have.
            let stop_at = Instant::now() + Duration::from_millis(900);
            let answer = self.drainer.run(&Invocation::Sweep, stop_at).await.unwrap();
            if answer.backfilled > 0 {
                return answer;
            }
        }
    }

    /// The events of backfills among those that the topic took.
    fn backfilled(&self) -> Vec<Event> {
        let mut events = self.topic.taken();
        events.retain(|event| event.backfill.is_some());
        events
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
    Drainer::new(config(database), &topic.sdk())
}

fn config(database: &Database) -> Config {
    Config {
        database: database.config(RELAY),
        database_instance: None,
        database_pause: Duration::from_secs(300),
        topic_arn: "arn:aws:sns:us-east-1:000000000000:events.fifo".to_owned(),
        source: "/wagrun/test".to_owned(),
        history_days: 30,
        schedules: None,
        metrics: wagrun_lambda::metric::Metrics::new("wagrun/test"),
    }
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

/// `count` posts under `/blog/`, page row and part, with capture off.
async fn pages(session: &mut PgConnection, count: i32) {
    execute(session, "begin; set local wagrun.capture = 'off'").await;
    captured_pages(session, count).await;
    execute(session, "commit").await;
}

/// The same with capture on, in a transaction that is open.
async fn captured_pages(session: &mut PgConnection, count: i32) {
    execute(
        session,
        &format!(
            "insert into wagtailcore_page
                 (path, depth, numchild, title, draft_title, slug, url_path, live, has_unpublished_changes, content_type_id,
                  locale_id, translation_key, seo_title, search_description, show_in_menus, expired, locked)
             select '000100018' || lpad(n::text, 3, '0'), 3, 0, 'Post ' || n, 'Post', 'p' || n,
                 '/home/blog/p' || n || '/', true, false, ct.id, l.id, gen_random_uuid(), '', '', false, false, false
             from django_content_type as ct, wagtailcore_locale as l, generate_series(1, {count}) as n
             where ct.app_label = 'blog' and ct.model = 'blogpage';
             insert into blog_blogpage (page_ptr_id, date, intro, body)
             select id, '2026-01-01', '', '[]' from wagtailcore_page where slug like 'p_%'"
        ),
    )
    .await;
}

/// Returns once no session holds a drainer's lock.
async fn no_lock_is_held(session: &mut PgConnection) {
    until(
        session,
        "select not exists (select from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database()))",
    )
    .await;
}

async fn pending(session: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select (select count(*) from wagrun.outbox) + (select count(*) from wagrun.event where settled_at is null)",
    )
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

/// Begins a transaction that renames author 1, and returns its id; it stays open.
async fn open_rename(session: &mut PgConnection) -> u64 {
    execute(session, "begin").await;
    rename(session, 1, "Ann").await;
    let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
        .fetch_one(session)
        .await
        .unwrap();
    xid.parse().unwrap()
}

/// Is the one that waits for the drain lock, so that others who find it taken leave.
async fn stand_by(session: &mut PgConnection) {
    assert!(
        outbox::try_lock(session, Lock::NextDrainer).await.unwrap(),
        "somebody stands by"
    );
}

async fn until(session: &mut PgConnection, condition: &'static str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !sqlx::query_scalar::<_, bool>(condition)
        .fetch_one(&mut *session)
        .await
        .unwrap()
    {
        assert!(Instant::now() < deadline, "never came true: {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
