//! Prepared answers of SSM, SQS, SNS and the targets, and the function that runs against them.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json, value::RawValue};
use testing::replay::Replay;
use wagrun_delivery::queue::DeliveryQueue;
use wagrun_delivery::subscriber::{RetrySchedule, Rules, Schemes, SubscriberStore};
use wagrun_event_topic::EventTopic;
use wagrun_lambda::metric::Metrics;

use super::cloud::Cloud;
use crate::backlog::{BacklogStore, Backlogs, Bucket, Crowding, Pacing, PacingLimits};
use crate::delivery::Deliverer;
use crate::sqs::Queue;
use crate::subscriber_health::{Parameters, SubscriberHealth, Topic};
use crate::target::{CloudFrontClient, EventBridgeClient, Reach, Targets, Timeouts, WebhookClient};
use crate::{Answer, Handler, handle};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const OTHER_SECRET: &str = "whsec_b3RoZXIgc2VjcmV0IGZvciByb3RhdGlvbiE=";
pub const EVENT_ID: &str = "0f2c8f6e-7d1b-4c8e-9a53-000000000001";
// Neither spaces nor the order of fields nor escapes may change on the way.
pub const EVENT: &str = r#"{"specversion":"1.0", "id":"0f2c8f6e-7d1b-4c8e-9a53-000000000001","source":"/wagrun/test","type":"wagtail.page.published","subject":"page/4","time":"2026-11-21T21:46:46.426651Z","datacontenttype":"application/json","partitionkey":"page/4","sequence":"0000000000001106","data":{"title":"Z\u00fcrich","id":4}}"#;

/// The time of every test, by which webhooks are signed.
pub fn now() -> Timestamp {
    // Verifiers look at the clock, so it is that of today, to the second as webhooks have it.
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    *NOW.get_or_init(|| Timestamp::from_second(Timestamp::now().as_second()).unwrap())
}

pub fn subscriber(url: &str, rest: Value) -> String {
    let mut subscriber = json!({"target": "webhook", "url": url, "secrets": [SECRET]});
    let fields = rest.as_object().unwrap().clone();
    subscriber.as_object_mut().unwrap().extend(fields);
    subscriber.to_string()
}

pub fn parameters(subscribers: &[(&str, String)]) -> (u16, String) {
    let parameters: Vec<_> = subscribers
        .iter()
        .map(|(name, value)| json!({"Name": format!("/wagrun/subscribers/{name}"), "Value": value}))
        .collect();
    (200, json!({"Parameters": parameters}).to_string())
}

pub fn delivery(subscriber: &str) -> String {
    format!(r#"{{"subscriber":"{subscriber}","event":{EVENT}}}"#)
}

/// Returns a delivery of another event of another object.
pub fn delivery_of(subscriber: &str, subject: &str, number: u32) -> String {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["subject"] = json!(subject);
    event["partitionkey"] = json!(subject);
    event["data"]["number"] = json!(number);
    json!({"subscriber": subscriber, "event": event}).to_string()
}

/// Returns the answer of `GetParameter`.
pub fn parameter(version: i64, value: &str) -> (u16, String) {
    let parameter = json!({"Value": value, "Version": version, "Type": "SecureString"});
    (200, json!({"Parameter": parameter}).to_string())
}

/// Returns the answer of `PutParameter`.
pub fn written(version: i64) -> (u16, String) {
    (
        200,
        json!({"Version": version, "Tier": "Standard"}).to_string(),
    )
}

pub struct World {
    pub handler: Handler,
    pub ssm: Replay,
    pub sns: Replay,
    pub target: Replay,
    pub sqs: Replay,
    /// The parts of AWS that backlogs use.
    pub cloud: Cloud,
}

impl World {
    /// Prepares these answers of SSM. SQS accepts every new visibility, and SNS every event.
    pub fn new(ssm: Vec<(u16, String)>) -> Self {
        Self::with_sqs(ssm, vec![(200, "{}".into()); 8])
    }

    pub fn with_sqs(ssm: Vec<(u16, String)>, sqs: Vec<(u16, String)>) -> Self {
        Self::with(ssm, sqs, Vec::new())
    }

    /// Prepares answers of EventBridge or CloudFront as well.
    pub fn with(
        ssm: Vec<(u16, String)>,
        sqs: Vec<(u16, String)>,
        target: Vec<(u16, String)>,
    ) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (ssm, sqs, target) = (Replay::new(ssm), Replay::new(sqs), Replay::new(target));
        // SNS speaks XML.
        let published = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>";
        let sns = Replay::new(vec![(200, published); 2]);
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            total: Duration::from_millis(500),
        };
        let cloud = Cloud::default();
        let deliverer = Deliverer {
            backlogs: backlogs(&cloud),
            subscribers: subscribers(&ssm),
            health: health(&ssm, &sns),
            targets: Targets {
                webhooks: WebhookClient::new(timeouts, Reach::Anywhere).unwrap(),
                event_bridge: EventBridgeClient::new(aws_sdk_eventbridge::Client::new(
                    &target.config(),
                )),
                cloud_front: CloudFrontClient::new(aws_sdk_cloudfront::Client::new(
                    &target.config(),
                )),
            },
            schedule: RetrySchedule::default(),
            metrics: Metrics::new("wagrun/test"),
            clock: now,
        };
        let queue = |name: &str| {
            let url = format!("https://sqs.example.org/1/{name}");
            Queue::new(aws_sdk_sqs::Client::new(&sqs.config()), url)
        };
        let handler = Handler {
            deliverer,
            deliveries: queue("deliveries.fifo"),
            invalidations: Some(queue("invalidations")),
            jitter: || 1.0,
        };
        Self {
            handler,
            ssm,
            sns,
            target,
            sqs,
            cloud,
        }
    }

    /// Prepares other answers of SSM for the subscribers.
    pub fn answer_ssm(&mut self, ssm: Vec<(u16, String)>) {
        self.ssm = Replay::new(ssm);
        self.handler.deliverer.subscribers = subscribers(&self.ssm);
    }

    /// Prepares other answers of SSM for the health of subscribers.
    pub fn answer_health(&mut self, ssm: Vec<(u16, String)>) {
        self.ssm = Replay::new(ssm);
        self.handler.deliverer.health = health(&self.ssm, &self.sns);
    }

    /// Lets the health of subscribers call nothing from now on.
    pub fn forget_health(&mut self) {
        self.handler.deliverer.health =
            health(&Replay::new(Vec::<(u16, String)>::new()), &self.sns);
    }

    /// Lets SNS refuse every event from now on.
    pub fn refuse_events(&mut self) {
        self.sns = Replay::new(vec![(403, "")]);
        self.handler.deliverer.health = health(&self.ssm, &self.sns);
    }

    /// Handles one record. Returns true when it was reported as failed.
    pub async fn fails(&self, body: &str, attempt: u32) -> bool {
        self.fails_sent_at(body, attempt, Timestamp::UNIX_EPOCH)
            .await
    }

    pub async fn fails_sent_at(&self, body: &str, attempt: u32, sent_at: Timestamp) -> bool {
        self.fails_as(body, attempt, sent_at, 1).await
    }

    /// Handles one record of a FIFO queue with this sequence number.
    pub async fn fails_numbered(&self, body: &str, attempt: u32, number: u64) -> bool {
        self.fails_as(body, attempt, Timestamp::UNIX_EPOCH, number)
            .await
    }

    async fn fails_as(&self, body: &str, attempt: u32, sent_at: Timestamp, number: u64) -> bool {
        let record = json!({
            "messageId": "m1", "receiptHandle": "handle", "body": body,
            "attributes": {
                "MessageGroupId": "lane", "ApproximateReceiveCount": attempt.to_string(),
                "SentTimestamp": sent_at.as_millisecond().to_string(),
                "SequenceNumber": number.to_string(),
            },
        });
        let Answer::Batch(answer) = self.ask(&json!({"Records": [record]})).await else {
            panic!("not an answer to a batch");
        };
        let failures = answer.batch_item_failures;
        assert!(
            failures
                .iter()
                .all(|failure| failure.item_identifier == "m1")
        );
        !failures.is_empty()
    }

    /// Invokes the function.
    pub async fn ask(&self, payload: &Value) -> Answer {
        let payload = RawValue::from_string(payload.to_string()).unwrap();
        handle(&self.handler, &payload).await.unwrap()
    }

    /// Returns the parameters that were written: name and JSON.
    pub fn written(&self) -> Vec<(String, Value)> {
        let requests = self.ssm.requests().into_iter();
        let puts = requests.filter(|request| request.operation == "AmazonSSM.PutParameter");
        puts.map(|request| {
            let call: Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(call["Overwrite"], true);
            // A type would create the parameter anew when its owner has just deleted it.
            assert!(call.get("Type").is_none());
            let value = serde_json::from_str(call["Value"].as_str().unwrap()).unwrap();
            (call["Name"].as_str().unwrap().to_owned(), value)
        })
        .collect()
    }

    /// Returns the visibility timeouts that were set.
    pub fn delays(&self) -> Vec<i64> {
        self.sqs
            .requests()
            .iter()
            .map(|request| {
                assert_eq!(request.operation, "AmazonSQS.ChangeMessageVisibility");
                let call: Value = serde_json::from_str(&request.body).unwrap();
                assert_eq!(
                    call["QueueUrl"],
                    "https://sqs.example.org/1/deliveries.fifo"
                );
                assert_eq!(call["ReceiptHandle"], "handle");
                call["VisibilityTimeout"].as_i64().unwrap()
            })
            .collect()
    }
}

pub const RULES: Rules = Rules {
    schemes: Schemes::HttpOrHttps,
    max_attempts: Some(8),
};

pub fn subscribers(ssm: &Replay) -> SubscriberStore {
    let max_age = Duration::from_secs(30);
    SubscriberStore::new(&ssm.config(), "/wagrun/subscribers", max_age, RULES)
}

fn backlogs(cloud: &Cloud) -> Backlogs {
    let aws = cloud.config();
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let url = |name: &str| format!("https://sqs.example.org/1/{name}");
    Backlogs {
        store: BacklogStore::new(
            aws_sdk_ssm::Client::new(&aws),
            "/wagrun/backlogs",
            Duration::from_secs(30),
        ),
        bucket: Bucket::new(aws_sdk_s3::Client::new(&aws), "backlogs".into()),
        deliveries: DeliveryQueue::deliveries(sqs.clone(), url("deliveries.fifo")),
        dead_letters: DeliveryQueue::dead_letters(sqs.clone(), url("dead.fifo")),
        crowding: Crowding::new(Queue::new(sqs, url("deliveries.fifo")), 100),
        pacing: Pacing::new(PacingLimits {
            slow_attempt: Duration::from_millis(50),
            ..PacingLimits::new(4)
        }),
        settling_time: Backlogs::settling_time(Duration::from_secs(30)),
        probes: Mutex::new(HashMap::new()),
    }
}

fn health(ssm: &Replay, sns: &Replay) -> SubscriberHealth {
    SubscriberHealth::new(
        Parameters::new(aws_sdk_ssm::Client::new(&ssm.config())),
        Topic::new(
            EventTopic::new(
                aws_sdk_sns::Client::new(&sns.config()),
                "arn:aws:sns:eu-central-1:1:events.fifo".into(),
            ),
            "/wagrun/test".into(),
        ),
    )
}
