//! The functions of a stack, and the way to call them.

use aws_sdk_lambda::primitives::Blob;
use clap::ValueEnum;
use serde_json::Value;

use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;

/// A function of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Function {
    /// Drains the outbox
    ContentEvents,
    /// Queues one delivery for each subscriber
    FanOut,
    /// Attempts deliveries
    Deliver,
    /// Keeps the directory of all subscribers
    SubscriberDirectory,
    /// Migrates the database
    Migrate,
    /// Releases images
    Release,
    /// Sets the retention of log groups
    LogRetention,
}

impl Function {
    /// Returns the name in this project, which is also the end of its log group.
    pub fn name(self) -> &'static str {
        match self {
            Self::ContentEvents => "content-events",
            Self::FanOut => "fan-out",
            Self::Deliver => "deliver",
            Self::SubscriberDirectory => "subscriber-directory",
            Self::Migrate => "migrate",
            Self::Release => "release",
            Self::LogRetention => "log-retention",
        }
    }

    /// Returns the output with the name of the deployed function, and the reason why a stack may lack it.
    fn output(self) -> (&'static str, &'static str) {
        const OLDER: &str = "it was deployed by an older version of wagrun; deploy it again";
        match self {
            Self::ContentEvents => ("ContentEventsFunctionName", OLDER),
            Self::FanOut => ("FanOutFunctionName", OLDER),
            Self::Deliver => ("DeliverFunctionName", OLDER),
            Self::SubscriberDirectory => ("SubscriberDirectoryFunctionName", OLDER),
            Self::Migrate => (
                "MigrateFunctionName",
                "it was deployed without migrate (docs/deploy.md)",
            ),
            Self::Release => (
                "ReleaseFunctionName",
                "releases are switched off (ReleaseTag, docs/releases.md)",
            ),
            Self::LogRetention => ("LogRetentionFunctionName", OLDER),
        }
    }

    /// Returns the name of the deployed function.
    pub fn deployed(self, stack: &Stack) -> Result<&str, CommandError> {
        let (output, reason) = self.output();
        stack.output_of(output, reason)
    }
}

/// Calls a function, and waits for its answer.
pub async fn invoke(
    stack: &Stack,
    function: Function,
    payload: &Value,
) -> Result<Value, CommandError> {
    let call = aws_sdk_lambda::Client::new(&stack.aws).invoke();
    let call = call.function_name(function.deployed(stack)?);
    let answer = call.payload(Blob::new(payload.to_string())).send().await;
    let answer = answer.map_err(explain("lambda:InvokeFunction"))?;
    let bytes = answer.payload.map(Blob::into_inner).unwrap_or_default();
    if answer.function_error.is_some() {
        let message = error_message(&bytes);
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        return Err(match answer["errorType"].as_str() {
            Some("RequestRefused") => CommandError::Refused(message),
            _ => CommandError::Function {
                function: function.name(),
                message,
            },
        });
    }
    serde_json::from_slice(&bytes).map_err(|source| CommandError::Answer {
        what: "the answer of the function",
        source,
    })
}

/// Returns the message of a failed invocation.
fn error_message(payload: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(payload).unwrap_or_default();
    let message = answer["errorMessage"].as_str().map(str::to_owned);
    message.unwrap_or_else(|| String::from_utf8_lossy(payload).into_owned())
}
