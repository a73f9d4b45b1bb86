//! An AWS in memory, played at the wire, and a queue that hands the function one message after another.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testing::replay::{Request, answering};
use wagrun_event::Event;

use super::{config, form};
use crate::config::WebPlatform;
use crate::{Handler, Queue, Releaser, handle};

pub const SERVICE: &str = "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/1";
pub const REPOSITORY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site";
const BEGINNING: i64 = 1_795_000_000;
/// Receives after which the template moves a message to the dead-letter queue.
const MOST_RECEIVES: u32 = 60;

thread_local! {
    /// Seconds since the beginning; a test has a thread of its own.
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_second(BEGINNING + NOW.get()).unwrap()
}

/// An image's digest, from a letter.
pub fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

pub fn uri(letter: &str) -> String {
    format!("{REPOSITORY}@{}", digest(letter))
}

/// What AWS holds, and what it was asked for.
#[derive(Debug, Default)]
pub struct Aws {
    /// The state parameter.
    pub parameter: Option<String>,
    /// migrate's image.
    pub migrate_image: String,
    /// How many more looks at migrate find it busy, and how many after each update.
    pub busy_looks: u32,
    pub slow: u32,
    /// The payloads that migrate was invoked with.
    pub invoked: Vec<Value>,
    /// App Runner's status, image and operations, newest first.
    pub status: String,
    pub image: String,
    pub operations: VecDeque<Value>,
    /// Parameters of every publication.
    pub published: Vec<HashMap<String, String>>,
    /// What tags mean.
    pub tags: HashMap<String, String>,
    /// Messages that were sent, with their de-duplication id.
    pub sent: Vec<(String, String)>,
    /// Visibility timeouts that were set.
    pub waits: Vec<i64>,
    /// Names of the calls.
    pub calls: Vec<String>,
    /// The number of the call whose answer is lost, and whether it has its effect all the same.
    pub broken_call: Option<(usize, bool)>,
}

impl Aws {
    fn answer(&mut self, request: &Request) -> (u16, String) {
        let name = match request.operation.split_once('.') {
            Some((_, operation)) => operation.to_owned(),
            None if request.line.starts_with("POST /2015-03-31/") => "Invoke".to_owned(),
            None if request.line.ends_with("/code") => "UpdateFunctionCode".to_owned(),
            None if request.line.starts_with("GET /2015-03-31/") => "GetFunction".to_owned(),
            None => form(&request.body)["Action"].clone(),
        };
        let number = self.calls.len();
        self.calls.push(name.clone());
        match self.broken_call {
            Some((broken, true)) if broken == number => {
                self.obey(&name, &request.body);
                (500, String::new())
            }
            Some((broken, false)) if broken == number => (500, String::new()),
            _ => self.obey(&name, &request.body),
        }
    }

    fn obey(&mut self, name: &str, body: &str) -> (u16, String) {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let refused = |code: &str| (400, json!({"__type": code, "Message": "no"}).to_string());
        let answer = match name {
            "GetParameter" => match &self.parameter {
                Some(value) => json!({"Parameter": {"Value": value}}),
                None => return refused("ParameterNotFound"),
            },
            "PutParameter" => {
                self.parameter = json["Value"].as_str().map(str::to_owned);
                json!({"Version": 1})
            }
            "DescribeImages" => {
                let id = &json["imageIds"][0];
                let tag = id["imageTag"].as_str().and_then(|tag| self.tags.get(tag));
                match tag
                    .cloned()
                    .or(id["imageDigest"].as_str().map(str::to_owned))
                {
                    Some(digest) => json!({"imageDetails": [{"imageDigest": digest}]}),
                    None => return refused("ImageNotFoundException"),
                }
            }
            "GetFunction" => {
                let busy = self.busy_looks > 0;
                self.busy_looks = self.busy_looks.saturating_sub(1);
                let update = if busy { "InProgress" } else { "Successful" };
                json!({
                    "Configuration": {"State": "Active", "LastUpdateStatus": update},
                    "Code": {"ImageUri": self.migrate_image, "ResolvedImageUri": self.migrate_image},
                })
            }
            "UpdateFunctionCode" => {
                self.migrate_image = json["ImageUri"].as_str().unwrap().to_owned();
                self.busy_looks = self.slow;
                json!({})
            }
            "Invoke" => {
                self.invoked.push(json);
                return (202, String::new());
            }
            "DescribeService" => json!({"Service": self.service()}),
            "ListOperations" => json!({"OperationSummaryList": self.operations}),
            "UpdateService" | "StartDeployment" if self.status != "RUNNING" => {
                return refused("InvalidStateException");
            }
            "UpdateService" => {
                let repository = &json["SourceConfiguration"]["ImageRepository"];
                self.image = repository["ImageIdentifier"].as_str().unwrap().to_owned();
                let id = self.begin("UPDATE_SERVICE");
                json!({"Service": self.service(), "OperationId": id})
            }
            "StartDeployment" => json!({"OperationId": self.begin("START_DEPLOYMENT")}),
            "SendMessage" => {
                let text = |name: &str| json[name].as_str().unwrap().to_owned();
                assert_eq!(text("MessageGroupId"), "release");
                self.sent
                    .push((text("MessageBody"), text("MessageDeduplicationId")));
                json!({"MessageId": "m", "MD5OfMessageBody": "0"})
            }
            "ChangeMessageVisibility" => {
                self.waits.push(json["VisibilityTimeout"].as_i64().unwrap());
                json!({})
            }
            "Publish" => {
                self.published.push(form(body));
                let result = "<PublishResult><MessageId>m</MessageId></PublishResult>";
                return (200, format!("<PublishResponse>{result}</PublishResponse>"));
            }
            other => panic!("nobody plays {other}"),
        };
        (200, answer.to_string())
    }

    fn begin(&mut self, kind: &str) -> String {
        let id = format!("op-{}", self.operations.len() + 1);
        self.status = "OPERATION_IN_PROGRESS".to_owned();
        self.operations.push_front(json!({
            "Id": id, "Type": kind, "Status": "IN_PROGRESS", "StartedAt": now().as_second(),
        }));
        id
    }

    fn service(&self) -> Value {
        json!({
            "ServiceName": "wagrun", "ServiceId": "1", "ServiceArn": SERVICE, "CreatedAt": 1, "UpdatedAt": 1,
            "Status": self.status,
            "SourceConfiguration": {
                "ImageRepository": {"ImageIdentifier": self.image, "ImageRepositoryType": "ECR"},
            },
            "InstanceConfiguration": {}, "NetworkConfiguration": {}, "AutoScalingConfigurationSummary": {},
        })
    }
}

struct Message {
    body: String,
    sent: i64,
    receives: u32,
}

/// The function, its AWS and its queue.
pub struct World {
    aws: Arc<Mutex<Aws>>,
    handler: Handler,
    messages: VecDeque<Message>,
}

impl World {
    /// An App Runner service that runs image 0, as does migrate.
    pub fn new() -> Self {
        Self::on(WebPlatform::AppRunner {
            service_arn: SERVICE.to_owned(),
        })
    }

    pub fn on(platform: WebPlatform) -> Self {
        NOW.set(0);
        let aws = Arc::new(Mutex::new(Aws {
            migrate_image: uri("0"),
            status: "RUNNING".to_owned(),
            image: uri("0"),
            ..Aws::default()
        }));
        let played = Arc::clone(&aws);
        let sdk = answering(move |request| lock(&played).answer(request));
        let config = config(platform);
        let handler = Handler {
            queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), config.queue_url.clone()),
            releaser: Releaser::new(config, &sdk, now),
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

    pub fn wait(&self, seconds: i64) {
        NOW.set(NOW.get() + seconds);
    }

    /// ECR says that an image was pushed under the tag.
    pub fn push(&mut self, letter: &str) {
        let detail = json!({
            "result": "SUCCESS", "repository-name": "team/site", "image-digest": digest(letter),
            "action-type": "PUSH", "image-tag": "prod",
        });
        self.event("ECR Image Action", &detail);
    }

    /// migrate, having been invoked for an image, has ended.
    pub fn migrated(&mut self, letter: &str, result: Result<usize, &str>) {
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
        self.event(
            &format!("Lambda Function Invocation Result - {kind}"),
            &detail,
        );
    }

    /// App Runner ends its newest operation, and says so.
    pub fn operation_ends(&mut self, status: &str, says: &str) {
        let mut aws = self.aws();
        aws.status = "RUNNING".to_owned();
        if let Some(operation) = aws.operations.front_mut() {
            operation["Status"] = json!(status);
        }
        drop(aws);
        self.service_says(says);
    }

    pub fn service_says(&mut self, says: &str) {
        self.event(
            "AppRunner Service Operation Status Change",
            &json!({"operationStatus": says}),
        );
    }

    fn event(&mut self, kind: &str, detail: &Value) {
        let event = json!({
            "detail-type": kind, "source": "aws", "time": now().to_string(), "resources": [SERVICE], "detail": detail,
        });
        self.send(&event);
    }

    pub fn send(&mut self, message: &Value) {
        // Nothing happens at the same second, so that order in time and in the queue are one.
        self.wait(1);
        self.messages.push_back(Message {
            body: message.to_string(),
            sent: (BEGINNING + NOW.get()) * 1000,
            receives: 0,
        });
    }

    /// An invocation that is no batch.
    pub async fn invoke(&self, payload: Value) -> Result<Value, String> {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let answer = handle(&self.handler, LambdaEvent::new(payload, context)).await;
        answer.map_err(|diagnostic| diagnostic.error_message)
    }

    /// Receives the message in front once; whether it stays in the queue.
    pub async fn receive(&mut self) -> bool {
        let message = self.messages.front_mut().unwrap();
        message.receives += 1;
        assert!(
            message.receives <= MOST_RECEIVES,
            "to the dead-letter queue: {}",
            message.body
        );
        let record = json!({
            "messageId": "m1", "receiptHandle": "handle", "body": message.body,
            "attributes": {
                "MessageGroupId": "release",
                "ApproximateReceiveCount": message.receives.to_string(),
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

    /// Hands over every message, in order, each until it is done.
    pub async fn run(&mut self) {
        while !self.messages.is_empty() {
            if self.receive().await {
                let wait = self.aws().waits.last().copied().unwrap_or(180);
                self.wait(wait);
            }
        }
    }

    pub fn state(&self) -> Value {
        let parameter = self.aws().parameter.clone();
        parameter.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    /// The phase of the release under way.
    pub fn phase(&self) -> Option<String> {
        Some(self.state()["current"]["phase"].as_str()?.to_owned())
    }

    /// What went to the event topic.
    pub fn events(&self) -> Vec<Event> {
        self.of_topic("events.fifo", |call| {
            serde_json::from_str(&call["Message"]).unwrap()
        })
    }

    /// Subjects of what went to the alarm topic.
    pub fn mails(&self) -> Vec<String> {
        self.of_topic("alarms", |call| call["Subject"].clone())
    }

    fn of_topic<T>(&self, topic: &str, read: impl Fn(&HashMap<String, String>) -> T) -> Vec<T> {
        let aws = self.aws();
        let calls = aws.published.iter();
        let calls = calls.filter(|call| call["TopicArn"].ends_with(topic));
        calls.map(read).collect()
    }
}

fn lock(aws: &Mutex<Aws>) -> MutexGuard<'_, Aws> {
    aws.lock().unwrap_or_else(PoisonError::into_inner)
}
