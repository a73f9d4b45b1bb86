//! Starts migrate: see the library's documentation.

use std::process::ExitCode;

use lambda_runtime::{Error, service_fn};
use migrate::{Config, Migrator, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

async fn serve() -> Result<(), Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "the process already has a TLS provider")?;
    let mut config = Config::from_environment()?;
    let sdk = wagrun_lambda::aws::config().await;
    config.database.sign_with(&sdk)?;
    let migrator = Migrator::new(config, &sdk);
    lambda_runtime::run(service_fn(async |event| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Box::pin(handle(&migrator, event)).await
    }))
    .await
}
