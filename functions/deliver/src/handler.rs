//! The edge: Lambda's types in, Lambda's types out.

use std::str::FromStr;

use aws_config::SdkConfig;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use wagrun::{partial_batch::in_order, subscriber::SubscriberStore};

use crate::{
    Attempt, CloudFrontClient, Config, Deliverer, EventBridgeClient, Health, Parameters, Queue,
    Targets, Timeouts, Topic, WebhookClient,
};

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

/// Attempts each record's delivery, and reports the records that go back to the queue.
pub async fn handle(handler: &Handler, batch: &SqsEvent) -> SqsBatchResponse {
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
        let topic = aws_sdk_sns::Client::new(aws);
        let deliverer = Deliverer {
            subscribers: SubscriberStore::new(
                aws,
                &config.subscribers_path,
                config.subscriber_cache,
                config.rules,
            ),
            health: Health::new(
                Parameters::new(aws_sdk_ssm::Client::new(aws)),
                Topic::new(topic, config.topic_arn, config.source),
            ),
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
            deliveries: Queue::new(sqs.clone(), config.delivery_queue_url),
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
