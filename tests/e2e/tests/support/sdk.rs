//! The AWS SDK's configuration for endpoints of the tests.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Builder;
use testing::replay::recorded;

/// An address without a listener, for tests that need nothing of AWS.
pub const UNREACHABLE_ENDPOINT: &str = "http://127.0.0.1:9";

/// Returns a configuration of the AWS SDK that sends every request to this endpoint.
pub fn sdk(endpoint: &str) -> SdkConfig {
    testing::install_crypto();
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .http_client(recorded(Builder::new().build_http()))
        .endpoint_url(endpoint)
        .build()
}
