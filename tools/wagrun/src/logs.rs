//! `wagrun logs`: the functions' logs, in readable lines.

mod line;
mod source;

use std::time::Duration;

use clap::Args;

use crate::error::CommandError;
use crate::function::Function;
use crate::output::{Output, Verdict};
use crate::stack::Stack;
use crate::time;

pub use line::LogLine;
pub use source::{LogSource, Window};

/// The wait between two looks at the logs that are followed.
pub const POLL: Duration = Duration::from_secs(2);
/// The functions whose lines tell what happens to events.
const DEFAULT: [Function; 4] = [
    Function::ContentEvents,
    Function::FanOut,
    Function::Deliver,
    Function::SubscriberDirectory,
];

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Functions; those that handle events if left out
    #[arg(value_enum)]
    functions: Vec<Function>,
    /// Beginning: a time, or the time since (15m, 3h, 2d)
    #[arg(long, default_value = "1h")]
    since: String,
    /// Wait for further lines
    #[arg(long, short)]
    follow: bool,
    /// Only lines with this text, such as an event's id or a subscriber
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Only warnings and errors
    #[arg(long)]
    problems: bool,
}

/// Shows the logs.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let since = time::parse("--since", &arguments.since, time::now())?;
    let functions = match &arguments.functions[..] {
        [] => &DEFAULT[..],
        chosen => chosen,
    };
    let mut source = LogSource::of(stack, functions, since);
    loop {
        for line in source.next().await? {
            let is_meant = arguments
                .grep
                .as_ref()
                .is_none_or(|text| line.contains(text));
            if is_meant && (!arguments.problems || line.is_problem()) {
                output.line(&line)?;
            }
        }
        if !arguments.follow {
            return Ok(Verdict::Good);
        }
        tokio::time::sleep(POLL).await;
    }
}
