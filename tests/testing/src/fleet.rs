//! Deliveries at a scale that the emulator has not: it serves a FIFO queue one batch at a time, and so shows nothing of what
//! happens beside each other.
//!
//! In memory there are the two queues as SQS keeps them ([`queue`]), and Lambda's way of handing their messages to any number
//! of workers ([`mapping`]). At the wire there are the AWS that fan-out and deliver call ([`endpoint`], [`parameters`]), the
//! Runtime API that invokes their programs ([`runtime_api`], [`programs`]), and the receivers ([`receivers`], [`tls`]). [`account`]
//! says whether anything was lost and whether every lane kept its order.
//!
//! What AWS has and this has not: other machines and the time to reach them, cold starts, failures of SQS and Lambda, quotas
//! other than SSM's, and the ramp by which Lambda adds workers.

pub mod account;
pub mod endpoint;
pub mod events;
pub mod mapping;
pub mod parameters;
pub mod programs;
pub mod queue;
pub mod receivers;
pub mod runtime_api;
pub mod tls;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wagrun_event::Event;

use account::Account;
use endpoint::Services;
use mapping::{Mapping, SharedQueue};
use parameters::Parameters;
use queue::{NewMessage, Settings};
use receivers::{Manner, Receivers};
use tls::Certificate;

/// Where the subscribers' parameters are.
pub const SUBSCRIBERS_PATH: &str = "/fleet/subscribers";
/// Where it is noted whose deliveries are set aside.
pub const BACKLOGS_PATH: &str = "/fleet/backlogs";
/// Where they are then.
pub const BACKLOG_BUCKET: &str = "fleet-backlogs";
/// As in the template, like the next.
const EVENT_BATCH: usize = 10;
const DELIVERY_BATCH: usize = 1;

/// What a fleet is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who receives, and how.
    pub subscribers: Vec<(String, Manner)>,
    /// The waits between the tries of a delivery, in whole seconds.
    pub retry_seconds: Vec<u32>,
    /// For how long a message that was received is hidden; the template has 180 s.
    pub visibility: Duration,
    /// Among how many messages SQS looks for a group that has none in flight.
    pub window: usize,
    /// For how long a function uses the subscribers that it has read.
    pub cache: Duration,
    /// With so many deliveries in the queue, whoever fails twice is set aside.
    pub crowded_at: u64,
    /// What the receivers show who calls by `https`; they speak plain HTTP without one.
    pub certificate: Option<Certificate>,
    /// How often SSM may be read in a second, where that is limited.
    pub parameter_quota: Option<usize>,
}

impl Options {
    /// As deployed, but with retries that a run lives to see.
    pub fn new(subscribers: Vec<(String, Manner)>) -> Self {
        Self {
            subscribers,
            retry_seconds: vec![1, 2],
            visibility: Duration::from_secs(180),
            window: Settings::WINDOW,
            cache: Duration::from_secs(30),
            crowded_at: 30_000,
            certificate: None,
            parameter_quota: None,
        }
    }

    /// How often a delivery is tried.
    pub fn attempts(&self) -> u32 {
        1 + u32::try_from(self.retry_seconds.len()).unwrap_or(u32::MAX - 1)
    }
}

/// So many subscribers, all of them healthy.
pub fn healthy(count: usize) -> Vec<(String, Manner)> {
    let subscriber = |number| (format!("subscriber-{number:04}"), Manner::Healthy);
    (0..count).map(subscriber).collect()
}

/// The queues, AWS and the receivers; whoever works is started beside it.
#[derive(Debug)]
pub struct Fleet {
    /// What fan-out reads.
    pub events: Arc<SharedQueue>,
    /// What deliver reads.
    pub deliveries: Arc<SharedQueue>,
    /// What deliver gives up by itself.
    pub given_up: Arc<SharedQueue>,
    /// Invokes fan-out.
    pub fan_out: Arc<Mapping>,
    /// Invokes deliver.
    pub deliver: Arc<Mapping>,
    /// Who receives.
    pub receivers: Arc<Receivers>,
    /// AWS.
    pub services: Arc<Services>,
    /// Where AWS is.
    pub endpoint: String,
    options: Options,
}

impl Fleet {
    /// Starts it, on ports of its own.
    pub async fn start(options: Options) -> io::Result<Self> {
        let settings = |max_receive_count| Settings {
            visibility: options.visibility,
            max_receive_count,
            window: options.window,
        };
        let events = SharedQueue::new("fleet-events.fifo", settings(10));
        let deliveries = SharedQueue::new("fleet-deliveries.fifo", settings(options.attempts()));
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
            fan_out: Mapping::new(&events, EVENT_BATCH),
            deliver: Mapping::new(&deliveries, DELIVERY_BATCH),
            endpoint: services.serve().await?,
            events,
            deliveries,
            given_up,
            receivers,
            services,
            options,
        })
    }

    /// What it was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Has these events arrive, in their order.
    pub fn publish_all(&self, events: &[Event]) {
        for event in events {
            self.publish(event);
        }
    }

    /// Has an event arrive, as SNS puts it into the event queue.
    pub fn publish(&self, event: &Event) {
        self.events.send(NewMessage {
            group: event.subject.clone(),
            deduplication_id: event.deduplication_id(),
            body: serde_json::to_string(event).expect("an event is JSON"),
        });
    }

    /// Where the deliveries of these events are now, one to each subscriber.
    pub fn account(&self, events: &[Event]) -> Account {
        let owed: BTreeSet<_> = events
            .iter()
            .flat_map(|event| {
                let names = self.receivers.manners().keys();
                names.map(|name| format!("{}:{name}", event.id))
            })
            .collect();
        let aside = self.set_aside();
        Account::of(
            &owed,
            &self.receivers.arrivals(),
            &self.deliveries.lock(),
            &aside,
        )
    }

    /// What is set aside, each called `<event's id>:<subscriber>` as fan-out calls it.
    pub fn set_aside(&self) -> BTreeSet<String> {
        let bucket = self.services.bucket();
        let name = |body: &String| {
            let delivery: Value = serde_json::from_str(body).ok()?;
            let id = delivery["event"]["id"].as_str()?;
            Some(format!("{id}:{}", delivery["subscriber"].as_str()?))
        };
        bucket.objects.values().filter_map(name).collect()
    }

    /// Whether every event was fanned out and every delivery accepted or given up.
    pub fn is_settled(&self) -> bool {
        self.events.lock().is_empty() && self.deliveries.lock().is_empty()
    }

    /// The variables that the template gives fan-out.
    pub fn fan_out_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SUBSCRIBERS_PATH", SUBSCRIBERS_PATH.to_owned()),
            (
                "SUBSCRIBER_CACHE_SECONDS",
                self.options.cache.as_secs().to_string(),
            ),
            ("DELIVERY_QUEUE_URL", self.deliveries.url(&self.endpoint)),
            ("INVALIDATION_QUEUE_URL", String::new()),
            ("METRICS_NAMESPACE", "wagrun/fleet".to_owned()),
            ("AWS_MAX_ATTEMPTS", "5".to_owned()),
        ]
    }

    /// The variables that the template gives deliver.
    pub fn deliver_environment(&self) -> Vec<(&'static str, String)> {
        let waits = self.options.retry_seconds.iter().map(u32::to_string);
        let waits: Vec<_> = waits.collect();
        let mut environment = self.fan_out_environment();
        environment.extend([
            ("RETRY_SECONDS", waits.join(",")),
            ("MAX_ATTEMPTS", self.options.attempts().to_string()),
            ("ALLOW_HTTP_WEBHOOKS", "true".to_owned()),
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
