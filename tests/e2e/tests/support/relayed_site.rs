//! A database with Wagtail's tables, a fake topic, and drainers between them, for tests that look only at both ends.

use content_events::Drainer;
use content_events::Invocation;
use content_events::{DrainError, DrainReport};
use wagrun_event::Event;

use super::database::Database;
use super::drain_fixture::config;
use super::fake_topic::FakeTopic;
use super::runtime::in_a_minute;
use super::sql::execute;

/// An `aws_lambda.invoke` that answers 202 at once. The local stand-in would take most of the time, because it starts a
/// program for each call.
const ANSWERING_LAMBDA: &str = "
    create or replace function aws_lambda.invoke(
        function_name text, payload TYPE, region text default null, invocation_type text default 'RequestResponse',
        log_type text default 'None', context TYPE default null, qualifier varchar(128) default null,
        out status_code int, out payload TYPE, out executed_version text, out log_result text)
        language sql volatile security definer set search_path = pg_catalog
    as $$ select 202, null::TYPE, null::text, null::text $$";

/// A site whose changes reach a fake topic.
pub struct RelayedSite {
    pub database: Database,
    pub topic: FakeTopic,
}

impl RelayedSite {
    /// Creates a site with a database of its own.
    pub async fn new() -> Self {
        Self::on(Database::new().await).await
    }

    /// Creates a site on this database.
    pub async fn on(database: Database) -> Self {
        let mut superuser = database.observer().await;
        for json in ["json", "jsonb"] {
            execute(&mut superuser, &ANSWERING_LAMBDA.replace("TYPE", json)).await;
        }
        let topic = FakeTopic::start().await;
        Self { database, topic }
    }

    /// Returns a new drainer, as each concurrent invocation of the function has its own.
    pub fn drainer(&self) -> Drainer {
        Drainer::new(config(&self.database), &self.topic.sdk())
    }

    /// Runs a sweep.
    pub async fn sweep(&self) -> Result<DrainReport, DrainError> {
        self.drainer().run(&Invocation::Sweep, in_a_minute()).await
    }

    /// Runs the drainer for this payload of an invocation, as an operator would send it.
    pub async fn invoke(&self, payload: serde_json::Value) -> Result<DrainReport, DrainError> {
        let wake = Invocation::parse(&payload).unwrap();
        self.drainer().run(&wake, in_a_minute()).await
    }

    /// Returns the events of one object, in the order of publication.
    pub fn events(&self, object: &str) -> Vec<Event> {
        let mut events = self.topic.accepted();
        events.retain(|event| event.subject == object);
        events
    }
}
