//! `wagrun migrate`: runs migrate and follows it to the end, looks ahead, and shows the last runs.

use std::fmt;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::logs::{LogLine, LogSource};
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;
use crate::time;

/// The wait between two looks at the log of a run.
const POLL: Duration = Duration::from_secs(2);
/// The number of lines of the output that are shown after a failure.
const TAIL: usize = 20;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// List the migrations that would be applied, with their SQL and what they lock
    Plan(Consent),
    /// Bring the database up to date, and follow it to the end
    Run(RunArguments),
    /// Show the last runs
    Status(Consent),
}

/// The arguments of what wakes the database.
#[derive(Debug, Args)]
pub struct Consent {
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Make events of what the migrations change
    #[arg(long)]
    capture: bool,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The answer of migrate.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    answer: Value,
}

/// Runs a subcommand.
pub async fn run(
    subcommand: &Migrate,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let (payload, yes) = match subcommand {
        Migrate::Plan(consent) => (json!({"command": "plan"}), consent.yes),
        Migrate::Status(consent) => (json!({"command": "status"}), consent.yes),
        Migrate::Run(arguments) => {
            let mut payload = json!({"command": "migrate"});
            if arguments.capture {
                payload["capture"] = json!(true);
            }
            (payload, arguments.yes)
        }
    };
    // Fails before the question when the stack has no migrate.
    Function::Migrate.deployed(stack)?;
    stack.consent_to_wake(output, yes)?;
    let answer = follow(&payload, stack, output).await?;
    let is_good = match subcommand {
        Migrate::Plan(_) => {
            let is_good = !warns(&answer);
            output.report(&PlanReport { answer })?;
            is_good
        }
        Migrate::Status(_) => {
            output.report(&StatusReport { answer })?;
            true
        }
        Migrate::Run(_) => {
            output.report(&Answer { answer })?;
            true
        }
    };
    Ok(Verdict::good_if(is_good))
}

/// Returns true when a planned migration has a statement that locks, scans or rewrites a table.
fn warns(plan: &Value) -> bool {
    let migrations = plan["migrations"].as_array().into_iter().flatten();
    let mut warnings = migrations.filter_map(|migration| migration["warnings"].as_array());
    warnings.any(|warnings| !warnings.is_empty())
}

/// Invokes migrate, and shows the lines of its log meanwhile. After a failure the end of its output is shown.
async fn follow(payload: &Value, stack: &Stack, output: &Output) -> Result<Value, CommandError> {
    let mut log = LogSource::of(stack, &[Function::Migrate], time::now());
    let run = invoke(stack, Function::Migrate, payload);
    tokio::pin!(run);
    let answer = loop {
        tokio::select! {
            answer = &mut run => break answer,
            () = tokio::time::sleep(POLL) => {
                // A log that cannot be read is no reason to leave the run alone.
                if let Ok(more) = log.next().await {
                    show(&more, output);
                }
            }
        }
    };
    if answer.is_err()
        && let Ok(rest) = log.next().await
    {
        show(&rest[rest.len().saturating_sub(TAIL)..], output);
    }
    answer
}

fn show(lines: &[LogLine], output: &Output) {
    for line in lines {
        match line.text_of("line") {
            Some(text) => output.tell(format!("  {text}")),
            None => output.tell(line),
        }
    }
}

/// The migrations that would be applied.
#[derive(Debug, Serialize)]
struct PlanReport {
    #[serde(flatten)]
    answer: Value,
}

/// The last runs.
#[derive(Debug, Serialize)]
struct StatusReport {
    #[serde(flatten)]
    answer: Value,
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let applied = self.answer["applied"].as_array().map_or(0, Vec::len);
        let watched = self.answer["watched_tables"].as_u64().unwrap_or_default();
        writeln!(
            formatter,
            "{}",
            output::good(format!(
                "The database is up to date: {applied} migrations were applied, {watched} tables are watched."
            ))
        )
    }
}

impl fmt::Display for PlanReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer["migrations"].as_array() {
            None => writeln!(formatter, "{:#}", self.answer),
            Some(migrations) if migrations.is_empty() => {
                writeln!(formatter, "No migration would be applied.")
            }
            Some(migrations) => migrations
                .iter()
                .try_for_each(|migration| writeln!(formatter, "{migration:#}")),
        }
    }
}

impl fmt::Display for StatusReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        let running = match &self.answer["running"] {
            Value::Null => "no migration is running".to_owned(),
            running => format!("a migration is running: {running}"),
        };
        let schema = &self.answer["schema"];
        writeln!(
            formatter,
            "{running}; schema {} of {}",
            text(&schema["installed"]),
            text(&schema["known"])
        )?;
        let mut table = output::table(["RUN", "STARTED", "SECONDS", "APPLIED", "OUTCOME"]);
        for run in self.answer["runs"].as_array().into_iter().flatten() {
            let applied = run["applied"].as_array().map_or(0, Vec::len);
            let outcome = match &run["failure"] {
                Value::Null => text(&run["outcome"]),
                failure => output::bad(format!("{}: {}", text(&run["outcome"]), text(failure))),
            };
            table.add_row([
                text(&run["id"]),
                text(&run["started_at"]),
                text(&run["seconds"]),
                applied.to_string(),
                outcome,
            ]);
        }
        formatter.write_str(&output::lines(&table))
    }
}
