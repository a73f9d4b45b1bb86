//! A fake EventBridge Scheduler on a port of its own. It keeps the schedules of one group, and fails as a test sets it.
//! To requests for CloudWatch metrics it answers that the database is paused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::sdk::sdk;

/// Returns the error, as an HTTP status and a name, with which the service refuses a request.
type Refusal = Box<dyn Fn(&Method, &str) -> Option<(u16, &'static str)> + Send>;

#[derive(Default)]
struct Inner {
    schedules: BTreeMap<String, Value>,
    calls: Vec<String>,
    refuses: Option<Refusal>,
}

/// The running service.
#[derive(Clone, Default)]
pub struct FakeScheduler {
    endpoint: String,
    inner: Arc<Mutex<Inner>>,
}

impl FakeScheduler {
    /// Starts the service on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let scheduler = Self {
            endpoint,
            ..Self::default()
        };
        let router = Router::new()
            .fallback(answer)
            .with_state(scheduler.inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        scheduler
    }

    /// Returns a configuration of the SDK for this service, with the SDK's own retries.
    pub fn sdk(&self) -> SdkConfig {
        sdk(&self.endpoint)
    }

    /// Refuses from now on the calls for which `refuses` returns an error.
    pub fn refuse(
        &self,
        refuses: impl Fn(&Method, &str) -> Option<(u16, &'static str)> + Send + 'static,
    ) {
        self.inner.lock().unwrap().refuses = Some(Box::new(refuses));
    }

    /// Refuses nothing any more.
    pub fn recover(&self) {
        self.inner.lock().unwrap().refuses = None;
    }

    /// Returns the names of the schedules.
    pub fn names(&self) -> Vec<String> {
        self.inner
            .lock()
            .unwrap()
            .schedules
            .keys()
            .cloned()
            .collect()
    }

    /// Returns the request with which a schedule was created.
    pub fn schedule(&self, name: &str) -> Value {
        self.inner.lock().unwrap().schedules[name].clone()
    }

    /// Adds a schedule that only has a name.
    pub fn put(&self, name: &str) {
        let schedule = json!({"Name": name});
        let mut inner = self.inner.lock().unwrap();
        inner.schedules.insert(name.to_owned(), schedule);
    }

    /// Returns every call so far, such as `POST publish-20261125T0104Z`.
    pub fn calls(&self) -> Vec<String> {
        self.inner.lock().unwrap().calls.clone()
    }
}

type Answer = (StatusCode, [(HeaderName, &'static str); 1], Vec<u8>);

/// CloudWatch's answer in CBOR: one datapoint of this minute, with nothing pending after one look.
fn paused() -> Vec<u8> {
    let mut body = b"\xa1\x6aDatapoints\x81\xa4\x69Timestamp\xc1\x1a".to_vec();
    let seconds = jiff::Timestamp::now().as_second();
    body.extend(u32::try_from(seconds).unwrap().to_be_bytes());
    body.extend(b"\x67Maximum\xfb\0\0\0\0\0\0\0\0\x67Minimum\xfb\0\0\0\0\0\0\0\0");
    body.extend(b"\x6bSampleCount\xfb\x3f\xf0\0\0\0\0\0\0");
    body
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Answer {
    if uri.path().ends_with("/GetMetricStatistics") {
        let header = (HeaderName::from_static("smithy-protocol"), "rpc-v2-cbor");
        return (StatusCode::OK, [header], paused());
    }
    let mut inner = inner.lock().unwrap();
    let name = uri
        .path()
        .trim_start_matches("/schedules")
        .trim_start_matches('/');
    inner
        .calls
        .push(format!("{method} {name}").trim().to_owned());
    let refusal = inner.refuses.as_ref();
    if let Some((status, error)) = refusal.and_then(|refuses| refuses(&method, name)) {
        return reply(status, error, json!({"Message": "refused by the test"}));
    }
    match method {
        Method::GET => {
            let schedules: Vec<Value> = inner.schedules.values().cloned().collect();
            reply(200, "", json!({"Schedules": schedules}))
        }
        Method::POST if inner.schedules.contains_key(name) => reply(
            409,
            "ConflictException",
            json!({"Message": "the schedule exists"}),
        ),
        Method::POST => {
            let mut schedule: Value = serde_json::from_slice(&body).unwrap();
            schedule["Name"] = json!(name);
            inner.schedules.insert(name.to_owned(), schedule);
            reply(200, "", json!({"ScheduleArn": "arn"}))
        }
        _ if inner.schedules.remove(name).is_none() => reply(
            404,
            "ResourceNotFoundException",
            json!({"Message": "the schedule does not exist"}),
        ),
        _ => reply(200, "", json!({})),
    }
}

fn reply(status: u16, error: &'static str, body: Value) -> Answer {
    let header = (HeaderName::from_static("x-amzn-errortype"), error);
    (
        StatusCode::from_u16(status).unwrap(),
        [header],
        body.to_string().into_bytes(),
    )
}
