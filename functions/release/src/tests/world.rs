//! The function with an AWS in memory, and a queue that delivers one message after another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testing::replay::answering;
use wagrun_event::Event;

use super::aws::{Aws, SERVICE};
use super::{clock, config};
use crate::config::WebPlatform;
use crate::{Handler, Queue, Releaser, handle};

const REPOSITORY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site";
/// The number of receives after which the template moves a message to the dead-letter queue.
const MAX_RECEIVES: u32 = 60;
/// The visibility timeout of the queue in the template, in seconds.
const QUEUE_VISIBILITY_TIMEOUT: i64 = 180;

/// Returns the digest of the image with this letter.
pub fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

pub fn uri(letter: &str) -> String {
    format!("{REPOSITORY}@{}", digest(letter))
}

struct Message {
    body: String,
    /// The time at which it was sent, in milliseconds since 1970.
    sent: i64,
    receive_count: u32,
}

/// The function, its AWS and its queue.
pub struct World {
    aws: Arc<Mutex<Aws>>,
    handler: Handler,
    messages: VecDeque<Message>,
}

impl World {
    /// Creates a stack with App Runner. The service and migrate have image 0.
    pub fn new() -> Self {
        Self::on(WebPlatform::AppRunner {
            service_arn: SERVICE.to_owned(),
        })
    }

    /// Creates a stack with this platform.
    pub fn on(platform: WebPlatform) -> Self {
        clock::reset();
        let aws = Arc::new(Mutex::new(Aws {
            migrate_image: uri("0"),
            status: "RUNNING".to_owned(),
            image: uri("0"),
            ..Aws::default()
        }));
        let answering_aws = Arc::clone(&aws);
        let sdk = answering(move |request| lock(&answering_aws).answer(request));
        let config = config(platform);
        let handler = Handler {
            queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), config.queue_url.clone()),
            releaser: Releaser::new(config, &sdk, clock::now),
        };
        Self {
            aws,
            handler,
            messages: VecDeque::new(),
        }
    }

    pub fn aws(&self) -> MutexGuard<'_, Aws> {
        lock(&self.aws)
    }

    /// Sends the event of a push under the tag.
    pub fn push(&mut self, letter: &str) {
        let detail = json!({
            "result": "SUCCESS", "repository-name": "team/site", "image-digest": digest(letter),
            "action-type": "PUSH", "image-tag": "prod",
        });
        self.send_event("ECR Image Action", &detail);
    }

    /// Sends the result of a migrate that was invoked for an image.
    pub fn end_migrate(&mut self, letter: &str, result: Result<usize, &str>) {
        let (kind, response) = match result {
            Ok(applied) => (
                "Success",
                json!({"applied_django": vec!["blog.0002"; applied]}),
            ),
            Err(message) => (
                "Failure",
                json!({"errorType": "MigrateFailed", "errorMessage": message}),
            ),
        };
        let detail = json!({
            "requestContext": {"condition": "RetriesExhausted"},
            "requestPayload": {"command": "migrate", "deploy": digest(letter)},
            "responsePayload": response,
        });
        self.send_event(
            &format!("Lambda Function Invocation Result - {kind}"),
            &detail,
        );
    }

    /// Ends the newest operation of App Runner, and sends its event.
    pub fn end_operation(&mut self, status: &str, event: &str) {
        let mut aws = self.aws();
        aws.status = "RUNNING".to_owned();
        if let Some(operation) = aws.operations.front_mut() {
            operation["Status"] = json!(status);
        }
        drop(aws);
        self.send_service_event(event);
    }

    /// Sends an event of App Runner.
    pub fn send_service_event(&mut self, event: &str) {
        self.send_event(
            "AppRunner Service Operation Status Change",
            &json!({"operationStatus": event}),
        );
    }

    fn send_event(&mut self, kind: &str, detail: &Value) {
        let event = json!({
            "detail-type": kind, "source": "aws", "time": clock::now().to_string(), "resources": [SERVICE], "detail": detail,
        });
        self.send(&event);
    }

    pub fn send(&mut self, message: &Value) {
        // Each message has a second of its own, so that order in time is order in the queue.
        clock::advance(1);
        self.messages.push_back(Message {
            body: message.to_string(),
            sent: clock::now().as_millisecond(),
            receive_count: 0,
        });
    }

    /// Invokes the function, and returns its answer or its error message.
    pub async fn invoke(&self, payload: Value) -> Result<Value, String> {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let answer = handle(&self.handler, LambdaEvent::new(payload, context)).await;
        answer.map_err(|diagnostic| diagnostic.error_message)
    }

    /// Delivers the first message once. Returns true when it stays in the queue.
    pub async fn receive(&mut self) -> bool {
        let message = self.messages.front_mut().unwrap();
        message.receive_count += 1;
        assert!(
            message.receive_count <= MAX_RECEIVES,
            "to the dead-letter queue: {}",
            message.body
        );
        let record = json!({
            "messageId": "m1", "receiptHandle": "handle", "body": message.body,
            "attributes": {
                "MessageGroupId": "release",
                "ApproximateReceiveCount": message.receive_count.to_string(),
                "SentTimestamp": message.sent.to_string(),
            },
        });
        let answer = self.invoke(json!({"Records": [record]})).await.unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        let stays = !failures.is_empty();
        if !stays {
            self.messages.pop_front();
        }
        stays
    }

    /// Delivers every message in order, each until it is done.
    pub async fn run(&mut self) {
        while !self.messages.is_empty() {
            if self.receive().await {
                let last = self.aws().visibility_timeouts.last().copied();
                let timeout = last.unwrap_or(QUEUE_VISIBILITY_TIMEOUT);
                clock::advance(timeout);
            }
        }
    }

    /// Returns the saved state.
    pub fn state(&self) -> Value {
        let parameter = self.aws().parameter.clone();
        parameter.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    /// Returns the phase of the release under way.
    pub fn phase(&self) -> Option<String> {
        Some(self.state()["current"]["phase"].as_str()?.to_owned())
    }

    /// Returns the events on the event topic.
    pub fn events(&self) -> Vec<Event> {
        self.published("events.fifo", |call| {
            serde_json::from_str(&call["Message"]).unwrap()
        })
    }

    /// Returns the subjects of the mails on the alarm topic.
    pub fn mails(&self) -> Vec<String> {
        self.published("alarms", |call| call["Subject"].clone())
    }

    fn published<T>(&self, topic: &str, read: impl Fn(&HashMap<String, String>) -> T) -> Vec<T> {
        let aws = self.aws();
        let calls = aws.published.iter();
        let calls = calls.filter(|call| call["TopicArn"].ends_with(topic));
        calls.map(read).collect()
    }
}

fn lock(aws: &Mutex<Aws>) -> MutexGuard<'_, Aws> {
    aws.lock().unwrap_or_else(PoisonError::into_inner)
}
