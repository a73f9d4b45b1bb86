//! Starts custom-domain: see the library's documentation.

use std::process::ExitCode;

use custom_domain::{CustomDomains, handle};
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

async fn serve() -> Result<(), Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "the process already has a TLS provider")?;
    let sdk = wagrun_lambda::aws::config().await;
    let domains = CustomDomains::new(aws_sdk_apprunner::Client::new(&sdk));
    lambda_runtime::run(service_fn(async |event| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Box::pin(handle(&domains, event)).await
    }))
    .await
}
