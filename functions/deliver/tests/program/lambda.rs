//! A Lambda that stops between the steps of an invocation. Runtime API, AWS and receiver are on one port, and each request
//! waits until the test answers it.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use testing::replay::record;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Mutex, mpsc, oneshot};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Time limit, long enough for a machine that also compiles.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A request of deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The subscribers' parameters are read.
    Subscribers,
    /// The receiver has the whole request: its headers and its body.
    Webhook(HeaderMap, Bytes),
    /// One subscriber's parameter is read, to change it.
    Note,
    /// The message of a failed delivery is hidden.
    Hide,
    /// Lambda is told that the invocation is done, and which messages failed.
    Answer(Value),
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    pub step: Step,
    answer: oneshot::Sender<Response>,
}

/// Everything around the process, and the process while it runs.
pub struct Lambda {
    address: String,
    parameters: Value,
    asked: mpsc::Receiver<Asked>,
    work: mpsc::Sender<Value>,
    process: Option<Process>,
}

struct Process {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

struct Outside {
    asked: mpsc::Sender<Asked>,
    work: Mutex<mpsc::Receiver<Value>>,
}

impl Lambda {
    /// Starts no process. The subscriber `cdn` has these fields besides target, URL and secret.
    pub async fn new(subscriber: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (asked, asks) = mpsc::channel(1);
        let (work, works) = mpsc::channel(1);
        let outside = Arc::new(Outside {
            asked,
            work: Mutex::new(works),
        });
        let router = Router::new().fallback(answer).with_state(outside);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let mut lambda = Self {
            address,
            parameters: Value::Null,
            asked: asks,
            work,
            process: None,
        };
        lambda.set_subscriber(&subscriber);
        lambda
    }

    /// Replaces the parameter of the subscriber `cdn`. It has these fields besides target, URL and secret.
    pub fn set_subscriber(&mut self, fields: &Value) {
        let url = format!("http://{}/hook?token=of-the-url", self.address);
        let mut parameter = json!({"target": "webhook", "url": url, "secrets": [SECRET]});
        let fields = fields.as_object().unwrap().clone();
        parameter.as_object_mut().unwrap().extend(fields);
        let parameter = json!({"Name": "/wagrun/subscribers/cdn", "Value": parameter.to_string(), "Version": 1});
        self.parameters = json!({"Parameters": [parameter]});
    }

    /// Hands a message to the process, which is started if none runs.
    pub async fn invoke(&mut self, message: Value) {
        if self.process.is_none() {
            self.process = Some(self.start());
        }
        self.work.send(json!({"Records": [message]})).await.unwrap();
    }

    fn start(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deliver"));
        command
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", &*self.address),
                ("AWS_LAMBDA_FUNCTION_NAME", "deliver"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
                ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
                ("AWS_ENDPOINT_URL", &format!("http://{}", self.address)),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("SUBSCRIBERS_PATH", "/wagrun/subscribers"),
                ("SUBSCRIBER_CACHE_SECONDS", "0"),
                (
                    "DELIVERY_QUEUE_URL",
                    &format!("http://{}/1/deliveries.fifo", self.address),
                ),
                ("ALLOW_HTTP_WEBHOOKS", "true"),
                ("TOPIC_ARN", "arn:aws:sns:eu-central-1:1:events.fifo"),
                ("EVENT_SOURCE", "/wagrun/test"),
                ("METRICS_NAMESPACE", "wagrun/test"),
                ("BACKLOGS_PATH", "/wagrun/backlogs"),
                ("BACKLOG_BUCKET", "wagrun-backlogs"),
                (
                    "DELIVERY_DEAD_LETTER_QUEUE_URL",
                    &format!("http://{}/1/deliveries-dead.fifo", self.address),
                ),
            ])
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Process { child, stdout }
    }

    /// Returns the next request of the process.
    pub async fn next(&mut self) -> Asked {
        let asked = tokio::time::timeout(WAIT_TIMEOUT, self.asked.recv()).await;
        asked.expect("deliver asks for nothing").unwrap()
    }

    /// Answers a request: the receiver with this status, everything else with success.
    pub fn answer(&self, asked: Asked, status: StatusCode) {
        let answer = match asked.step {
            Step::Subscribers => self.parameters.to_string().into_response(),
            Step::Note => json!({"Parameter": self.parameters["Parameters"][0]})
                .to_string()
                .into_response(),
            Step::Webhook(..) => status.into_response(),
            Step::Hide => "{}".into_response(),
            Step::Answer(_) => StatusCode::ACCEPTED.into_response(),
        };
        // The process may have been killed meanwhile.
        let _ = asked.answer.send(answer);
    }

    /// Kills the process, and drops the requests that wait.
    pub async fn kill(&mut self, asked: Asked) {
        let mut process = self.process.take().unwrap();
        process.child.kill().await.unwrap();
        drop(asked);
    }

    /// Ends the process, and returns its output.
    pub async fn output(mut self) -> Vec<String> {
        let mut process = self.process.take().unwrap();
        process.child.kill().await.unwrap();
        let mut lines = Vec::new();
        while let Some(line) = process.stdout.next_line().await.unwrap() {
            lines.push(line);
        }
        lines
    }
}

async fn answer(
    State(outside): State<Arc<Outside>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let texts = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    if headers.contains_key("x-amz-target") {
        record(method.as_str(), &uri.to_string(), texts, &body);
    }
    let is_about = |text: &str| String::from_utf8_lossy(&body).contains(text);
    let step = match (method.as_str(), uri.path()) {
        ("GET", "/2018-06-01/runtime/invocation/next") => return work(&outside).await,
        ("POST", "/2018-06-01/runtime/invocation/1/response") => {
            Step::Answer(serde_json::from_slice(&body).unwrap())
        }
        ("POST", "/hook") => Step::Webhook(headers, body),
        _ => match headers.get("x-amz-target").map(HeaderValue::as_bytes) {
            // Nothing is set aside here, and nothing waits.
            Some(b"AmazonSSM.GetParametersByPath") if is_about("/wagrun/backlogs") => {
                return r#"{"Parameters": []}"#.into_response();
            }
            Some(b"AmazonSQS.GetQueueAttributes") => {
                let none = json!({"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"});
                return json!({"Attributes": none}).to_string().into_response();
            }
            Some(b"AmazonSSM.GetParametersByPath") => Step::Subscribers,
            Some(b"AmazonSSM.GetParameter") => Step::Note,
            Some(b"AmazonSSM.PutParameter") => return r#"{"Version": 2}"#.into_response(),
            Some(b"AmazonSQS.ChangeMessageVisibility") => Step::Hide,
            other => panic!("{method} {uri} {other:?}: {body:?}"),
        },
    };
    let (answer, answered) = oneshot::channel();
    outside.asked.send(Asked { step, answer }).await.unwrap();
    let refused = StatusCode::SERVICE_UNAVAILABLE;
    answered.await.unwrap_or_else(|_| refused.into_response())
}

async fn work(outside: &Outside) -> Response {
    let Some(work) = outside.work.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let headers = [
        ("lambda-runtime-aws-request-id", "1"),
        ("lambda-runtime-deadline-ms", "4000000000000"),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:1:function:deliver",
        ),
    ];
    let headers = headers.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    (HeaderMap::from_iter(headers), work.to_string()).into_response()
}
