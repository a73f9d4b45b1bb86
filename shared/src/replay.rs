//! For tests: an AWS that gives prepared answers, in their order, and remembers what it was asked.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;

/// The prepared answers, and the requests that came.
#[derive(Debug, Clone)]
pub struct Replay(StaticReplayClient);

/// What a test asserts of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The operation as JSON protocols name it, such as `AmazonSQS.SendMessageBatch`; empty for the query protocol.
    pub operation: String,
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
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "test",
            )))
            .retry_config(RetryConfig::disabled())
            .http_client(self.0.clone())
            .build()
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.0
            .actual_requests()
            .map(|request| Request {
                operation: request
                    .headers()
                    .get("x-amz-target")
                    .unwrap_or_default()
                    .to_owned(),
                body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default())
                    .into_owned(),
            })
            .collect()
    }
}
