//! The services that fan-out and deliver call, at one address: SQS and SSM in their JSON protocols, and a bucket of S3.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::mapping::SharedQueue;
use super::options::BACKLOG_BUCKET;
use super::parameters::Parameters;
use super::queue::NewMessage;
use super::refusal::{Refusal, text};
use crate::bucket_in_memory::{BucketInMemory, Conditions};

/// The services behind one address.
#[derive(Debug)]
pub struct Services {
    /// The queues. The end of a URL names one.
    pub queues: Vec<Arc<SharedQueue>>,
    parameters: Mutex<Parameters>,
    bucket: Mutex<BucketInMemory>,
    calls: Mutex<BTreeMap<String, usize>>,
}

impl Services {
    /// The services with these queues and parameters, and an empty bucket.
    pub fn new(queues: Vec<Arc<SharedQueue>>, parameters: Parameters) -> Arc<Self> {
        Arc::new(Self {
            queues,
            parameters: Mutex::new(parameters),
            bucket: Mutex::default(),
            calls: Mutex::default(),
        })
    }

    /// Listens on a free port of 127.0.0.1, and returns the address for `AWS_ENDPOINT_URL`.
    pub async fn serve(self: &Arc<Self>) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(self));
        // An object may be larger than axum takes otherwise.
        let router = router.layer(DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(endpoint)
    }

    /// Returns the parameters of SSM.
    pub fn parameters(&self) -> MutexGuard<'_, Parameters> {
        lock(&self.parameters)
    }

    /// Returns the bucket for deliveries that are set aside.
    pub fn bucket(&self) -> MutexGuard<'_, BucketInMemory> {
        lock(&self.bucket)
    }

    /// Returns the number of calls of each operation. Refused calls are counted apart, as `<operation> <error>`.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        lock(&self.calls).clone()
    }

    /// Executes a request. `operation` is the header `x-amz-target`, which requests to S3 do not have. The second value is the
    /// ETag of an object.
    pub fn execute(
        &self,
        operation: Option<&str>,
        method: &str,
        path: &str,
        conditions: &Conditions,
        body: &[u8],
    ) -> (StatusCode, Option<String>, String) {
        // Only requests to S3 have a path. It begins with the bucket.
        if let Some(path) = path.strip_prefix(&format!("/{BACKLOG_BUCKET}")) {
            let body = String::from_utf8_lossy(body);
            let answer = self.bucket().answer_if(method, path, conditions, &body);
            *lock(&self.calls)
                .entry(format!("S3 {method} {}", answer.status))
                .or_default() += 1;
            let status = StatusCode::from_u16(answer.status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, answer.etag, answer.body);
        }
        let (status, answer) = self.execute_json(operation, body);
        (status, None, answer)
    }

    fn execute_json(&self, operation: Option<&str>, body: &[u8]) -> (StatusCode, String) {
        let operation = operation.unwrap_or("(none of a JSON protocol)");
        let body = serde_json::from_slice(body).unwrap_or_default();
        let result = self.call(operation, &body);
        let called = match &result {
            Ok(_) => operation.to_owned(),
            Err(refusal) => format!("{operation} {}", refusal.name),
        };
        *lock(&self.calls).entry(called).or_default() += 1;
        match result {
            Ok(answer) => (StatusCode::OK, answer.to_string()),
            Err(Refusal { name, message }) => (
                StatusCode::BAD_REQUEST,
                json!({"__type": name, "message": message}).to_string(),
            ),
        }
    }

    fn call(&self, operation: &str, body: &Value) -> Result<Value, Refusal> {
        match operation {
            "AmazonSQS.SendMessageBatch" => self.send_message_batch(body),
            "AmazonSQS.ChangeMessageVisibility" => {
                let queue = self.queue(body)?;
                hide(queue, body)?;
                Ok(json!({}))
            }
            "AmazonSQS.ChangeMessageVisibilityBatch" => self.hide_batch(body),
            "AmazonSQS.GetQueueAttributes" => {
                let queue = self.queue(body)?.lock();
                let visible = queue.len() - queue.in_flight();
                Ok(json!({"Attributes": {
                    "ApproximateNumberOfMessages": visible.to_string(),
                    "ApproximateNumberOfMessagesNotVisible": queue.in_flight().to_string(),
                    "ApproximateNumberOfMessagesDelayed": "0",
                }}))
            }
            "AmazonSSM.GetParametersByPath" => self.parameters().by_path(body),
            "AmazonSSM.GetParameterHistory" => self.parameters().history(body),
            "AmazonSSM.GetParameter" => self.parameters().get(body),
            "AmazonSSM.GetParameters" => self.parameters().get_several(body),
            "AmazonSSM.PutParameter" => self.parameters().put(body),
            "AmazonSSM.DeleteParameter" => self.parameters().delete(body),
            _ => Err(Refusal {
                name: "UnknownOperationException",
                message: format!("this endpoint does not know the operation {operation:?}"),
            }),
        }
    }

    fn send_message_batch(&self, body: &Value) -> Result<Value, Refusal> {
        let queue = self.queue(body)?;
        let mut successful = Vec::new();
        for entry in body["Entries"].as_array().into_iter().flatten() {
            let id = queue.send(NewMessage {
                group: text(entry, "MessageGroupId")?.to_owned(),
                deduplication_id: text(entry, "MessageDeduplicationId")?.to_owned(),
                body: text(entry, "MessageBody")?.to_owned(),
            });
            successful.push(json!({"Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": ""}));
        }
        Ok(json!({"Successful": successful, "Failed": []}))
    }

    fn hide_batch(&self, body: &Value) -> Result<Value, Refusal> {
        let queue = self.queue(body)?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in body["Entries"].as_array().into_iter().flatten() {
            match hide(queue, entry) {
                Ok(()) => successful.push(json!({"Id": entry["Id"]})),
                Err(refusal) => failed.push(json!({
                    "Id": entry["Id"], "Code": refusal.name, "Message": refusal.message,
                    "SenderFault": true,
                })),
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }

    fn queue(&self, body: &Value) -> Result<&Arc<SharedQueue>, Refusal> {
        let url = text(body, "QueueUrl")?;
        let name = url.rsplit('/').next();
        let mut queues = self.queues.iter();
        let queue = queues.find(|queue| Some(queue.name()) == name);
        queue.ok_or_else(|| Refusal {
            name: "QueueDoesNotExist",
            message: url.to_owned(),
        })
    }
}

fn hide(queue: &SharedQueue, body: &Value) -> Result<(), Refusal> {
    let invalid = |message: &str| Refusal {
        name: "InvalidParameterValue",
        message: message.to_owned(),
    };
    let receipt = text(body, "ReceiptHandle")?;
    let receipt = receipt.parse().map_err(|_| invalid("ReceiptHandle"))?;
    let seconds = body["VisibilityTimeout"].as_u64();
    let seconds = seconds.ok_or_else(|| invalid("VisibilityTimeout"))?;
    if queue.change_visibility(receipt, Duration::from_secs(seconds)) {
        return Ok(());
    }
    Err(Refusal {
        name: "MessageNotInflight",
        message: "the receipt is not the last one".to_owned(),
    })
}

async fn answer(
    State(services): State<Arc<Services>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let conditions = Conditions {
        if_match: header("if-match").map(str::to_owned),
        if_none_match: header("if-none-match").map(str::to_owned),
    };
    let operation = header("x-amz-target");
    let (status, etag, text) =
        services.execute(operation, method.as_str(), path, &conditions, &body);
    let etag = etag.and_then(|etag| HeaderValue::from_str(&etag).ok());
    let etag = etag.map(|etag| (ETAG, etag));
    (status, etag.into_iter().collect(), text)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
