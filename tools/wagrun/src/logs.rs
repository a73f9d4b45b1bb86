//! `wagrun logs`: the functions' logs, in readable lines.

mod line;
mod source;

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::error::CommandError;
use crate::function::Function;
use crate::output::{Output, Verdict};
use crate::stack::Stack;
use crate::time;

pub use line::LogLine;
pub use source::{LogSource, Window};

/// The wait between two looks at the logs that are followed.
pub const POLL: Duration = Duration::from_secs(2);
/// The logs that tell what happens to events.
const DEFAULT: [Log; 4] = [
    Log::ContentEvents,
    Log::FanOut,
    Log::Deliver,
    Log::SubscriberDirectory,
];

/// A log of the stack.
#[expect(
    clippy::enum_variant_names,
    reason = "one of them is named after its function"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
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
    /// Associates a domain with App Runner
    CustomDomain,
    /// The site, with ECS Express
    Web,
    /// The database; reading it here wakes nothing
    Database,
}

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Logs; those of the functions that handle events if left out
    #[arg(value_enum, value_name = "LOG")]
    logs: Vec<Log>,
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
    let logs = match &arguments.logs[..] {
        [] => &DEFAULT[..],
        chosen => chosen,
    };
    let groups: Result<Vec<_>, _> = logs.iter().map(|log| log.group(stack)).collect();
    // CloudWatch Logs itself leaves out what does not have the text, so that a large log is not read whole.
    let pattern = arguments.grep.as_ref().filter(|text| !text.contains('"'));
    let pattern = pattern.map(|text| format!("\"{text}\""));
    let mut source = LogSource::of_groups(stack, groups?, Window { since, pattern });
    let mut any = false;
    loop {
        for line in source.next().await? {
            let is_meant = arguments
                .grep
                .as_ref()
                .is_none_or(|text| line.contains(text));
            if is_meant && (!arguments.problems || line.is_problem()) {
                any = true;
                output.line(&line)?;
            }
        }
        if !arguments.follow {
            if !any {
                output.tell(format!("No such line since {}.", time::second(since)));
            }
            return Ok(Verdict::Good);
        }
        tokio::time::sleep(POLL).await;
    }
}

impl Log {
    /// Returns the short name and the log group.
    fn group(self, stack: &Stack) -> Result<(&'static str, String), CommandError> {
        let name = match self {
            Self::ContentEvents => Function::ContentEvents.name(),
            Self::FanOut => Function::FanOut.name(),
            Self::Deliver => Function::Deliver.name(),
            Self::SubscriberDirectory => Function::SubscriberDirectory.name(),
            Self::Migrate => Function::Migrate.name(),
            Self::Release => Function::Release.name(),
            Self::LogRetention => Function::LogRetention.name(),
            Self::CustomDomain => "custom-domain",
            Self::Web => "web",
            Self::Database => {
                let reason = "the stack does not read the database's log";
                let group = stack.output_of("DatabaseLogGroupName", reason)?;
                return Ok(("database", group.to_owned()));
            }
        };
        Ok((name, stack.log_group(name)))
    }
}
