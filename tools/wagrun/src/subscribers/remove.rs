//! `wagrun subscribers remove`.

use std::fmt;

use clap::Args;
use serde::Serialize;

use super::parameters::SubscriberParameters;
use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::stack::Stack;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the subscriber
    name: String,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// A subscriber that was removed.
#[derive(Debug, Serialize)]
struct Removed {
    removed: String,
}

/// Removes a subscriber.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let parameters = SubscriberParameters::of(stack)?;
    let name = &arguments.name;
    // A name that does not exist is an error before any question.
    parameters.one(name).await?;
    let question = format!(
        "{name} gets no more events, and its waiting deliveries are dropped; its secrets cannot be shown again"
    );
    output.consent(&question, arguments.yes)?;
    parameters.delete(name).await?;
    output.report(&Removed {
        removed: name.clone(),
    })?;
    Ok(Verdict::Good)
}

impl fmt::Display for Removed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{0} is removed. Deliveries that wait are dropped within minutes; what was set aside expires in the bucket.",
            self.removed
        )
    }
}
