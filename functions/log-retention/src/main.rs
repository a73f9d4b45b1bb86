//! Starts log-retention: see the library's documentation.

use std::process::ExitCode;

use lambda_runtime::{Error, service_fn};
use log_retention::{Config, LogRetention, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_environment()?;
    let sdk = wagrun_lambda::aws::config().await;
    let log_retention = &LogRetention::new(config, &sdk);
    lambda_runtime::run(service_fn(async |event| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Box::pin(handle(log_retention, event)).await
    }))
    .await
}
