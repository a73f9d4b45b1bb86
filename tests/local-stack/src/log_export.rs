//! The second doorbell's way on AWS, played on this machine: Aurora's log export, CloudWatch, and the subscription filter.
//!
//! The server's log is grouped into records ([`records`]), the filter of `template.yaml` chooses among them, and what it
//! chooses goes to content-events, packed as CloudWatch packs it ([`subscription`]). Nothing here waits as AWS does, where a line
//! takes some seconds. A test that wants a delivery late, or twice, takes the payload and delivers it itself.

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

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two tries to deliver a payload.
const RETRY: Duration = Duration::from_secs(1);

/// An export that runs; dropping it ends it.
#[derive(Debug)]
pub struct LogExport {
    task: JoinHandle<()>,
}

impl LogExport {
    /// Hands what matches of this log to the deployed content-events from now on, asynchronously, as CloudWatch does.
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

/// Has the database that is migrated from now on ring by its log alone, and exports that log.
///
/// The template takes `Doorbell=Logs` only together with Aurora, which the emulator does not have. So migrate is told instead.
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
    /// Exports until the log can't be read.
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
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Tries until the payload is taken, as CloudWatch does for a day.
    async fn deliver(&self, payload: &Value) {
        while let Err(error) = self.invoke(payload).await {
            self.report(&error);
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn invoke(&self, payload: &Value) -> Result<(), LogExportError> {
        let function = self.deployment.output("ContentEventsFunctionName")?;
        let aws = self.deployment.aws();
        Ok(aws.invoke_asynchronously(function, payload).await?)
    }

    fn report(&self, error: &LogExportError) {
        let why = wagrun_lambda::telemetry::chain(error);
        self.progress.step(&format!("exporting the log: {why}"));
    }
}
