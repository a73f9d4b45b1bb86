//! A deployed stack: its outputs, functions, subscribers and logs.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::time::Duration;

use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};

use super::cloud_formation::{describe, pairs};
use super::error::DeploymentError;
use crate::aws::{Aws, AwsError, LogLine};

/// The key of the subscriber directory in the bucket of the backlogs.
const DIRECTORY: &str = "subscriber-directory.json";
/// The time in which a change of a parameter must be in the directory.
const DIRECTORY_TIMEOUT: Duration = Duration::from_secs(60);

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Deployment {
    stack: String,
    aws: Aws,
    outputs: HashMap<String, String>,
}

impl Deployment {
    /// Reads the outputs of a stack that is already deployed.
    pub async fn existing(aws: Aws, stack: &str) -> Result<Self, DeploymentError> {
        let described = describe(&aws, "DescribeStacks", stack).await?;
        Ok(Self {
            stack: stack.to_owned(),
            aws,
            outputs: pairs(&described, "OutputKey", "OutputValue"),
        })
    }

    /// Returns the name of the stack.
    pub(super) fn stack(&self) -> &str {
        &self.stack
    }

    /// Returns an output of the template.
    pub fn output(&self, name: &str) -> Result<&str, DeploymentError> {
        let value = self.outputs.get(name);
        value
            .map(String::as_str)
            .ok_or_else(|| DeploymentError::Output(name.to_owned()))
    }

    /// Returns a client of the emulator.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Invokes the function that an output names (`MigrateFunctionName`, …), and returns its answer.
    pub async fn invoke(&self, output: &str, payload: &Value) -> Result<Value, DeploymentError> {
        Ok(self.aws.invoke(self.output(output)?, payload).await?)
    }

    /// Creates or replaces a subscriber.
    pub async fn put_subscriber(
        &self,
        name: &str,
        subscriber: &str,
    ) -> Result<(), DeploymentError> {
        let parameter = self.subscriber_parameter(name)?;
        self.aws.put_parameter(&parameter, subscriber).await?;
        self.wait_for_directory(name, Some(subscriber)).await
    }

    /// Returns the present parameter of a subscriber.
    pub async fn subscriber(&self, name: &str) -> Result<Value, DeploymentError> {
        let parameter = self
            .aws
            .parameter(&self.subscriber_parameter(name)?)
            .await?;
        Ok(Value::from_str(&parameter).unwrap_or(Value::Null))
    }

    /// Waits until the subscriber directory has the present parameter of a subscriber, which a function may have changed.
    pub async fn wait_until_in_directory(&self, name: &str) -> Result<(), DeploymentError> {
        let parameter = self
            .aws
            .parameter(&self.subscriber_parameter(name)?)
            .await?;
        self.wait_for_directory(name, Some(&parameter)).await
    }

    /// Deletes a subscriber.
    pub async fn delete_subscriber(&self, name: &str) -> Result<(), DeploymentError> {
        let parameter = self.subscriber_parameter(name)?;
        self.aws.delete_parameter(&parameter).await?;
        self.wait_for_directory(name, None).await
    }

    /// Returns the name of a subscriber's parameter.
    fn subscriber_parameter(&self, name: &str) -> Result<String, DeploymentError> {
        let path = self.output("SubscribersPath")?;
        Ok(format!("{path}/{name}"))
    }

    /// Waits until the subscriber directory has this value of a subscriber, or none.
    ///
    /// The first directory is built by the clock. Here that is done at once, so that the tests read it.
    async fn wait_for_directory(
        &self,
        subscriber: &str,
        value: Option<&str>,
    ) -> Result<(), DeploymentError> {
        let path = format!("/{}/{DIRECTORY}", self.output("BacklogBucketName")?);
        if self.aws.object(&path).await?.is_none() {
            let compare = json!({"compare": "subscribers"});
            self.invoke("SubscriberDirectoryFunctionName", &compare)
                .await?;
        }
        let what = format!("subscriber {subscriber} in the directory");
        wait_until(&Progress::quiet(), &what, DIRECTORY_TIMEOUT, || async {
            let content = self.aws.object(&path).await?.unwrap_or_default();
            let directory = Value::from_str(&content).unwrap_or_default();
            let found = directory["subscribers"][subscriber]["value"].as_str();
            Ok::<_, AwsError>(match found == value {
                true => Wait::Ready(()),
                false => Wait::NotYet(format!("as of {}", directory["as_of"])),
            })
        })
        .await?;
        Ok(())
    }

    /// Returns the log of a function (`content-events`, `fan-out`, `deliver`, `migrate`) since a time in milliseconds.
    ///
    /// The emulator writes the lines of an invocation at its end.
    pub async fn function_logs(
        &self,
        function: &str,
        since_ms: i64,
    ) -> Result<Vec<LogLine>, DeploymentError> {
        Ok(self
            .aws
            .logs(&format!("/{}/{function}", self.stack), since_ms)
            .await?)
    }
}
