//! Starts deliver: see the library's documentation.

use std::process::ExitCode;

use aws_lambda_events::sqs::SqsEvent;
use deliver::{
    Config, Deliverer, Handler, Health, Parameters, Timeouts, Topic, WebhookClient, handle,
};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use wagrun::subscriber::SubscriberStore;

#[tokio::main]
async fn main() -> ExitCode {
    wagrun::telemetry::init();
    wagrun::telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_environment()?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "the process already has a TLS provider")?;
    let aws = wagrun::aws::config().await;
    let handler = &Handler {
        deliverer: Deliverer {
            subscribers: SubscriberStore::new(
                &aws,
                &config.subscribers_path,
                config.subscriber_cache,
                config.rules,
            ),
            health: Health::new(
                Parameters::new(aws_sdk_ssm::Client::new(&aws)),
                Topic::new(
                    aws_sdk_sns::Client::new(&aws),
                    config.topic_arn,
                    config.source,
                ),
            ),
            webhooks: WebhookClient::new(Timeouts::default())?,
            sqs: aws_sdk_sqs::Client::new(&aws),
            queue_url: config.delivery_queue_url,
            schedule: config.schedule,
        },
        clock: Timestamp::now,
        jitter: || fastrand::f64() * 2.0 - 1.0,
    };
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        // Boxed, because the types of the SDK's futures nest too deeply for the compiler otherwise.
        Ok::<_, Error>(Box::pin(handle(handler, &event.payload)).await)
    }))
    .await
}
