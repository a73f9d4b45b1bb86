//! Deploys and deletes stacks with the SAM CLI.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use testing::aws::client_environment;
use testing::process::Supervisor;
use testing::progress::{Progress, Wait, wait_until};

use super::build::Build;
use super::cloud_formation::describe;
use super::corrections::correct_emulator;
use super::deployed::Deployment;
use super::error::DeploymentError;
use super::sam::{architecture, sam};
use crate::aws::AwsError;
use crate::emulator::Emulator;
use crate::tools::Tools;

/// The time in which a stack must be deployed or deleted.
const DEPLOY_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Deploys stacks into the emulator, and deletes them.
#[derive(Debug, Clone, Copy)]
pub struct Deployer<'a> {
    /// The root of the checkout.
    pub root: &'a Path,
    /// The tools, with the SAM CLI.
    pub tools: &'a Tools,
    /// The supervisor that runs the SAM CLI.
    pub supervisor: &'a Supervisor,
    /// The emulator into which stacks are deployed.
    pub emulator: &'a Emulator,
    /// The built functions.
    pub build: &'a Build,
}

impl Deployer<'_> {
    /// Creates or updates a stack, with these parameters and those of `tests/parameters.yaml`.
    pub async fn deploy(
        &self,
        stack: &str,
        parameters: &BTreeMap<&str, String>,
    ) -> Result<Deployment, DeploymentError> {
        let mut parameters = parameters.clone();
        parameters.insert("Architecture", architecture().to_owned());
        let file = self.supervisor.directory().join(format!("{stack}.yaml"));
        // JSON is also YAML. In a file the values need no quotes for the command line.
        std::fs::write(&file, json!(parameters).to_string()).map_err(|source| {
            let path = file.clone();
            DeploymentError::File {
                action: "writing",
                path,
                source,
            }
        })?;
        let mut command = self.sam("deploy", stack);
        command
            .arg("--template-file")
            .arg(&self.build.template)
            .arg("--parameter-overrides")
            .arg("file://tests/parameters.yaml")
            .arg(format!("file://{}", file.display()))
            .env("SAM_CLI_POLL_DELAY", "0.2");
        self.supervisor
            .run("sam-deploy", command, DEPLOY_TIMEOUT)
            .await?;

        let deployment = Deployment::existing(self.emulator.aws().clone(), stack).await?;
        correct_emulator(&deployment).await?;
        Ok(deployment)
    }

    /// Deletes a stack, and waits until it does not exist.
    ///
    /// `sam delete` cannot be used: it does not accept the emulator's address of the nested template as one of S3.
    pub async fn delete(&self, stack: &str, progress: &Progress) -> Result<(), DeploymentError> {
        let aws = self.emulator.aws();
        describe(aws, "DeleteStack", stack).await?;
        let is_deleted = || async {
            match describe(aws, "DescribeStacks", stack).await {
                Ok(state) if state.contains("DELETE_COMPLETE") => Ok(Wait::Ready(())),
                Ok(state) if state.contains("DELETE_FAILED") => Err(DeploymentError::Delete(state)),
                Ok(state) => Ok(Wait::NotYet(state)),
                Err(AwsError::Refused { answer, .. }) if answer.contains("does not exist") => {
                    Ok(Wait::Ready(()))
                }
                Err(error) => Err(error.into()),
            }
        };
        Ok(wait_until(
            progress,
            "the deletion of the stack",
            DEPLOY_TIMEOUT,
            is_deleted,
        )
        .await?)
    }

    fn sam(&self, action: &str, stack: &str) -> Command {
        let mut command = sam(self.root, self.tools, self.supervisor);
        command
            .args([action, "--stack-name", stack])
            .args(["--config-env", "local", "--config-file"])
            // By default SAM looks for the file beside the built template.
            .arg(self.root.join("samconfig.toml"))
            .envs(client_environment(self.emulator.endpoint()));
        command
    }
}
