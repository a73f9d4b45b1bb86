//! A database with Wagtail's tables, a topic, and drainers between them, for tests that know nothing of what is inside.

use std::time::Duration;

use content_events::Config;
use content_events::Drainer;
use content_events::Invocation;
use content_events::{DrainError, DrainReport};
use sqlx::PgConnection;
use tokio::time::Instant;
use wagrun_event::Event;

use crate::databases::{Database, RELAY, execute};
use crate::fake_topic::FakeTopic;

/// A Lambda that answers 202 at once. The local stand-in starts a program for each call, which would take most of the time.
const ANSWERING_LAMBDA: &str = "
    create or replace function aws_lambda.invoke(
        function_name text, payload TYPE, region text default null, invocation_type text default 'RequestResponse',
        log_type text default 'None', context TYPE default null, qualifier varchar(128) default null,
        out status_code int, out payload TYPE, out executed_version text, out log_result text)
        language sql volatile security definer set search_path = pg_catalog
    as $$ select 202, null::TYPE, null::text, null::text $$";

pub struct RelayedSite {
    pub database: Database,
    pub topic: FakeTopic,
}

impl RelayedSite {
    pub async fn new() -> Self {
        Self::on(Database::new().await).await
    }

    pub async fn on(database: Database) -> Self {
        let mut superuser = database.observer().await;
        for json in ["json", "jsonb"] {
            execute(&mut superuser, &ANSWERING_LAMBDA.replace("TYPE", json)).await;
        }
        let topic = FakeTopic::start().await;
        Self { database, topic }
    }

    /// A drainer of its own, as each concurrent invocation of the function has one.
    pub fn drainer(&self) -> Drainer {
        let config = Config {
            database: self.database.config(RELAY),
            database_instance: None,
            database_pause: Duration::from_secs(300),
            topic_arn: "arn:aws:sns:us-east-1:000000000000:events.fifo".to_owned(),
            source: "/wagrun/test".to_owned(),
            history_days: 30,
            schedules: None,
            metrics: wagrun_lambda::metric::Metrics::new("wagrun/test"),
        };
        Drainer::new(config, &self.topic.sdk())
    }

    pub async fn sweep(&self) -> Result<DrainReport, DrainError> {
        self.drainer().run(&Invocation::Sweep, in_a_minute()).await
    }

    /// As an operator would, with the payload of an invocation.
    pub async fn ask(&self, payload: serde_json::Value) -> Result<DrainReport, DrainError> {
        let wake = Invocation::parse(&payload).unwrap();
        self.drainer().run(&wake, in_a_minute()).await
    }

    /// The events of one object, in the order of publication.
    pub fn events(&self, object: &str) -> Vec<Event> {
        let mut events = self.topic.taken();
        events.retain(|event| event.subject == object);
        events
    }
}

pub fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Returns once a session of the database waits for a lock that another holds.
pub async fn somebody_waits_for_a_lock(observer: &mut PgConnection) {
    until(
        observer,
        "select exists (select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock')",
    )
    .await;
}

/// Returns once no drainer has a session any more; the server takes a moment to end that of an aborted one.
pub async fn no_drainer_is_connected(observer: &mut PgConnection) {
    until(
        observer,
        "select not exists (select from pg_stat_activity
            where datname = current_database() and application_name like 'wagrun%')",
    )
    .await;
}

async fn until(observer: &mut PgConnection, condition: &'static str) {
    let deadline = in_a_minute();
    while !sqlx::query_scalar::<_, bool>(condition)
        .fetch_one(&mut *observer)
        .await
        .unwrap()
    {
        assert!(Instant::now() < deadline, "never came true: {condition}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
