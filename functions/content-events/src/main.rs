//! Start-up of `content-events`.

use content_events::{Drainer, config::Config, handler};
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    wagrun::telemetry::init();
    let config = Config::from_environment()?;
    let sdk = wagrun::aws::config().await;
    let drainer = Drainer::new(config, &sdk);
    lambda_runtime::run(service_fn(|event| handler::handle(&drainer, event))).await
}
