//! `wagrun events`: the events as they pass through the functions, by their logs. The database is not asked.

use std::fmt;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use wagrun_event::filter::Filter;

use crate::error::CommandError;
use crate::function::Function;
use crate::logs::{LogLine, LogSource, POLL};
use crate::object::object;
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;
use crate::subscribers::SubscriberParameters;
use crate::time;

/// The functions through which an event passes, in this order.
pub const EVENT_FUNCTIONS: [Function; 3] =
    [Function::ContentEvents, Function::FanOut, Function::Deliver];

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Wait for further events
    #[arg(long, short)]
    follow: bool,
    /// Beginning: a time, or the time since (15m, 3h, 2d)
    #[arg(long, default_value = "15m")]
    since: String,
    /// Only deliveries to this subscriber
    #[arg(long)]
    subscriber: Option<String>,
    /// Only events of these types, such as 'wagtail.page.*'
    #[arg(long, value_delimiter = ',')]
    types: Vec<String>,
    /// Only events of this object, such as page/42
    #[arg(long, visible_alias = "object", value_parser = object)]
    subject: Option<String>,
    /// Only deliveries that were not accepted
    #[arg(long)]
    failed: bool,
}

/// A step of an event.
#[derive(Debug, Serialize)]
pub struct Step {
    /// The line of the function.
    #[serde(flatten)]
    pub line: LogLine,
}

/// Shows the steps of all events.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let since = time::parse("--since", &arguments.since, time::now())?;
    if let Some(name) = &arguments.subscriber
        && SubscriberParameters::of(stack)?.find(name).await?.is_none()
    {
        output.tell(output::warning(format!(
            "there is no subscriber {name} now; `wagrun subscribers list` has the names"
        )));
    }
    let types = Some(arguments.types.clone()).filter(|types| !types.is_empty());
    let types = Filter::new(types, None);
    let mut source = LogSource::of(stack, &EVENT_FUNCTIONS, since);
    let mut any = false;
    loop {
        for line in source.next().await? {
            let step = Step { line };
            if step.is_about_an_event() && arguments.wants(&step, &types) {
                any = true;
                output.line(&step)?;
            }
        }
        if !arguments.follow {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    if !any {
        output.tell(format!("No such event since {}.", time::second(since)));
    }
    Ok(Verdict::Good)
}

impl Arguments {
    fn wants(&self, step: &Step, types: &Filter) -> bool {
        let is_theirs = |name: &String| step.line.text_of("subscriber") == Some(name);
        let is_its = |object: &String| step.line.subject() == Some(object);
        self.subscriber.as_ref().is_none_or(is_theirs)
            && self.subject.as_ref().is_none_or(is_its)
            && types.admits_type(step.line.text_of("event.type").unwrap_or_default())
            && (!self.failed || step.has_failed())
    }
}

impl Step {
    fn is_about_an_event(&self) -> bool {
        self.line.subject().is_some() && self.line.text_of("event.type").is_some()
    }

    /// Returns true for a delivery that was not accepted.
    fn has_failed(&self) -> bool {
        let outcome = self.line.text_of("outcome");
        outcome.is_some_and(|outcome| outcome != "delivered")
    }

    /// Returns what happened: `published`, `fanned out to 2 subscribers`, `attempt 2  refused  500  12 ms`.
    pub fn what(&self) -> String {
        let line = &self.line;
        let number = |field: &str| line.field(field).and_then(Value::as_u64);
        let mut text = Vec::new();
        let message = line.message().unwrap_or_default();
        // Other lines about a delivery have the number of its next attempt too, and no attempt was made.
        if let (Some(attempt), "delivery attempted") = (number("attempt"), message) {
            text.push(format!("attempt {attempt}"));
        }
        let what = match line.text_of("outcome") {
            None => message,
            Some("set_aside") => "set aside",
            Some("given_up") => "given up without an attempt",
            Some("dropped_gone") => "dropped: there is no such subscriber",
            Some("dropped_disabled") => "dropped: the subscriber is off",
            Some("dropped_filtered") => "dropped: the subscriber's filter does not let it pass",
            Some(outcome) => outcome,
        };
        text.push(match number("deliveries") {
            Some(1) => format!("{what} to 1 subscriber"),
            Some(count) => format!("{what} to {count} subscribers"),
            None => what.to_owned(),
        });
        if let Some(status) = number("status") {
            text.push(status.to_string());
        }
        if let Some(duration) = number("duration_ms") {
            text.push(format!("{duration} ms"));
        }
        for field in ["reason", "error"] {
            if let Some(why) = line.text_of(field) {
                text.push(why.to_owned());
            }
        }
        if let Some(run) = line.text_of("backfill") {
            text.push(format!("by the replay or snapshot {run}"));
        }
        text.join("  ")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = &self.line;
        let kind = line.text_of("event.type").unwrap_or_default();
        let subject = line.subject().unwrap_or_default();
        let who = line.text_of("subscriber").unwrap_or(line.function);
        let what = match self.has_failed() {
            true => output::bad(self.what()),
            false => self.what(),
        };
        let at = time::millisecond(line.at);
        let id = line.text_of("event.id").unwrap_or_default();
        write!(formatter, "{at}  {kind}  {subject}  {id}  {who}  {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;

    fn step(fields: Value) -> Step {
        let mut line = json!({"timestamp": "2026-11-21T21:46:46.907713Z", "level": "INFO", "message": "delivery attempted",
                              "event.id": "0f2c", "event.type": "wagtail.page.published", "event.subject": "page/42"});
        line.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        Step {
            line: LogLine::new("deliver", Timestamp::UNIX_EPOCH, line.to_string()),
        }
    }

    #[test]
    fn a_step_says_who_did_what() {
        let accepted = step(
            json!({"subscriber": "search", "attempt": 2, "outcome": "delivered", "status": 204, "duration_ms": 12}),
        );
        assert_eq!(
            accepted.to_string(),
            "2026-11-21 21:46:46.907  wagtail.page.published  page/42  0f2c  search  attempt 2  delivered  204  12 ms"
        );
        assert!(!accepted.has_failed());
        let fanned_out = step(json!({"message": "fanned out", "deliveries": 2}));
        assert_eq!(fanned_out.what(), "fanned out to 2 subscribers");
        assert!(step(json!({"outcome": "timeout"})).has_failed());
    }
}
