//! Builds the handler with its clients, once, at start-up.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_config::SdkConfig;
use jiff::Timestamp;
use wagrun_delivery::queue::DeliveryQueue;
use wagrun_delivery::subscriber::SubscriberStore;
use wagrun_event_topic::EventTopic;

use crate::backlog::{BacklogStore, Backlogs, Bucket, Crowding, Pacing};
use crate::config::Config;
use crate::delivery::Deliverer;
use crate::handler::Handler;
use crate::sqs::Queue;
use crate::subscriber_health::{Parameters, SubscriberHealth, Topic};
use crate::target::{CloudFrontClient, EventBridgeClient, Targets, Timeouts, WebhookClient};

/// Builds the handler with clients of this AWS configuration. The process's TLS provider must be installed before.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of a deployed function"
)]
pub fn build_handler(aws: &SdkConfig, config: Config) -> Result<Handler, reqwest::Error> {
    let sqs = aws_sdk_sqs::Client::new(aws);
    let ssm = aws_sdk_ssm::Client::new(aws);
    let deliveries = Queue::new(sqs.clone(), config.delivery_queue_url.clone());
    let backlogs = Backlogs {
        store: BacklogStore::new(ssm.clone(), &config.backlogs_path, config.subscriber_cache),
        bucket: Bucket::new(aws_sdk_s3::Client::new(aws), config.backlog_bucket),
        deliveries: DeliveryQueue::deliveries(sqs.clone(), config.delivery_queue_url),
        dead_letters: DeliveryQueue::dead_letters(sqs.clone(), config.dead_letter_queue_url),
        crowding: Crowding::new(deliveries.clone(), config.crowded_at),
        pacing: Pacing::new(config.pacing),
        settling_time: Backlogs::settling_time(config.subscriber_cache),
        probes: Mutex::new(HashMap::new()),
    };
    let topic = EventTopic::new(aws_sdk_sns::Client::new(aws), config.topic_arn);
    let health = SubscriberHealth::new(Parameters::new(ssm), Topic::new(topic, config.source));
    let subscribers = SubscriberStore::new(
        aws,
        &config.subscribers_path,
        config.subscriber_cache,
        config.rules,
    )
    .with_directory_of(aws, config.directory_bucket);
    Ok(Handler {
        deliverer: Deliverer {
            subscribers,
            health,
            backlogs,
            targets: Targets {
                webhooks: WebhookClient::new(Timeouts::default(), config.reach)?,
                event_bridge: EventBridgeClient::new(aws_sdk_eventbridge::Client::new(aws)),
                cloud_front: CloudFrontClient::new(aws_sdk_cloudfront::Client::new(aws)),
            },
            schedule: config.schedule,
            metrics: config.metrics,
            clock: Timestamp::now,
        },
        deliveries,
        invalidations: config
            .invalidation_queue_url
            .map(|url| Queue::new(sqs, url)),
        jitter: || fastrand::f64() * 2.0 - 1.0,
    })
}
