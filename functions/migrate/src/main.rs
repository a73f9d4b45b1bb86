//! Start-up of `migrate`.

use lambda_runtime::{Error, service_fn};
use migrate::{Migrator, config::Config, handler};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    wagrun::telemetry::init();
    let config = Config::from_environment()?;
    let sdk = wagrun::aws::config().await;
    let migrator = Migrator::new(config, &sdk);
    lambda_runtime::run(service_fn(|event| handler::handle(&migrator, event))).await
}
