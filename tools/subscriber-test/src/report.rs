//! The report about a test event, as text.

use std::fmt;
use std::time::Duration;

use deliver::TargetError;
use serde_json::Value;
use wagrun_delivery::subscriber::{Subscriber, Target};
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::matches::Matches;

/// The result of one event that was sent.
#[derive(Debug)]
pub struct Report {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// The event.
    pub event: Event,
    /// The HTTP status of the receiver, if its target has one, or the reason why the event was not accepted.
    pub result: Result<Option<u16>, TargetError>,
    /// The duration of the attempt.
    pub duration: Duration,
    /// The JSON of the parameter. It is not shown, because it holds secrets.
    pub parameter: Value,
    /// The number of present objects that match the filter, if they were counted.
    pub matches: Option<Matches>,
}

impl Report {
    /// Returns the outcome in deliver's log.
    pub fn outcome(&self) -> &'static str {
        match &self.result {
            Ok(_) => "delivered",
            Err(error) => error.outcome(),
        }
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
        line("outcome", &self.outcome())?;
        let status = match &self.result {
            Ok(status) => *status,
            Err(error) => error.status(),
        };
        if let Some(status) = status {
            line("status", &status)?;
        }
        line(
            "duration",
            &format_args!("{} ms", self.duration.as_millis()),
        )?;
        match (&self.result, &self.subscriber.target) {
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
        if let Err(error) = &self.result
            && let Some(reason) = error.reason_to_disable()
        {
            line("note", &format_args!("deliver would disable it: {reason}"))?;
        }
        Ok(())
    }
}

/// Formats the address of a target. Only the origin of a URL is shown, because the rest may be secret, as with Slack.
pub struct Described<'a>(pub &'a Target);

impl fmt::Display for Described<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Webhook(webhook) => {
                let origins = webhook.origins().join("/…, ");
                let signatures = match webhook.secrets.len() {
                    0 => "unsigned".to_owned(),
                    1 => "one signature".to_owned(),
                    count => format!("{count} signatures"),
                };
                write!(formatter, "webhook {origins}/…, {signatures}")
            }
            Target::EventBridge(target) => write!(formatter, "eventbridge {}", target.bus),
            Target::CloudFront(target) => {
                write!(formatter, "cloudfront {}", target.distribution)?;
                let wildcard = if target.wildcard {
                    ", with all paths below"
                } else {
                    ""
                };
                formatter.write_str(wildcard)
            }
        }
    }
}
