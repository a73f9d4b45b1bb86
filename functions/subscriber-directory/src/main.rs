//! Starts subscriber-directory: see the library's documentation.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;
use subscriber_directory::{Config, Writer, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_environment()?;
    let aws = wagrun_lambda::aws::config().await;
    let writer = &Writer::new(&aws, config);
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Box::pin(handle(writer, &event.payload)).await
    }))
    .await
}
