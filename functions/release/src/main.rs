//! Starts the function: see the library's documentation.

use std::process::ExitCode;

use jiff::Timestamp;
use lambda_runtime::{Error, service_fn};
use release::{Config, Handler, Queue, Releaser, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of a deployed function"
)]
async fn serve() -> Result<(), Error> {
    let config = Config::from_environment()?;
    let sdk = wagrun_lambda::aws::config().await;
    let handler = Handler {
        queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), config.queue_url.clone()),
        releaser: Releaser::new(config, &sdk, Timestamp::now),
    };
    lambda_runtime::run(service_fn(async |event| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Box::pin(handle(&handler, event)).await
    }))
    .await
}
