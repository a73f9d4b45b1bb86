//! The report about a test event, as text.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::json;
use wagrun_delivery::subscriber::{Subscriber, Target};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use super::matches::Matches;
use crate::sender::{Described, Sent};

/// The result of one event that was sent.
#[derive(Debug)]
pub struct Report {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// The event.
    pub event: Event,
    /// The answer of the target.
    pub sent: Sent,
    /// The number of present objects that match the filter, if they were counted.
    pub matches: Option<Matches>,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({
            "subscriber": self.subscriber.name,
            "target": Described(&self.subscriber.target).to_string(),
            "event": {"type": self.event.kind, "subject": self.event.subject, "id": self.event.id},
            "sent": self.sent,
            "matches": self.matches.as_ref().map(|matches| json!(matches)),
            "warnings": self.subscriber.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
        .serialize(serializer)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, value: &dyn fmt::Display| writeln!(formatter, "{name:<11} {value}");
        line("subscriber", &self.subscriber.parameter)?;
        line("target", &Described(&self.subscriber.target))?;
        let Event {
            kind, subject, id, ..
        } = &self.event;
        line("event", &format_args!("{kind} {subject} {id}"))?;
        line("outcome", &self.sent.outcome())?;
        if let Some(status) = self.sent.status() {
            line("status", &status)?;
        }
        line(
            "duration",
            &format_args!("{} ms", self.sent.duration.as_millis()),
        )?;
        match (&self.sent.result, &self.subscriber.target) {
            (Err(error), _) => line("error", &chain(error))?,
            (Ok(Some(_)), Target::Webhook(_)) => {}
            (Ok(None), Target::Webhook(_)) => {
                line("done", &"no request of the subscriber is for this event")?;
            }
            (Ok(_), Target::EventBridge(_)) => {
                line(
                    "done",
                    &"the event is on the bus, whose rules decide what follows",
                )?;
            }
            (Ok(_), Target::CloudFront(_)) => {
                line(
                    "done",
                    &"an invalidation of a path without a page has begun",
                )?;
            }
        }
        if let Some(matches) = &self.matches {
            line("matches", matches)?;
        }
        for warning in &self.subscriber.warnings {
            line("warning", warning)?;
        }
        let matches = self.matches.as_ref();
        if let Some((under, pages)) = matches.and_then(Matches::instead) {
            let fault = format_args!(
                "under: matches no page. It is compared with the path of data.url: {under:?} would match {pages} pages"
            );
            line("warning", &fault)?;
        } else if matches.is_some_and(Matches::is_none) {
            line("warning", &"the filter matches nothing that is there now")?;
        }
        if !self.subscriber.enabled {
            line(
                "note",
                &"the subscriber is disabled: no events are kept for it",
            )?;
        }
        if let Err(error) = &self.sent.result
            && let Some(reason) = error.reason_to_disable()
        {
            line("note", &format_args!("deliver would disable it: {reason}"))?;
        }
        Ok(())
    }
}
