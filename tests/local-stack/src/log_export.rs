//! Emulates the way of the second doorbell on AWS: the log export of Aurora, CloudWatch, and the subscription filter.
//!
//! [`records`] groups the server's log into records. [`subscription`] applies the filter of `template.yaml`, and packs the
//! matching records as CloudWatch does. The result goes to content-events. On AWS a line takes some seconds, but here it does
//! not wait. A test that needs a late or repeated payload sends it itself.

mod error;
mod records;
mod server_log;
mod subscription;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::deployment::Deployment;
use testing::progress::Progress;

pub use error::LogExportError;
pub use server_log::ServerLog;
pub use subscription::Subscription;

/// The time between two reads of the log.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The time between two attempts to send a payload.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A running export. Dropping it ends the export.
#[derive(Debug)]
pub struct LogExport {
    task: JoinHandle<()>,
}

impl LogExport {
    /// Sends the matching records of this log to the deployed content-events from now on, asynchronously, as CloudWatch does.
    pub fn start(
        log: ServerLog,
        deployment: &Deployment,
        progress: &Progress,
    ) -> Result<Self, LogExportError> {
        let export = Export {
            log,
            subscription: Subscription::of_template()?,
            deployment: deployment.clone(),
            progress: progress.clone(),
        };
        Ok(Self {
            task: tokio::spawn(export.run()),
        })
    }
}

impl Drop for LogExport {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes the next database that is migrated ring by its log alone, and exports that log.
///
/// The template accepts `Doorbell=Logs` only together with Aurora, which the emulator does not have. So the environment of
/// migrate is changed instead.
pub async fn ring_by_log(
    log: ServerLog,
    deployment: &Deployment,
    progress: &Progress,
) -> Result<LogExport, LogExportError> {
    let function = deployment.output("MigrateFunctionName")?;
    let path = format!("/2015-03-31/functions/{function}/configuration");
    let configuration = deployment.aws().get("lambda", &path).await?;
    let configuration: Value = serde_json::from_str(&configuration)?;
    let mut environment = configuration["Environment"].clone();
    environment["Variables"]["DOORBELL"] = "Logs".into();
    let change = json!({"Environment": environment});
    deployment.aws().put("lambda", &path, &change).await?;
    LogExport::start(log, deployment, progress)
}

struct Export {
    log: ServerLog,
    subscription: Subscription,
    deployment: Deployment,
    progress: Progress,
}

impl Export {
    /// Exports records until the log cannot be read.
    async fn run(mut self) {
        loop {
            match self.log.records().await {
                Ok(records) => {
                    if let Some(payload) = self.subscription.payload(&records) {
                        self.deliver(&payload).await;
                    }
                }
                Err(error) => return self.report(&error),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Sends the payload until it is accepted, as CloudWatch does for a day.
    async fn deliver(&self, payload: &Value) {
        while let Err(error) = self.invoke(payload).await {
            self.report(&error);
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    async fn invoke(&self, payload: &Value) -> Result<(), LogExportError> {
        let function = self.deployment.output("ContentEventsFunctionName")?;
        let aws = self.deployment.aws();
        Ok(aws.invoke_asynchronously(function, payload).await?)
    }

    fn report(&self, error: &LogExportError) {
        let error = wagrun_lambda::telemetry::chain(error);
        self.progress.step(&format!("exporting the log: {error}"));
    }
}
