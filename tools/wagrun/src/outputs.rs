//! `wagrun outputs` and `invoke`: the outputs of a stack, and a function with a payload of one's own.

use std::fmt;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;

/// The arguments of `outputs`.
#[derive(Debug, Args)]
pub struct Outputs {
    /// Name of one output, whose value alone is printed
    name: Option<String>,
}

/// The arguments of `invoke`.
#[derive(Debug, Args)]
pub struct Invoke {
    /// The function
    #[arg(value_enum)]
    function: Function,
    /// The payload in JSON, such as '{"sweep":true}'
    #[arg(value_parser = payload)]
    payload: Value,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The outputs of a stack.
#[derive(Debug, Serialize)]
struct All<'a> {
    outputs: Vec<(&'a str, &'a str)>,
}

/// One value.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct One<'a>(&'a str);

/// The answer of a function.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Answer(Value);

/// Prints the outputs of the stack, or one.
pub fn outputs(
    arguments: &Outputs,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    match &arguments.name {
        Some(name) => {
            let value = stack.optional(name).ok_or_else(|| {
                CommandError::argument(
                    "NAME",
                    format!(
                        "stack {} has no output {name}; `wagrun outputs` lists those that it has",
                        stack.name
                    ),
                )
            })?;
            output.report(&One(value))?;
        }
        None => output.report(&All {
            outputs: stack.outputs_ending("").collect(),
        })?,
    }
    Ok(Verdict::Good)
}

/// Invokes a function, and prints its answer.
pub async fn run(
    arguments: &Invoke,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let function = arguments.function;
    if matches!(function, Function::ContentEvents | Function::Migrate) {
        stack.consent_to_wake(output, arguments.yes)?;
    }
    let wait = output.wait(format!("{} runs", function.name()));
    let answer = invoke(stack, function, &arguments.payload).await;
    wait.finish_and_clear();
    output.report(&Answer(answer?))?;
    Ok(Verdict::Good)
}

fn payload(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))
}

impl fmt::Display for All<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = output::table(["OUTPUT", "VALUE"]);
        for (name, value) in &self.outputs {
            table.add_row([*name, *value]);
        }
        formatter.write_str(&output::lines(&table))
    }
}

impl fmt::Display for One<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.0)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{:#}", self.0)
    }
}
