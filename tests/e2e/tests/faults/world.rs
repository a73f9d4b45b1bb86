//! Everything that the functions of a round share: the services of AWS, the faults, and the network to the database.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use fastrand::Rng;
use testing::bucket_in_memory::Conditions;
use testing::fleet::queue::NewMessage;
use testing::fleet::{Fleet, FleetOptions, healthy};
use testing::process::Supervisor;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::aws_faults::AwsFaults;
use super::clock::ShiftedClock;
use super::kill_plan::KillPlan;
use super::sql_gate::Network;
use crate::support::fake_topic::{Entry, FakeTopic};
use crate::support::runtime::WAIT_TIMEOUT;

/// The number of subscribers, which all receive every event.
pub const SUBSCRIBERS: usize = 3;

/// A call of a service of AWS.
pub struct Call {
    /// The name of the operation, such as `AmazonSSM.GetParameter` or `S3.PUT`.
    pub operation: String,
    pub method: String,
    /// The path with its query.
    pub path: String,
    pub conditions: Conditions,
}

/// The answer to a call.
pub struct Answer {
    pub status: StatusCode,
    /// The ETag of an object of S3.
    pub etag: Option<String>,
    pub body: String,
}

impl From<(StatusCode, String)> for Answer {
    fn from((status, body): (StatusCode, String)) -> Self {
        Self {
            status,
            etag: None,
            body,
        }
    }
}

pub struct World {
    pub supervisor: Supervisor,
    pub clock: ShiftedClock,
    pub kill_plan: KillPlan,
    pub aws_faults: AwsFaults,
    /// The network between the functions and the database.
    pub network: watch::Sender<Network>,
    pub database_port: u16,
    pub topic: FakeTopic,
    /// The time that the topic takes for a batch.
    publication_delay: Mutex<Duration>,
    /// The number of batches that have arrived at the topic.
    publications: watch::Sender<usize>,
    /// The queues, the parameters, the bucket and the receivers.
    pub fleet: Fleet,
}

impl World {
    pub async fn start(supervisor: Supervisor, database_port: u16, rng: &mut Rng) -> Arc<Self> {
        let options = FleetOptions {
            retry_seconds: vec![1; 30],
            // Longer than the time limit of a function, as on AWS.
            visibility_timeout: super::DELIVER_TIMEOUT + super::VISIBILITY_MARGIN,
            // Without a cache, deliveries are set aside after ten seconds instead of ninety.
            cache_time: Duration::ZERO,
            crowded_at: super::CROWDED_AT,
            has_directory: true,
            ..FleetOptions::new(healthy(SUBSCRIBERS))
        };
        Arc::new(Self {
            clock: ShiftedClock::compile(supervisor.directory()),
            supervisor,
            kill_plan: KillPlan::new(),
            aws_faults: AwsFaults::new(rng.fork()),
            network: watch::Sender::new(Network::Open),
            database_port,
            topic: FakeTopic::start().await,
            publication_delay: Mutex::default(),
            publications: watch::Sender::new(0),
            fleet: Fleet::start(options).await.unwrap(),
        })
    }

    /// Executes a call of a service.
    pub fn execute(&self, call: &Call, body: &[u8]) -> Answer {
        let operation = call.operation.as_str();
        if operation == "SNS.PublishBatch" {
            return self.publish(body, 0).into();
        }
        let operation = operation.starts_with("Amazon").then_some(operation);
        let services = &self.fleet.services;
        let (status, etag, body) =
            services.execute(operation, &call.method, &call.path, &call.conditions, body);
        Answer { status, etag, body }
    }

    /// Lets the topic take this time for a batch from now on. Returns the number of batches so far.
    pub fn delay_publication(&self, delay: Duration) -> usize {
        *self.publication_delay.lock().unwrap() = delay;
        *self.publications.borrow()
    }

    /// Waits until more batches have arrived than these.
    pub async fn wait_for_publication(&self, batches: usize) {
        let mut publications = self.publications.subscribe();
        let arrived = publications.wait_for(|count| *count > batches);
        timeout(WAIT_TIMEOUT, arrived).await.unwrap().unwrap();
    }

    /// Notes that a batch has arrived at the topic, and waits for the time that the topic takes.
    pub async fn arrive_at_topic(&self) {
        self.publications.send_modify(|count| *count += 1);
        let delay = *self.publication_delay.lock().unwrap();
        sleep(delay).await;
    }

    /// Publishes a batch, without the entries that `choice` lets fail. The event queue gets the rest in the same order.
    pub fn publish(&self, body: &[u8], choice: u64) -> (StatusCode, String) {
        let body = String::from_utf8_lossy(body);
        let fails = |event: &wagrun_event::Event| choice >> (event.id.as_u128() % 64) & 1 == 1;
        let relay = |entry: &Entry| {
            self.fleet.events.send(NewMessage {
                group: entry["MessageGroupId"].clone(),
                deduplication_id: entry["MessageDeduplicationId"].clone(),
                body: entry["Message"].clone(),
            });
        };
        (StatusCode::OK, self.topic.take(&body, &fails, &relay))
    }
}
