//! Starts deliver: see the library's documentation.

use std::process::ExitCode;

use deliver::{Config, build_handler, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_environment()?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "the process already has a TLS provider")?;
    let aws = wagrun_lambda::aws::config().await;
    let handler = &build_handler(&aws, config)?;
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Box::pin(handle(handler, &event.payload)).await
    }))
    .await
}
