//! An AWS in memory that answers the requests of the SDK.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};
use testing::replay::Request;

use super::clock;
use super::form;

pub const SERVICE: &str = "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/1";

/// The resources of AWS, and the calls that it received.
#[derive(Debug, Default)]
pub struct Aws {
    /// The state parameter.
    pub parameter: Option<String>,
    /// migrate's image.
    pub migrate_image: String,
    /// The number of `GetFunction` calls that still find migrate busy.
    pub busy_calls: u32,
    /// The number of `GetFunction` calls that find migrate busy after each update.
    pub busy_calls_after_update: u32,
    /// The payloads that migrate was invoked with.
    pub invoked: Vec<Value>,
    /// The status of the App Runner service.
    pub status: String,
    /// The image of the App Runner service.
    pub image: String,
    /// The operations of the App Runner service, newest first.
    pub operations: VecDeque<Value>,
    /// The parameters of each publication.
    pub published: Vec<HashMap<String, String>>,
    /// The digest of each tag.
    pub tags: HashMap<String, String>,
    /// The messages that were sent, with their deduplication id.
    pub sent: Vec<(String, String)>,
    /// The visibility timeouts that were set, in seconds.
    pub visibility_timeouts: Vec<i64>,
    /// The names of all calls.
    pub calls: Vec<String>,
    /// The call that gets no answer.
    pub broken_call: Option<BrokenCall>,
}

/// A call that gets no answer, as in a crash.
#[derive(Debug, Clone, Copy)]
pub struct BrokenCall {
    /// The number of the call, from 0.
    pub number: usize,
    /// True when the call has its effect all the same.
    pub has_effect: bool,
}

impl Aws {
    pub fn answer(&mut self, request: &Request) -> (u16, String) {
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
            Some(broken) if broken.number == number => {
                if broken.has_effect {
                    self.execute(&name, &request.body);
                }
                (500, String::new())
            }
            _ => self.execute(&name, &request.body),
        }
    }

    fn execute(&mut self, name: &str, body: &str) -> (u16, String) {
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
                let busy = self.busy_calls > 0;
                self.busy_calls = self.busy_calls.saturating_sub(1);
                let update = if busy { "InProgress" } else { "Successful" };
                json!({
                    "Configuration": {"State": "Active", "LastUpdateStatus": update},
                    "Code": {"ImageUri": self.migrate_image, "ResolvedImageUri": self.migrate_image},
                })
            }
            "UpdateFunctionCode" => {
                self.migrate_image = json["ImageUri"].as_str().unwrap().to_owned();
                self.busy_calls = self.busy_calls_after_update;
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
                let id = self.start_operation("UPDATE_SERVICE");
                json!({"Service": self.service(), "OperationId": id})
            }
            "StartDeployment" => json!({"OperationId": self.start_operation("START_DEPLOYMENT")}),
            "SendMessage" => {
                let text = |name: &str| json[name].as_str().unwrap().to_owned();
                assert_eq!(text("MessageGroupId"), "release");
                self.sent
                    .push((text("MessageBody"), text("MessageDeduplicationId")));
                json!({"MessageId": "m", "MD5OfMessageBody": "0"})
            }
            "ChangeMessageVisibility" => {
                self.visibility_timeouts
                    .push(json["VisibilityTimeout"].as_i64().unwrap());
                json!({})
            }
            "Publish" => {
                self.published.push(form(body));
                let result = "<PublishResult><MessageId>m</MessageId></PublishResult>";
                return (200, format!("<PublishResponse>{result}</PublishResponse>"));
            }
            other => panic!("no answer to {other}"),
        };
        (200, answer.to_string())
    }

    fn start_operation(&mut self, kind: &str) -> String {
        let id = format!("op-{}", self.operations.len() + 1);
        self.status = "OPERATION_IN_PROGRESS".to_owned();
        self.operations.push_front(json!({
            "Id": id, "Type": kind, "Status": "IN_PROGRESS", "StartedAt": clock::now().as_second(),
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
