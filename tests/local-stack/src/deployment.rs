//! `template.yaml`, built and deployed into the emulator by the SAM CLI.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::{Aws, AwsError};
use crate::emulator::Emulator;
use crate::tools::Tools;
use testing::aws::client_environment;
use testing::process::{ProcessError, Supervisor};
use testing::progress::{Progress, Wait, WaitError, wait_until};

/// The local stack's name, which is also the first part of its SSM and log group names.
pub const STACK: &str = "wagrun-local";
/// A first build compiles every dependency, on a slow machine for a long time.
const BUILD_PATIENCE: Duration = Duration::from_secs(30 * 60);
const DEPLOY_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The functions could not be built or deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// A file could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// `sam` failed.
    #[error(transparent)]
    Sam(#[from] ProcessError),
    /// A call to the emulator failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// CloudFormation could not delete the stack; what it says of it.
    #[error("the stack was not deleted: {0}")]
    Delete(String),
    /// A state that did not come.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The template has no such output, or its condition is false.
    #[error("the stack has no output {0}")]
    Output(String),
}

/// A template whose functions are built, in a directory of this run's own.
#[derive(Debug)]
pub struct Build {
    template: PathBuf,
}

impl Build {
    /// Compiles the functions, sharing the artifacts of `cargo test --target <this machine>`, and collects the binaries.
    pub async fn run(
        root: &Path,
        tools: &Tools,
        supervisor: &Supervisor,
        progress: &Progress,
    ) -> Result<Self, DeploymentError> {
        progress.step("building the functions with sam build");
        let directory = supervisor.directory().join("build");
        // Cargo puts the binaries of all builds in one place, from which SAM takes them.
        let lock = root.join(".local/build.lock");
        let lock = tokio::task::spawn_blocking(move || locked(&lock)).await;
        let _lock = lock.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;

        let mut command = sam(root, tools);
        command
            .args(["build", "--config-env", "local", "--build-dir"])
            .arg(&directory)
            .arg("--parameter-overrides")
            .arg(format!("Architecture={}", architecture()))
            .env("SAM_BUILD_MODE", "debug")
            // Zig, which cargo-lambda links with otherwise, is only needed for another machine than this.
            .env("CARGO_LAMBDA_COMPILER", "cargo");
        supervisor.run("sam-build", command, BUILD_PATIENCE).await?;

        // Half of a debug binary is symbols, which SAM would spend seconds on compressing.
        let mut strip = Command::new("strip");
        strip.args(binaries(&directory)?);
        supervisor.run("strip", strip, DEPLOY_PATIENCE).await?;
        Ok(Self {
            template: directory.join("template.yaml"),
        })
    }
}

/// What stacks are deployed with, and deleted.
#[derive(Debug, Clone, Copy)]
pub struct Deployer<'a> {
    /// The checkout.
    pub root: &'a Path,
    /// The SAM CLI.
    pub tools: &'a Tools,
    /// Runs it.
    pub supervisor: &'a Supervisor,
    /// What it deploys into.
    pub emulator: &'a Emulator,
    /// What it deploys.
    pub build: &'a Build,
}

impl Deployer<'_> {
    /// Creates or updates a stack, with these parameters besides those of `tests/parameters.yaml`.
    pub async fn deploy(
        &self,
        stack: &str,
        parameters: &BTreeMap<&str, String>,
    ) -> Result<Deployment, DeploymentError> {
        let mut parameters = parameters.clone();
        parameters.insert("Architecture", architecture().to_owned());
        let file = self.supervisor.directory().join(format!("{stack}.yaml"));
        // JSON is YAML, and the values need no quoting for SAM's command line.
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
            .run("sam-deploy", command, DEPLOY_PATIENCE)
            .await?;

        let deployment = Deployment::existing(self.emulator.aws().clone(), stack).await?;
        deployment.make_up_for_the_emulator().await?;
        Ok(deployment)
    }

    /// Deletes a stack and waits until it is gone.
    ///
    /// Not by `sam delete`, which takes the emulator's address of the nested template for none of S3's.
    pub async fn delete(&self, stack: &str, progress: &Progress) -> Result<(), DeploymentError> {
        let aws = self.emulator.aws();
        describe(aws, "DeleteStack", stack).await?;
        let gone = || async {
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
        Ok(wait_until(progress, "the end of the stack", DEPLOY_PATIENCE, gone).await?)
    }

    fn sam(&self, action: &str, stack: &str) -> Command {
        let mut command = sam(self.root, self.tools);
        command
            .args([action, "--stack-name", stack])
            .args(["--config-env", "local", "--config-file"])
            // SAM would look for it beside the built template.
            .arg(self.root.join("samconfig.toml"))
            .envs(client_environment(self.emulator.endpoint()));
        command
    }
}

/// The deployed stack.
#[derive(Debug, Clone)]
pub struct Deployment {
    stack: String,
    aws: Aws,
    outputs: HashMap<String, String>,
}

impl Deployment {
    /// A stack that is deployed already.
    pub async fn existing(aws: Aws, stack: &str) -> Result<Self, DeploymentError> {
        let described = describe(&aws, "DescribeStacks", stack).await?;
        Ok(Self {
            stack: stack.to_owned(),
            aws,
            outputs: pairs(&described, "OutputKey", "OutputValue"),
        })
    }

    /// An output of the template.
    pub fn output(&self, name: &str) -> Result<&str, DeploymentError> {
        let value = self.outputs.get(name);
        value
            .map(String::as_str)
            .ok_or_else(|| DeploymentError::Output(name.to_owned()))
    }

    /// A client of the API it is deployed in.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Invokes the function that an output names (`MigrateFunctionName`, …) and waits for what it answers.
    pub async fn invoke(&self, output: &str, payload: &Value) -> Result<Value, DeploymentError> {
        Ok(self.aws.invoke(self.output(output)?, payload).await?)
    }

    /// Creates or replaces a subscriber.
    pub async fn put_subscriber(
        &self,
        name: &str,
        subscriber: &str,
    ) -> Result<(), DeploymentError> {
        let path = self.output("SubscribersPath")?;
        Ok(self
            .aws
            .put_parameter(&format!("{path}/{name}"), subscriber)
            .await?)
    }

    /// A subscriber's parameter as it is now.
    pub async fn subscriber(&self, name: &str) -> Result<Value, DeploymentError> {
        let path = self.output("SubscribersPath")?;
        let parameter = self.aws.parameter(&format!("{path}/{name}")).await?;
        Ok(Value::from_str(&parameter).unwrap_or(Value::Null))
    }

    /// Removes a subscriber.
    pub async fn delete_subscriber(&self, name: &str) -> Result<(), DeploymentError> {
        let path = self.output("SubscribersPath")?;
        Ok(self.aws.delete_parameter(&format!("{path}/{name}")).await?)
    }

    /// The log of a function (`content-events`, `fan-out`, `deliver`, `migrate`) since a time in milliseconds.
    ///
    /// The emulator writes an invocation's lines when it has ended.
    pub async fn function_logs(
        &self,
        function: &str,
        since_ms: i64,
    ) -> Result<Vec<crate::aws::LogLine>, DeploymentError> {
        Ok(self
            .aws
            .logs(&format!("/{}/{function}", self.stack), since_ms)
            .await?)
    }

    /// Sets right what the emulator does otherwise than CloudFormation and IAM.
    async fn make_up_for_the_emulator(&self) -> Result<(), DeploymentError> {
        // Its CloudFormation forgets that the topic is FIFO, and messages would lose their group.
        let topic = self.output("EventTopicArn")?;
        let attribute = [
            ("TopicArn", topic),
            ("AttributeName", "FifoTopic"),
            ("AttributeValue", "true"),
        ];
        self.aws
            .query("sns", "SetTopicAttributes", "2010-03-31", &attribute)
            .await?;

        // It has no TLS, which the bucket's policy insists on.
        let bucket = self.output("BacklogBucketName")?;
        self.aws.delete("s3", &format!("/{bucket}?policy")).await?;

        // Its IAM takes batch calls for actions of their own, checks GetParametersByPath on no resource, a schedule as if it were
        // in the default group, and events without their source.
        let resources = describe(&self.aws, "DescribeStackResources", &self.stack).await?;
        let resources = pairs(&resources, "LogicalResourceId", "PhysicalResourceId");
        for (role, action) in [
            ("ContentEventsRole", "sns:PublishBatch"),
            ("ContentEventsRole", "scheduler:CreateSchedule"),
            ("ContentEventsRole", "scheduler:DeleteSchedule"),
            ("FanOutRole", "ssm:GetParametersByPath"),
            ("FanOutRole", "sqs:SendMessageBatch"),
            ("DeliverRole", "ssm:GetParametersByPath"),
            ("DeliverRole", "sqs:SendMessageBatch"),
            ("DeliverRole", "events:PutEvents"),
        ] {
            let name = resources
                .get(role)
                .ok_or_else(|| DeploymentError::Output(role.to_owned()))?;
            let policy = json!({
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
            });
            let policy_name = format!("emulator-{}", action.replace(':', "-"));
            let parameters = [
                ("RoleName", name.as_str()),
                ("PolicyName", &policy_name),
                ("PolicyDocument", &policy.to_string()),
            ];
            self.aws
                .query("iam", "PutRolePolicy", "2010-05-08", &parameters)
                .await?;
        }
        Ok(())
    }
}

/// The functions' binaries in what SAM has built.
fn binaries(build: &Path) -> Result<Vec<PathBuf>, DeploymentError> {
    let unreadable = |source| DeploymentError::File {
        action: "reading",
        path: build.to_owned(),
        source,
    };
    let mut binaries = Vec::new();
    for entry in std::fs::read_dir(build).map_err(unreadable)? {
        let binary = entry.map_err(unreadable)?.path().join("bootstrap");
        if binary.exists() {
            binaries.push(binary);
        }
    }
    Ok(binaries)
}

fn sam(root: &Path, tools: &Tools) -> Command {
    let mut command = Command::new(tools.program("tools", "sam"));
    let mut path = tools.environment("tools").join("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    command
        .current_dir(root)
        .env("PATH", path)
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", testing::aws::REGION);
    forget_the_test(&mut command);
    command
}

/// Takes out what cargo sets for a test, which makes the build scripts that read it run again, and everything after them compile.
pub fn forget_the_test(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_the_test = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if of_the_test.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// The functions run on this machine, as the emulator starts them as plain processes.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

fn locked(path: &Path) -> Result<File, DeploymentError> {
    let file = |action| {
        let path = path.to_owned();
        move |source| DeploymentError::File {
            action,
            path,
            source,
        }
    };
    let lock = File::create(path).map_err(file("creating"))?;
    lock.lock().map_err(file("locking"))?;
    Ok(lock)
}

/// What CloudFormation says of a stack, in XML.
pub async fn describe(aws: &Aws, action: &str, stack: &str) -> Result<String, AwsError> {
    let name = [("StackName", stack)];
    aws.query("cloudformation", action, "2010-05-15", &name)
        .await
}

/// The texts of these two elements wherever the second follows the first.
fn pairs(xml: &str, key: &str, value: &str) -> HashMap<String, String> {
    let text = |rest: &str, name: &str| {
        let (text, _) = rest
            .split_once(&format!("<{name}>"))?
            .1
            .split_once(&format!("</{name}>"))?;
        Some(text.replace("&amp;", "&"))
    };
    xml.split("<member>")
        .filter_map(|member| Some((text(member, key)?, text(member, value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_from_xml() {
        let xml = "<Outputs><member><OutputKey>A</OutputKey><OutputValue>1&amp;2</OutputValue></member>\
                   <member><OutputKey>B</OutputKey></member></Outputs>";
        assert_eq!(
            pairs(xml, "OutputKey", "OutputValue"),
            HashMap::from([("A".into(), "1&2".into())])
        );
    }
}
