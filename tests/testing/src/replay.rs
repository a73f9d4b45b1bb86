//! For tests: an AWS that gives prepared answers, in their order, and remembers what it was asked; or one that a function
//! plays. Every request is recorded, to be held against AWS's own models after all tests.

mod recording;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient, infallible_client_fn};
use aws_smithy_types::body::SdkBody;

pub use recording::{record, recorded};

/// The prepared answers, and the requests that came.
#[derive(Debug, Clone)]
pub struct Replay(StaticReplayClient);

/// What a test asserts of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The operation as JSON protocols name it, such as `AmazonSQS.SendMessageBatch`; empty for the query protocol.
    pub operation: String,
    /// Method, path and query, by which REST protocols name the operation, such as `PUT /2015-03-31/functions/f/code`.
    pub line: String,
    /// The body as it was sent.
    pub body: String,
}

impl Replay {
    /// Answers with each HTTP status and body in turn; a request beyond the last fails.
    pub fn new<B: Into<SdkBody>>(answers: impl IntoIterator<Item = (u16, B)>) -> Self {
        let events = answers.into_iter().map(|(status, body)| {
            ReplayEvent::new(
                http::Request::new(SdkBody::empty()),
                http::Response::builder()
                    .status(status)
                    .body(body.into())
                    .expect("a valid HTTP status"),
            )
        });
        Self(StaticReplayClient::new(events.collect()))
    }

    /// A configuration whose clients ask this instead of AWS, without retries.
    pub fn config(&self) -> SdkConfig {
        base()
            .into_builder()
            .http_client(recorded(self.0.clone()))
            .build()
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.0
            .actual_requests()
            .map(|request| {
                let target = request.headers().get("x-amz-target");
                Request::new(target, request.method(), request.uri(), request.body())
            })
            .collect()
    }
}

impl Request {
    fn new(target: Option<&str>, method: &str, uri: &str, body: &SdkBody) -> Self {
        let uri: http::Uri = uri.parse().expect("an address that the SDK made");
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Self {
            operation: target.unwrap_or_default().to_owned(),
            line: format!("{method} {path}"),
            body: String::from_utf8_lossy(body.bytes().unwrap_or_default()).into_owned(),
        }
    }
}

/// A configuration whose clients are answered, with HTTP status and body, by a function: for an AWS that changes with what
/// it is asked.
pub fn answering(answer: impl Fn(&Request) -> (u16, String) + Send + Sync + 'static) -> SdkConfig {
    let client = infallible_client_fn(move |request| {
        let target = request.headers().get("x-amz-target");
        let target = target.map(|target| String::from_utf8_lossy(target.as_bytes()).into_owned());
        let (method, uri) = (request.method().as_str(), request.uri().to_string());
        let request = Request::new(target.as_deref(), method, &uri, request.body());
        let (status, body) = answer(&request);
        http::Response::builder()
            .status(status)
            .body(SdkBody::from(body))
            .expect("a valid HTTP status")
    });
    base().into_builder().http_client(recorded(client)).build()
}

fn base() -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .retry_config(RetryConfig::disabled())
        .build()
}
