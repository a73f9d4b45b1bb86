//! The attempts of deliver, by its log: which deliveries wait for another one, and why.
//!
//! deliver writes into a subscriber's parameter only when a delivery has failed for half an hour. What fails since less is in the log.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::error::CommandError;
use crate::function::Function;
use crate::logs::{LogLine, LogSource, Window};
use crate::stack::Stack;
use crate::time;

/// The time that is looked at for all subscribers. What fails longer is in the parameter.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(1);
/// The time that is looked at for one subscriber: longer than any wait between two attempts.
const LOOK_BACK_FOR_ONE: SignedDuration = SignedDuration::from_hours(13);
/// The most lines that are read. More fail only in a great outage, of which the first lines say enough.
const MAX_LINES: usize = 20_000;
/// Lets pass the failures, and what became of them later. It is the grammar of CloudWatch Logs for lines of JSON.
const FAILURES: &str = "{ (($.message = \"delivery attempted\") && (($.outcome != \"delivered\") || ($.attempt > 1))) || ($.message = \"delivery set aside\") || ($.message = \"delivery given up\") }";

/// The attempts at one subscriber within some time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Attempts {
    /// The number of deliveries whose newest attempt failed, and that have another one. Later ones of the same objects wait behind
    /// them, and are not counted.
    pub waiting: usize,
    /// The highest number of attempts of a delivery that waits.
    pub most_attempts: u64,
    /// The number of deliveries whose last attempt failed.
    pub given_up: usize,
    /// The time of the first of the next attempts.
    pub next_at: Option<Timestamp>,
    /// The newest failure.
    pub last_failure: Option<FailedAttempt>,
    /// The time of the newest success. Known only when the attempts at one subscriber were asked for.
    pub last_accepted: Option<Timestamp>,
    /// The number of objects whose deliveries were set aside, by the newest sweep. Known as the time before.
    pub objects_set_aside: Option<u64>,
}

/// One attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedAttempt {
    /// The time of the attempt.
    pub at: Timestamp,
    /// The id of the event.
    pub event: String,
    /// The object of the event.
    pub subject: String,
    /// The number of the attempt, from 1.
    pub attempt: u64,
    /// The outcome, such as `refused`.
    pub outcome: String,
    /// The receiver's HTTP status, if it answered.
    pub status: Option<u64>,
    /// The error with its causes.
    pub error: Option<String>,
    /// The time of the next attempt by the schedule; none after the last one.
    pub next_at: Option<Timestamp>,
}

/// Returns the failures of the last hour, by subscriber.
pub async fn of_all(stack: &Stack) -> Result<BTreeMap<String, Attempts>, CommandError> {
    read(stack, LOOK_BACK, FAILURES.to_owned()).await
}

/// Returns the attempts of the last half day at one subscriber.
pub async fn of_one(stack: &Stack, name: &str) -> Result<Attempts, CommandError> {
    let pattern = format!("{{ $.subscriber = \"{name}\" }}");
    let mut all = read(stack, LOOK_BACK_FOR_ONE, pattern).await?;
    Ok(all.remove(name).unwrap_or_default())
}

async fn read(
    stack: &Stack,
    look_back: SignedDuration,
    pattern: String,
) -> Result<BTreeMap<String, Attempts>, CommandError> {
    let window = Window {
        since: time::now() - look_back,
        pattern: Some(pattern),
    };
    let source = LogSource::with(stack, &[Function::Deliver], window);
    let lines = source.at_most(MAX_LINES).next().await?;
    Ok(by_subscriber(&lines))
}

/// Collects the attempts from lines in the order of time. Lines about something else are left out.
fn by_subscriber(lines: &[LogLine]) -> BTreeMap<String, Attempts> {
    let mut all: BTreeMap<String, Attempts> = BTreeMap::new();
    let mut newest: HashMap<(&str, &str), &LogLine> = HashMap::new();
    for line in lines {
        let Some(name) = line.text_of("subscriber") else {
            continue;
        };
        let attempts = all.entry(name.to_owned()).or_default();
        if line.message() == Some("backlog swept") {
            attempts.objects_set_aside = line.field("lanes").and_then(Value::as_u64);
        }
        let (Some(id), Some(outcome)) = (line.text_of("event.id"), line.text_of("outcome")) else {
            continue;
        };
        match outcome {
            "given_up" => {}
            "delivered" => attempts.last_accepted = Some(line.at),
            _ => attempts.last_failure = FailedAttempt::of(line).or(attempts.last_failure.take()),
        }
        newest.insert((name, id), line);
    }
    for ((name, _), line) in newest {
        let Some(attempts) = all.get_mut(name) else {
            continue;
        };
        if line.text_of("outcome") == Some("given_up") {
            attempts.given_up += 1;
            continue;
        }
        let Some(failed) = FailedAttempt::of(line) else {
            continue;
        };
        match failed.next_at {
            Some(at) => {
                attempts.waiting += 1;
                attempts.most_attempts = attempts.most_attempts.max(failed.attempt);
                attempts.next_at = attempts
                    .next_at
                    .map_or(Some(at), |first| Some(first.min(at)));
            }
            None => attempts.given_up += 1,
        }
    }
    all
}

impl Attempts {
    /// Returns what is known, each with its name, for an operator. What was set aside counts only while a backlog says so.
    pub fn facts(&self, has_backlog: bool) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        // A failure before the newest success is history, unless its delivery still waits.
        let is_over = |failure: &&FailedAttempt| {
            self.waiting == 0
                && !has_backlog
                && self.last_accepted.is_some_and(|at| at > failure.at)
        };
        if let Some(failure) = self.last_failure.as_ref().filter(|it| !is_over(it)) {
            facts.push(("failed", failure.to_string()));
            facts.extend(failure.error.clone().map(|error| ("", error)));
            let subject = &failure.subject;
            facts.push((
                "",
                format!("wagrun history {subject} shows what waits behind it"),
            ));
        }
        if let Some(at) = self.last_accepted {
            facts.push(("accepted", format!("last at {}", time::second(at))));
        }
        if let Some(objects) = self.objects_set_aside.filter(|_| has_backlog) {
            let text = format!("deliveries of {objects} objects, by the newest sweep");
            facts.push(("set aside", text));
        }
        if self.given_up > 0 {
            facts.push(("given up", format!("{} deliveries", self.given_up)));
        }
        facts
    }
}

impl FailedAttempt {
    /// Reads the line of an attempt that failed; none for any other line.
    pub fn of(line: &LogLine) -> Option<Self> {
        let number = |field: &str| line.field(field).and_then(Value::as_u64);
        let outcome = line.text_of("outcome")?;
        if outcome == "delivered" || line.message() != Some("delivery attempted") {
            return None;
        }
        let wait = number("retry_seconds").and_then(|seconds| i64::try_from(seconds).ok());
        let wait = wait.map(SignedDuration::from_secs);
        Some(Self {
            at: line.at,
            event: line.text_of("event.id")?.to_owned(),
            subject: line.subject()?.to_owned(),
            attempt: number("attempt")?,
            outcome: outcome.to_owned(),
            status: number("status"),
            error: line.text_of("error").map(str::to_owned),
            next_at: wait.and_then(|wait| line.at.checked_add(wait).ok()),
        })
    }
}

/// Formats the attempt: `attempt 2 of page/42 at 2026-11-26 11:00:07: refused 503`.
impl fmt::Display for FailedAttempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            attempt,
            subject,
            outcome,
            ..
        } = self;
        let at = time::second(self.at);
        write!(
            formatter,
            "attempt {attempt} of {subject} at {at}: {outcome}"
        )?;
        if let Some(status) = self.status {
            write!(formatter, " {status}")?;
        }
        match self.next_at {
            Some(_) => Ok(()),
            None => formatter.write_str(", given up"),
        }
    }
}

#[cfg(test)]
mod tests;
