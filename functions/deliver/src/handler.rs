//! The edge: Lambda's types in, Lambda's types out.

use std::{collections::HashMap, str::FromStr};

use aws_config::SdkConfig;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use wagrun_delivery::partial_batch::in_order;
use wagrun_delivery::queue::DeliveryQueue;
use wagrun_delivery::subscriber::SubscriberStore;
use wagrun_event_topic::EventTopic;
use wagrun_lambda::telemetry::failed;

use crate::{
    Attempt, BacklogStore, Backlogs, Bucket, CloudFrontClient, Config, Deliverer,
    EventBridgeClient, Health, LookedAfter, Parameters, Queue, Targets, Timeouts, Topic,
    WebhookClient,
};

/// What the schedule sends: `{"look_after": "backlogs"}`; an operator who will not wait adds `"at_once": true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByTheClock {
    /// What is to be looked after.
    pub look_after: Work,
    /// Whether whoever is tried once in a while is tried now.
    #[serde(default)]
    pub at_once: bool,
}

/// What deliver does by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// What was set aside.
    Backlogs,
}

/// What Lambda is answered.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a queue: the records that go back to it.
    Batch(SqsBatchResponse),
    /// To the schedule: each backlog.
    Backlogs(Vec<LookedAfter>),
}

/// What every record needs: the deliverer, its queues, and where time and chance come from.
#[derive(Debug)]
pub struct Handler {
    /// Makes the attempts.
    pub deliverer: Deliverer,
    /// One delivery at a time, in order.
    pub deliveries: Queue,
    /// Many at once, in no order, where there is such a queue.
    pub invalidations: Option<Queue>,
    /// The time now.
    pub clock: fn() -> Timestamp,
    /// A number from -1 to 1.
    pub jitter: fn() -> f64,
}

/// Does what the queues and the schedule ask for.
///
/// # Errors
/// When the payload is neither of the two, and when a backlog could not be looked after.
pub async fn handle(handler: &Handler, payload: &RawValue) -> Result<Answer, Diagnostic> {
    if let Ok(batch) = serde_json::from_str(payload.get()) {
        return Ok(Answer::Batch(deliver(handler, &batch).await));
    }
    // What is no batch was written by somebody, who is told what is wrong with it.
    let asked = serde_json::from_str(payload.get());
    let ByTheClock {
        look_after: Work::Backlogs,
        at_once,
    } = asked.map_err(|error| failed("RequestUnknown", &error))?;
    let looked_after = handler
        .deliverer
        .look_after_backlogs(handler.clock, at_once);
    let looked_after = looked_after.await;
    looked_after
        .map(Answer::Backlogs)
        .map_err(|error| failed("BacklogsNotLookedAfter", &error))
}

/// Attempts each record's delivery, and reports the records that go back to the queue.
async fn deliver(handler: &Handler, batch: &SqsEvent) -> SqsBatchResponse {
    // A batch comes from one queue.
    let source = batch.records.first();
    let source = source.and_then(|record| record.event_source_arn.as_deref());
    if let (Some(queue), Some(arn)) = (&handler.invalidations, source)
        && queue.is_source(arn)
    {
        return purge(handler, queue, batch).await;
    }
    in_order(batch, async |record| {
        let attempt = handler.attempt(record);
        let deliverer = &handler.deliverer;
        deliverer.attempt(&handler.deliveries, &attempt).await
    })
    .await
}

async fn purge(handler: &Handler, queue: &Queue, batch: &SqsEvent) -> SqsBatchResponse {
    let attempts: Vec<_> = batch
        .records
        .iter()
        .map(|one| handler.attempt(one))
        .collect();
    let mut response = SqsBatchResponse::default();
    for message_id in handler.deliverer.purge(queue, &attempts).await {
        response.add_failure(message_id);
    }
    response
}

impl Handler {
    /// With clients of this configuration; the process's TLS provider must be installed before.
    pub fn new(aws: &SdkConfig, config: Config) -> Result<Self, reqwest::Error> {
        let sqs = aws_sdk_sqs::Client::new(aws);
        let ssm = aws_sdk_ssm::Client::new(aws);
        let topic = EventTopic::new(aws_sdk_sns::Client::new(aws), config.topic_arn);
        let deliveries = Queue::new(sqs.clone(), config.delivery_queue_url.clone());
        let deliverer = Deliverer {
            subscribers: SubscriberStore::new(
                aws,
                &config.subscribers_path,
                config.subscriber_cache,
                config.rules,
            ),
            health: Health::new(
                Parameters::new(ssm.clone()),
                Topic::new(topic, config.source),
            ),
            backlogs: Backlogs {
                store: BacklogStore::new(ssm, &config.backlogs_path, config.subscriber_cache),
                bucket: Bucket::new(aws_sdk_s3::Client::new(aws), config.backlog_bucket),
                deliveries: DeliveryQueue::of_deliveries(sqs.clone(), config.delivery_queue_url),
                dead_letters: DeliveryQueue::of_dead_letters(
                    sqs.clone(),
                    config.dead_letter_queue_url,
                ),
                queue: deliveries.clone(),
                crowded_at: config.crowded_at,
                grace: Backlogs::grace(config.subscriber_cache),
                probes: Mutex::new(HashMap::new()),
                crowd: Mutex::new(None),
            },
            targets: Targets {
                webhooks: WebhookClient::new(Timeouts::default(), config.reach)?,
                event_bridge: EventBridgeClient::new(aws_sdk_eventbridge::Client::new(aws)),
                cloud_front: CloudFrontClient::new(aws_sdk_cloudfront::Client::new(aws)),
            },
            schedule: config.schedule,
            metrics: config.metrics,
        };
        Ok(Self {
            deliverer,
            deliveries,
            invalidations: config
                .invalidation_queue_url
                .map(|url| Queue::new(sqs, url)),
            clock: Timestamp::now,
            jitter: || fastrand::f64() * 2.0 - 1.0,
        })
    }

    fn attempt<'a>(&self, record: &'a SqsMessage) -> Attempt<'a> {
        let now = (self.clock)();
        Attempt {
            message_id: record.message_id.as_deref().unwrap_or_default(),
            body: record.body.as_deref().unwrap_or_default(),
            receipt_handle: record.receipt_handle.as_deref().unwrap_or_default(),
            number: attribute(record, "ApproximateReceiveCount").unwrap_or(1),
            sequence_number: record.attributes.get("SequenceNumber").map(String::as_str),
            // Without the attribute the subscribers are read again, which is never wrong.
            sent_at: attribute(record, "SentTimestamp")
                .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
                .unwrap_or(now),
            now,
            jitter: (self.jitter)(),
        }
    }
}

fn attribute<T: FromStr>(record: &SqsMessage, name: &str) -> Option<T> {
    record.attributes.get(name)?.parse().ok()
}
