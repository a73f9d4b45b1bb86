//! A stack: its outputs, and the way to AWS. The local demo is a stack too.

mod access;
mod demo;
mod selection;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::Stack as Description;
use wagrun_lambda::environment::optional;

use crate::call::{CallError, explain};
use crate::error::CommandError;
use crate::output::Output;

use demo::DemoFile;
pub use selection::Selection;

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The name.
    pub name: String,
    /// The status of CloudFormation, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// Region and credentials.
    pub aws: SdkConfig,
    /// True when an emulator takes the place of AWS, as in the demo.
    pub is_emulated: bool,
    outputs: BTreeMap<String, String>,
}

impl Stack {
    /// Reads the outputs of the stack that was chosen, or of the demo.
    pub async fn open(selection: &Selection) -> Result<Self, CommandError> {
        // Whoever names a region or a profile means AWS, and must not be shown the demo for it.
        let demo = match selection.profile.is_some() || selection.region.is_some() {
            true => None,
            false => DemoFile::find()?,
        };
        let (name, aws) = match (selection.stack(), demo) {
            // An address in the environment is that of another emulator, or of the demo itself.
            (Some(name), Some(demo))
                if demo.stack == name && optional("AWS_ENDPOINT_URL").is_none() =>
            {
                (demo.stack.clone(), demo.access().await)
            }
            (Some(name), _) => (name.to_owned(), access::of(selection).await?),
            (None, Some(demo)) => (demo.stack.clone(), demo.access().await),
            (None, None) => return Err(CommandError::NoStack),
        };
        let client = aws_sdk_cloudformation::Client::new(&aws);
        let described = client.describe_stacks().stack_name(&name).send().await;
        let described = described.map_err(explain("cloudformation:DescribeStacks"));
        let description = match described {
            Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next(),
            // CloudFormation has no code of its own for this.
            Err(CallError::Refused { code, message, .. })
                if code == "ValidationError" && message.contains("does not exist") =>
            {
                None
            }
            Err(error) => return Err(error.into()),
        };
        let Some(description) = description else {
            let region = aws.region().map_or("this region", |region| region.as_ref());
            return Err(CommandError::NoSuchStack {
                name,
                region: region.to_owned(),
            });
        };
        Ok(Self::described(description, name, aws))
    }

    fn described(description: Description, name: String, aws: SdkConfig) -> Self {
        let outputs = description.outputs.unwrap_or_default().into_iter();
        let outputs = outputs.filter_map(|output| Some((output.output_key?, output.output_value?)));
        let status = description.stack_status;
        Self {
            name,
            status: status.map_or_else(String::new, |status| status.as_str().to_owned()),
            is_emulated: aws.endpoint_url().is_some(),
            aws,
            outputs: outputs.collect(),
        }
    }

    /// Returns a stack with these outputs, whose AWS is replayed.
    #[cfg(test)]
    pub fn with_outputs(name: &str, aws: SdkConfig, outputs: &[(&str, &str)]) -> Self {
        let outputs = outputs.iter();
        let outputs = outputs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            name: name.to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            aws,
            is_emulated: false,
            outputs: outputs.collect(),
        }
    }

    /// Asks before a sleeping database is woken. The database of an emulator never sleeps.
    pub fn consent_to_wake(&self, output: &Output, says_yes: bool) -> Result<(), CommandError> {
        const QUESTION: &str = "A sleeping database is woken, for about two cents";
        output.consent(QUESTION, says_yes || self.is_emulated)
    }

    /// Returns an output that every stack of this version has.
    pub fn output(&self, output: &'static str) -> Result<&str, CommandError> {
        self.output_of(
            output,
            "it was deployed by an older version of wagrun, or is no stack of wagrun; deploy it again",
        )
    }

    /// Returns an output that depends on a choice. `reason` explains its absence.
    pub fn output_of(
        &self,
        output: &'static str,
        reason: &'static str,
    ) -> Result<&str, CommandError> {
        self.optional(output).ok_or_else(|| CommandError::NoOutput {
            stack: self.name.clone(),
            output,
            reason,
        })
    }

    /// Returns an output, if the stack has it.
    pub fn optional(&self, output: &str) -> Option<&str> {
        self.outputs.get(output).map(String::as_str)
    }

    /// Returns the outputs whose name has this end, with what is before it.
    pub fn outputs_ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let outputs = self.outputs.iter();
        outputs.filter_map(move |(name, value)| Some((name.strip_suffix(end)?, value.as_str())))
    }

    /// Returns the log group of a function, such as `deliver`.
    pub fn log_group(&self, function: &str) -> String {
        format!("/{}/{function}", self.name)
    }
}
