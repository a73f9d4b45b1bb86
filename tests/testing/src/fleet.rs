//! Two queues, Lambda, the rest of AWS and many receivers in one process, for tests of fan-out and deliver at scale.
//!
//! The emulator of AWS serves a FIFO queue one batch at a time, so it shows nothing of concurrent deliveries. The fleet keeps
//! the queues in memory as SQS does ([`queue`]), and hands their messages to any number of workers as Lambda does
//! ([`mapping`]). The other parts speak HTTP: the services that the functions call ([`endpoint`], [`parameters`]), the
//! Runtime API that invokes their programs ([`runtime_api`], [`programs`]), and the receivers ([`receivers`], [`tls`]).
//! [`audit`] checks that no delivery was lost and that every lane kept its order.
//!
//! The fleet has no network between machines, no cold starts, and no failures of SQS and Lambda. It has no quota except that of
//! SSM. Lambda adds workers at a limited rate, but here all workers start at once.

pub mod audit;
pub mod endpoint;
pub mod events;
pub mod mapping;
mod options;
pub mod parameters;
pub mod programs;
pub mod queue;
pub mod receivers;
mod refusal;
pub mod runtime_api;
pub mod tls;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use serde_json::Value;
use wagrun_event::Event;

use audit::Audit;
use endpoint::Services;
use mapping::{EventSourceMapping, SharedQueue};
use parameters::Parameters;
use queue::{NewMessage, QueueSettings};
use receivers::Receivers;

pub use options::{BACKLOG_BUCKET, BACKLOGS_PATH, FleetOptions, SUBSCRIBERS_PATH, healthy};

/// The batch size of fan-out in the template.
const EVENT_BATCH_SIZE: usize = 10;
/// The batch size of deliver in the template.
const DELIVERY_BATCH_SIZE: usize = 1;

/// The queues, the services and the receivers. A test starts the workers itself.
#[derive(Debug)]
pub struct Fleet {
    /// The event queue, which fan-out reads.
    pub events: Arc<SharedQueue>,
    /// The delivery queue, which deliver reads.
    pub deliveries: Arc<SharedQueue>,
    /// The dead-letter queue to which deliver sends the deliveries that it gives up.
    pub given_up: Arc<SharedQueue>,
    /// The mapping that invokes fan-out.
    pub fan_out: Arc<EventSourceMapping>,
    /// The mapping that invokes deliver.
    pub deliver: Arc<EventSourceMapping>,
    /// The receivers of all subscribers.
    pub receivers: Arc<Receivers>,
    /// The services of AWS.
    pub services: Arc<Services>,
    /// The address of the services, for `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    options: FleetOptions,
}

impl Fleet {
    /// Starts a fleet on free ports of 127.0.0.1.
    pub async fn start(options: FleetOptions) -> io::Result<Self> {
        let settings = |max_receive_count| QueueSettings {
            visibility_timeout: options.visibility_timeout,
            max_receive_count,
            window: options.window,
        };
        let events = SharedQueue::new("fleet-events.fifo", settings(10));
        let deliveries =
            SharedQueue::new("fleet-deliveries.fifo", settings(options.max_attempts()));
        let given_up = SharedQueue::new("fleet-deliveries-dead.fifo", settings(u32::MAX));
        let receivers = Receivers::start(
            options.subscribers.iter().cloned(),
            options.certificate.as_ref(),
        )
        .await?;
        let named = |(name, value): (&str, serde_json::Value)| {
            (format!("{SUBSCRIBERS_PATH}/{name}"), value.to_string())
        };
        let parameters = Parameters::new(receivers.parameters().map(named));
        let parameters = match options.parameter_quota {
            Some(calls) => parameters.limited_to(calls),
            None => parameters,
        };
        let queues = [&events, &deliveries, &given_up].map(Arc::clone);
        let services = Services::new(queues.into(), parameters);
        Ok(Self {
            fan_out: EventSourceMapping::new(&events, EVENT_BATCH_SIZE),
            deliver: EventSourceMapping::new(&deliveries, DELIVERY_BATCH_SIZE),
            endpoint: services.serve().await?,
            events,
            deliveries,
            given_up,
            receivers,
            services,
            options,
        })
    }

    /// Returns the settings of the fleet.
    pub fn options(&self) -> &FleetOptions {
        &self.options
    }

    /// Puts events into the event queue, in their order.
    pub fn publish_all(&self, events: &[Event]) {
        for event in events {
            self.publish(event);
        }
    }

    /// Puts an event into the event queue, as SNS does.
    pub fn publish(&self, event: &Event) {
        self.events.send(NewMessage {
            group: event.subject.clone(),
            deduplication_id: event.deduplication_id(),
            body: serde_json::to_string(event).expect("an event is JSON"),
        });
    }

    /// Finds the deliveries of these events, one for each subscriber.
    pub fn audit(&self, events: &[Event]) -> Audit {
        let expected: BTreeSet<_> = events
            .iter()
            .flat_map(|event| {
                let names = self.receivers.behaviors().keys();
                names.map(|name| format!("{}:{name}", event.id))
            })
            .collect();
        let set_aside = self.set_aside();
        Audit::of(
            &expected,
            &self.receivers.arrivals(),
            &self.deliveries.lock(),
            &set_aside,
        )
    }

    /// Returns the deliveries that are set aside, each as `<id of the event>:<subscriber>`.
    pub fn set_aside(&self) -> BTreeSet<String> {
        let bucket = self.services.bucket();
        let name = |body: &String| {
            let delivery: Value = serde_json::from_str(body).ok()?;
            let id = delivery["event"]["id"].as_str()?;
            Some(format!("{id}:{}", delivery["subscriber"].as_str()?))
        };
        let deliveries = bucket.objects.iter().filter(|(key, _)| key.contains('/'));
        deliveries.filter_map(|(_, body)| name(body)).collect()
    }

    /// Returns true if both queues are empty: each delivery was accepted, given up or set aside.
    pub fn is_settled(&self) -> bool {
        self.events.lock().is_empty() && self.deliveries.lock().is_empty()
    }

    /// Returns the bucket of the subscriber directory, if the functions read it.
    pub fn directory_bucket(&self) -> Option<String> {
        let has_directory = self.options.has_directory;
        has_directory.then(|| BACKLOG_BUCKET.to_owned())
    }

    /// Returns the environment variables of fan-out in the template.
    pub fn fan_out_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SUBSCRIBERS_PATH", SUBSCRIBERS_PATH.to_owned()),
            (
                "SUBSCRIBER_CACHE_SECONDS",
                self.options.cache_time.as_secs().to_string(),
            ),
            (
                "DIRECTORY_BUCKET",
                self.directory_bucket().unwrap_or_default(),
            ),
            ("DELIVERY_QUEUE_URL", self.deliveries.url(&self.endpoint)),
            ("INVALIDATION_QUEUE_URL", String::new()),
            ("METRICS_NAMESPACE", "wagrun/fleet".to_owned()),
            ("AWS_MAX_ATTEMPTS", "5".to_owned()),
            ("MAX_ATTEMPTS", self.options.max_attempts().to_string()),
            ("ALLOW_HTTP_WEBHOOKS", "true".to_owned()),
        ]
    }

    /// Returns the environment variables of deliver in the template.
    pub fn deliver_environment(&self) -> Vec<(&'static str, String)> {
        let waits = self.options.retry_seconds.iter().map(u32::to_string);
        let waits: Vec<_> = waits.collect();
        let mut environment = self.fan_out_environment();
        environment.extend([
            ("RETRY_SECONDS", waits.join(",")),
            (
                "TOPIC_ARN",
                "arn:aws:sns:us-east-1:000000000000:fleet-events.fifo".to_owned(),
            ),
            ("EVENT_SOURCE", events::SOURCE.to_owned()),
            ("BACKLOGS_PATH", BACKLOGS_PATH.to_owned()),
            ("BACKLOG_BUCKET", BACKLOG_BUCKET.to_owned()),
            (
                "DELIVERY_DEAD_LETTER_QUEUE_URL",
                self.given_up.url(&self.endpoint),
            ),
            ("CROWDED_DELIVERIES", self.options.crowded_at.to_string()),
        ]);
        if let Some(certificate) = &self.options.certificate {
            let issuer = certificate.issuer.to_string_lossy().into_owned();
            environment.push(("SSL_CERT_FILE", issuer));
        }
        environment
    }
}
