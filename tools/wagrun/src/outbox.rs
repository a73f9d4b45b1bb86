//! `wagrun sweep`, `retry` and `discard`: the outbox, by way of content-events.

use std::fmt;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::output::{Output, Verdict};
use crate::stack::Stack;

/// The arguments of `sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The arguments of `retry`.
#[derive(Debug, Args)]
pub struct Retry {
    /// Id of an event that was set apart, or all
    #[arg(value_parser = event_or_all)]
    event: String,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The arguments of `discard`.
#[derive(Debug, Args)]
pub struct Discard {
    /// Id of an event that was set apart
    event: Uuid,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The answer of content-events.
#[derive(Debug, Serialize)]
struct Drained {
    #[serde(flatten)]
    answer: Value,
}

/// Publishes what waits in the outbox.
pub async fn sweep(
    arguments: &Sweep,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    stack.consent_to_wake(output, arguments.yes)?;
    drain(&json!({"sweep": true}), stack, output).await
}

/// Has events that were set apart tried again.
pub async fn retry(
    arguments: &Retry,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    stack.consent_to_wake(output, arguments.yes)?;
    drain(&json!({"retry": arguments.event}), stack, output).await
}

/// Gives an event up that was set apart.
pub async fn discard(
    arguments: &Discard,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let question = format!("Event {} is given up for good", arguments.event);
    output.consent(&question, arguments.yes)?;
    drain(&json!({"discard": arguments.event}), stack, output).await
}

async fn drain(payload: &Value, stack: &Stack, output: &Output) -> Result<Verdict, CommandError> {
    let wait = output.wait("content-events drains the outbox");
    let answer = invoke(stack, Function::ContentEvents, payload).await;
    wait.finish_and_clear();
    output.report(&Drained { answer: answer? })?;
    Ok(Verdict::Good)
}

fn event_or_all(text: &str) -> Result<String, String> {
    match text == "all" || Uuid::parse_str(text).is_ok() {
        true => Ok(text.to_owned()),
        false => Err("is neither the id of an event nor `all`".to_owned()),
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |field: &str| self.answer[field].as_u64().unwrap_or_default();
        let says = |field: &str| self.answer[field].as_bool().unwrap_or_default();
        write!(formatter, "{} events were published", number("published"))?;
        for (field, what) in [
            ("retried", "are tried again"),
            ("backfilled", "of replays and snapshots were published"),
            ("scheduled", "schedules were made"),
            ("removed", "old ones were removed from the history"),
        ] {
            if number(field) > 0 {
                write!(formatter, ", {} {what}", number(field))?;
            }
        }
        writeln!(formatter, ".")?;
        if says("another_drainer") {
            writeln!(formatter, "Another run is at work; it publishes the rest.")?;
        }
        if says("rang_again") {
            writeln!(formatter, "There is more; the next run has begun.")?;
        }
        Ok(())
    }
}
