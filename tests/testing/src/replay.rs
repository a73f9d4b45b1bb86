//! Replaces AWS in a unit test: [`Replay`] gives prepared answers in their order, [`answering`] calls a function of the test.
//!
//! Every request is recorded in `.local/requests`. After all tests, `tools/check_requests.py` compares the records with the
//! models of AWS.

mod recording;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient, infallible_client_fn};
use aws_smithy_types::body::SdkBody;

use crate::bucket_in_memory::{BucketAnswer, Conditions};

pub use recording::{record, recorded};

/// Prepared answers, and the requests that were answered.
#[derive(Debug, Clone)]
pub struct Replay(StaticReplayClient);

/// A request to AWS, with the parts that tests compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The operation in a JSON protocol, such as `AmazonSQS.SendMessageBatch`. Empty in other protocols.
    pub operation: String,
    /// The method, path and query, such as `PUT /2015-03-31/functions/f/code`. REST protocols name the operation so.
    pub line: String,
    /// The headers that make a request to S3 conditional.
    pub conditions: Conditions,
    /// The body of the request.
    pub body: String,
}

/// An answer of AWS: an HTTP status and a body, or that of a bucket.
#[derive(Debug, Clone)]
pub struct Answer(BucketAnswer);

impl From<(u16, String)> for Answer {
    fn from((status, body): (u16, String)) -> Self {
        let etag = None;
        Self(BucketAnswer { status, etag, body })
    }
}

impl From<BucketAnswer> for Answer {
    fn from(answer: BucketAnswer) -> Self {
        Self(answer)
    }
}

impl Replay {
    /// Prepares answers, each an HTTP status and a body. A request after the last answer fails.
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

    /// Returns a configuration for clients, which then receive these answers. They do not retry.
    pub fn config(&self) -> SdkConfig {
        base()
            .into_builder()
            .http_client(recorded(self.0.clone()))
            .build()
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.0
            .actual_requests()
            .map(|request| {
                let header = |name: &str| request.headers().get(name).map(str::to_owned);
                Request::new(header, request.method(), request.uri(), request.body())
            })
            .collect()
    }
}

impl Request {
    fn new(
        header: impl Fn(&str) -> Option<String>,
        method: &str,
        uri: &str,
        body: &SdkBody,
    ) -> Self {
        let uri: http::Uri = uri.parse().expect("an address that the SDK made");
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Self {
            operation: header("x-amz-target").unwrap_or_default(),
            line: format!("{method} {path}"),
            conditions: Conditions {
                if_match: header("if-match"),
                if_none_match: header("if-none-match"),
            },
            body: String::from_utf8_lossy(body.bytes().unwrap_or_default()).into_owned(),
        }
    }
}

/// Returns a configuration for clients, whose requests `answer` answers with an HTTP status and a body, or as a bucket does.
///
/// Use it if an answer depends on the request. The clients do not retry.
pub fn answering<A: Into<Answer>>(
    answer: impl Fn(&Request) -> A + Send + Sync + 'static,
) -> SdkConfig {
    let client = infallible_client_fn(move |request| {
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let (method, uri) = (request.method().as_str(), request.uri().to_string());
        let request = Request::new(header, method, &uri, request.body());
        let Answer(BucketAnswer { status, etag, body }) = answer(&request).into();
        let mut response = http::Response::builder().status(status);
        if let Some(etag) = etag {
            response = response.header("ETag", etag);
        }
        let response = response.body(SdkBody::from(body));
        response.expect("a valid HTTP status")
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
