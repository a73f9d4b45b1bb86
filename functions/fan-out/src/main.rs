//! Starts fan-out: see the library's documentation.

use std::process::ExitCode;

use aws_lambda_events::sqs::SqsEvent;
use fan_out::{Config, FanOut, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use wagrun_delivery::subscriber::SubscriberStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    wagrun_lambda::telemetry::init();
    wagrun_lambda::telemetry::exit_code(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_environment()?;
    let aws = wagrun_lambda::aws::config().await;
    let subscribers = SubscriberStore::new(
        &aws,
        &config.subscribers_path,
        config.subscriber_cache,
        config.rules,
    )
    .with_directory_of(&aws, config.directory_bucket);
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let fan_out = &FanOut::new(
        subscribers,
        &sqs,
        config.delivery_queue_url,
        config.invalidation_queue_url,
    );
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Ok::<_, Error>(Box::pin(handle(fan_out, &event.payload)).await)
    }))
    .await
}
