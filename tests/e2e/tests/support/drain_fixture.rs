//! A database, a drainer and the fake topic to which it publishes, with the content and the assertions of the drain's tests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use content_events::Config;
use content_events::Drainer;
use content_events::Invocation;
use content_events::{DrainError, DrainReport};
use serde_json::Value;
use sqlx::PgConnection;
use tokio::time::Instant;
use wagrun_database::connection::DatabaseConfig;
use wagrun_database::outbox::{self, Lock};
use wagrun_event::Event;

use super::database::Database;
use super::fake_topic::FakeTopic;
use super::runtime::in_a_minute;
use super::sql::{RELAY_ROLE, execute};

/// A database with its drainer and the topic to which it publishes.
pub struct DrainFixture {
    pub database: Database,
    pub topic: FakeTopic,
    pub drainer: Arc<Drainer>,
}

impl DrainFixture {
    /// Creates a database of its own, a topic and a drainer.
    pub async fn new() -> Self {
        let database = Database::new().await;
        let topic = FakeTopic::start().await;
        let drainer = Arc::new(drainer(&database, &topic));
        Self {
            database,
            topic,
            drainer,
        }
    }

    /// Runs the drainer for this wake.
    pub async fn drain(&self, wake: Invocation) -> Result<DrainReport, DrainError> {
        self.drainer.run(&wake, in_a_minute()).await
    }

    /// Runs a sweep.
    pub async fn sweep(&self) -> Result<DrainReport, DrainError> {
        self.drain(Invocation::Sweep).await
    }

    /// Runs the drainer for this payload of an invocation, as an operator would send it.
    pub async fn invoke(&self, payload: Value) -> Result<DrainReport, DrainError> {
        self.drain(Invocation::parse(&payload).unwrap()).await
    }

    /// Repeats invocations that have time for one slice of a backfill, until one of them has published a slice.
    pub async fn publish_slice(&self) -> DrainReport {
        loop {
            // After a slice of 100 events the drainer pauses for a second, for which this invocation has no time.
            let stop_at = Instant::now() + Duration::from_millis(900);
            let answer = self.drainer.run(&Invocation::Sweep, stop_at).await.unwrap();
            if answer.backfilled > 0 {
                return answer;
            }
        }
    }

    /// Returns the events of backfills that the topic accepted.
    pub fn backfilled(&self) -> Vec<Event> {
        let mut events = self.topic.accepted();
        events.retain(|event| event.backfill.is_some());
        events
    }

    /// Returns the object and the title of each event, in the order of publication.
    pub fn titles(&self) -> Vec<(String, String)> {
        self.topic
            .accepted()
            .iter()
            .map(|event| (event.subject.clone(), title(event)))
            .collect()
    }
}

fn drainer(database: &Database, topic: &FakeTopic) -> Drainer {
    Drainer::new(config(database), &topic.sdk())
}

/// Returns the configuration of a drainer for this database.
pub fn config(database: &Database) -> Config {
    drainer_config(database.config(RELAY_ROLE))
}

/// Returns the configuration of a drainer that connects in this way.
pub fn drainer_config(database: DatabaseConfig) -> Config {
    Config {
        database,
        database_instance: None,
        database_pause: Duration::from_secs(300),
        topic_arn: "arn:aws:sns:us-east-1:000000000000:events.fifo".to_owned(),
        source: "/wagrun/test".to_owned(),
        history_days: 30,
        decision_delay: Duration::from_millis(300),
        schedules: None,
        metrics: wagrun_lambda::metric::Metrics::new("wagrun/test"),
    }
}

/// Returns the title in an event, or an empty string.
pub fn title(event: &Event) -> String {
    event.data["title"].as_str().unwrap_or_default().to_owned()
}

/// Renames author `id` in a transaction of its own.
pub async fn rename(session: &mut PgConnection, id: i32, name: &str) {
    execute(
        session,
        &format!("update blog_author set name = '{name}' where id = {id}"),
    )
    .await;
}

/// Inserts `count` authors, with capture off.
pub async fn insert_authors(session: &mut PgConnection, count: i32) {
    execute(
        session,
        &format!(
            "begin; set local wagrun.capture = 'off';
             insert into blog_author (name, bio) select 'author', '' from generate_series(1, {count}); commit"
        ),
    )
    .await;
}

/// Inserts `count` posts under `/blog/`, each with its page row and the row of its type, with capture off.
pub async fn insert_posts(session: &mut PgConnection, count: i32) {
    execute(session, "begin; set local wagrun.capture = 'off'").await;
    insert_captured_posts(session, count).await;
    execute(session, "commit").await;
}

/// Inserts `count` posts under `/blog/` with capture on, in the open transaction.
pub async fn insert_captured_posts(session: &mut PgConnection, count: i32) {
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

/// Returns the number of changes and events that are not settled.
pub async fn pending(session: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select (select count(*) from wagrun.outbox) + (select count(*) from wagrun.event where settled_at is null)",
    )
        .fetch_one(session)
        .await
        .unwrap()
}

/// Returns these pairs with owned texts.
pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(object, title)| ((*object).to_owned(), (*title).to_owned()))
        .collect()
}

/// Asserts that the titles of each object's events are `1`, `2`, … `last`, each once and in order.
#[track_caller]
pub fn assert_each_in_order(events: &[Event], objects: usize, last: usize) {
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

/// Begins a transaction that renames author 1, and returns its id. The transaction stays open.
pub async fn begin_rename(session: &mut PgConnection) -> u64 {
    execute(session, "begin").await;
    rename(session, 1, "Ann").await;
    let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
        .fetch_one(session)
        .await
        .unwrap();
    xid.parse().unwrap()
}

/// Takes the lock of the drainer that waits for the drain lock, so that a further drainer does not wait.
pub async fn take_standby_lock(session: &mut PgConnection) {
    assert!(
        outbox::try_lock(session, Lock::NextDrainer).await.unwrap(),
        "another drainer already waits"
    );
}
