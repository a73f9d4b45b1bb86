//! `wagrun history`: what became of one object or event, by event and by subscriber. Read from the logs, which wakes nothing.

mod expected;

use std::collections::BTreeMap;
use std::fmt;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use self::expected::{Next, expected};
use crate::error::CommandError;
use crate::events::{EVENT_FUNCTIONS, Step};
use crate::logs::{LogLine, LogSource, Window};
use crate::object::object;
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;
use crate::subscribers::{Listed, list};
use crate::time;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// An object, such as page/42, or the id of an event
    #[arg(value_parser = object)]
    object: String,
    /// Beginning: a time, or the time since (15m, 3h, 2d)
    #[arg(long, default_value = "7d")]
    since: String,
}

/// The events of one object, in order.
#[derive(Debug, PartialEq, Serialize)]
struct History {
    object: String,
    events: Vec<EventHistory>,
    #[serde(skip)]
    since: String,
}

/// One event, with what the functions said of it.
#[derive(Debug, PartialEq, Serialize)]
struct EventHistory {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    lines: Vec<LogLine>,
    /// The next step, for each subscriber for which the event is not done.
    expected: BTreeMap<String, Next>,
}

/// Shows the history of an object.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let since = time::parse("--since", &arguments.since, time::now())?;
    let object = &arguments.object;
    let wait = output.wait("reading the logs");
    let mut lines = lines_about(stack, object, since).await?;
    // An event may wait behind an earlier one of its object.
    let of_event = lines
        .iter()
        .find(|line| line.text_of("event.id") == Some(object));
    let subject = of_event.and_then(LogLine::subject).map(str::to_owned);
    if let Some(subject) = &subject {
        lines = lines_about(stack, subject, since).await?;
    }
    let mut history = History::of(subject.as_ref().unwrap_or(object), lines);
    if subject.is_some() {
        history.events.retain(|event| event.id == *object);
    }
    history.object.clone_from(object);
    history.since = time::second(since);
    if history.expects_something() {
        match list(stack).await {
            Ok(subscribers) => history.note(&subscribers),
            Err(error) => output.tell(output::warning(format!(
                "who is switched off is not known: {error}"
            ))),
        }
    }
    wait.finish_and_clear();
    output.report(&history)?;
    Ok(Verdict::Good)
}

async fn lines_about(
    stack: &Stack,
    object: &str,
    since: Timestamp,
) -> Result<Vec<LogLine>, CommandError> {
    // A pattern has no way to write a quotation mark. Without one all lines are read.
    let named = Some(object).filter(|object| !object.contains('"'));
    let window = Window {
        since,
        pattern: named.map(|object| format!("\"{object}\"")),
    };
    let mut source = LogSource::with(stack, &EVENT_FUNCTIONS, window);
    source.next().await
}

impl History {
    fn of(object: &str, lines: Vec<LogLine>) -> Self {
        let mut events: Vec<EventHistory> = Vec::new();
        for line in lines {
            let (Some(id), Some(subject)) = (line.text_of("event.id"), line.subject()) else {
                continue;
            };
            if subject != object && id != object {
                continue;
            }
            match events.iter_mut().find(|event| event.id == id) {
                Some(event) => event.lines.push(line),
                None => events.push(EventHistory {
                    id: id.to_owned(),
                    kind: line.text_of("event.type").unwrap_or_default().to_owned(),
                    subject: subject.to_owned(),
                    lines: vec![line],
                    expected: BTreeMap::new(),
                }),
            }
        }
        // Earlier events first: a later one of the same object may wait behind them.
        let mut open = BTreeMap::new();
        for event in &mut events {
            event.expected = expected(&event.lines, &mut open);
        }
        Self {
            object: object.to_owned(),
            events,
            since: String::new(),
        }
    }

    fn expects_something(&self) -> bool {
        self.events.iter().any(|event| !event.expected.is_empty())
    }

    /// Notes which of the expected steps do not come, because the subscriber is off or gone.
    fn note(&mut self, subscribers: &[Listed]) {
        for event in &mut self.events {
            for (name, next) in &mut event.expected {
                let health = subscribers.iter().find(|one| one.name == *name);
                next.note(health.map(|one| &one.health));
            }
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            let Self { object, since, .. } = self;
            return writeln!(
                formatter,
                "The logs since {since} have nothing about {object}. A longer time: --since 30d. A change that was not published yet is in no log: wagrun status."
            );
        }
        for event in &self.events {
            event.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for EventHistory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = output::heading(&self.kind);
        writeln!(formatter, "{kind}  {}  {}", self.subject, self.id)?;
        let mut subscribers: BTreeMap<&str, Vec<&LogLine>> = BTreeMap::new();
        for line in &self.lines {
            match line.text_of("subscriber") {
                Some(name) => subscribers.entry(name).or_default().push(line),
                None => writeln!(formatter, "  {}", said(line))?,
            }
        }
        for name in self.expected.keys() {
            subscribers.entry(name).or_default();
        }
        for (name, lines) in subscribers {
            writeln!(formatter, "  {name}")?;
            for line in lines {
                writeln!(formatter, "    {}", said(line))?;
            }
            match self.expected.get(name) {
                Some(Next::GivenUp) => {
                    let text = format!(
                        "{}: wagrun redrive deliveries --subscriber {name}",
                        Next::GivenUp
                    );
                    writeln!(formatter, "    {}", output::bad(text))?;
                }
                Some(Next::SubscriberOff) => writeln!(
                    formatter,
                    "    {}: wagrun subscribers enable {name}",
                    Next::SubscriberOff
                )?,
                Some(next) => writeln!(formatter, "    {next}")?,
                None => {}
            }
        }
        Ok(())
    }
}

/// Formats a line with its time: `21:46:46.907  attempt 1  delivered  204  12 ms`.
fn said(line: &LogLine) -> String {
    let step = Step { line: line.clone() };
    format!("{}  {}", time::millisecond(line.at), step.what())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    const ID: &str = "0f2c8f6e-7d1b-4c8e-9a53-6f0a4a1f7f10";

    fn line(function: &'static str, millis: u32, fields: Value) -> LogLine {
        let mut all = json!({"timestamp": format!("2026-11-21T21:46:46.{millis:03}Z"), "event.id": ID,
                             "event.type": "wagtail.page.published", "event.subject": "page/42"});
        all.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        LogLine::new(function, Timestamp::UNIX_EPOCH, all.to_string())
    }

    #[test]
    fn each_subscriber_has_its_attempts_in_order() {
        let tried = |subscriber: &str, attempt: u32, outcome: &str, status: u16| {
            json!({"message": "delivery attempted", "subscriber": subscriber, "attempt": attempt,
                   "outcome": outcome, "status": status, "duration_ms": 12})
        };
        let lines = vec![
            line("content-events", 40, json!({"message": "published"})),
            line(
                "fan-out",
                50,
                json!({"message": "fanned out", "deliveries": 2}),
            ),
            line("deliver", 80, tried("cdn", 1, "delivered", 200)),
            line("deliver", 90, tried("search", 1, "refused", 500)),
            line(
                "deliver",
                95,
                json!({"message": "published", "event.subject": "page/421"}),
            ),
            line("deliver", 100, tried("search", 2, "delivered", 204)),
        ];
        let text = History::of("page/42", lines.clone()).to_string();
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "\
wagtail.page.published  page/42  0f2c8f6e-7d1b-4c8e-9a53-6f0a4a1f7f10
  2026-11-21 21:46:46.040  published
  2026-11-21 21:46:46.050  fanned out to 2 subscribers
  cdn
    2026-11-21 21:46:46.080  attempt 1  delivered  200  12 ms
  search
    2026-11-21 21:46:46.090  attempt 1  refused  500  12 ms
    2026-11-21 21:46:46.100  attempt 2  delivered  204  12 ms
"
        );
        assert_eq!(History::of(ID, lines.clone()).events.len(), 1);
        assert!(History::of("page/4", lines).events.is_empty());
    }
}
