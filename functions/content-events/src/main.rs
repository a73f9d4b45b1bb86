//! The Lambda function content-events. The library's documentation describes it.

use std::process::ExitCode;

use content_events::{Config, Drainer};
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

async fn serve() -> Result<(), Error> {
    let mut config = Config::from_environment()?;
    let sdk = wagrun_lambda::aws::config().await;
    config.database.sign_with(&sdk)?;
    let drainer = Drainer::new(config, &sdk);
    lambda_runtime::run(service_fn(async |event| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Box::pin(content_events::handle(&drainer, event)).await
    }))
    .await
}
