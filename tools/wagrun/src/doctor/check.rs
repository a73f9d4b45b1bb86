//! A check of the doctor, and its finding.

use std::pin::Pin;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::CommandError;
use crate::stack::Stack;

/// The result of a look, before it is one of a check.
pub type Look<'a> = Pin<Box<dyn Future<Output = Result<Outcome, CommandError>> + 'a>>;

/// A check.
#[derive(Clone, Copy)]
pub struct Check {
    /// The name, for `--only` and for pipelines.
    pub name: &'static str,
    /// The statement that must hold.
    pub title: &'static str,
    /// The meaning of a failure, for the operator.
    pub meaning: &'static str,
    /// The next command or place to read.
    pub next: &'static str,
    /// The facts of docs/deploy.md that it confirms when it passes.
    pub facts: &'static [&'static str],
    /// Looks at the stack.
    pub look: for<'a> fn(&'a Stack) -> Look<'a>,
}

/// The outcome of a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "snake_case")]
pub enum Outcome {
    /// The statement holds. The text says what was seen.
    Passed(String),
    /// The statement does not hold. The text names the fault and its place.
    Failed(String),
    /// This stack has nothing to look at. The text says why.
    Skipped(String),
}

/// The finding of a check.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub name: &'static str,
    /// The statement.
    pub title: &'static str,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The meaning of a failure.
    pub meaning: &'static str,
    /// The next command.
    pub next: &'static str,
    /// The facts of docs/deploy.md that are confirmed when it passed.
    pub facts: &'static [&'static str],
    /// The duration in milliseconds.
    pub duration_ms: u64,
    #[serde(skip)]
    pub duration: Duration,
}

impl Check {
    /// Looks, and judges. An error is a failure: what cannot be seen is not known to be well.
    pub async fn run(self, stack: &Stack) -> Finding {
        let started = Instant::now();
        let outcome = (self.look)(stack).await;
        let duration = started.elapsed();
        Finding {
            name: self.name,
            title: self.title,
            outcome: outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string())),
            meaning: self.meaning,
            next: self.next,
            facts: self.facts,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            duration,
        }
    }
}

impl Outcome {
    /// Returns a failure with all faults, or a success when there is none.
    pub fn of(faults: &[String], seen: impl Into<String>) -> Self {
        match faults {
            [] => Self::Passed(seen.into()),
            faults => Self::Failed(faults.join("; ")),
        }
    }
}
