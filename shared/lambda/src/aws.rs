//! The AWS SDK's configuration, with ring as its TLS provider.

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

/// Loads region, credentials and endpoint from the function's environment. Creates no client yet.
pub async fn config() -> SdkConfig {
    loader().load().await
}

/// Begins a configuration with ring as its TLS provider.
pub fn loader() -> ConfigLoader {
    let https = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(https)
}
