//! The next step of an event at each of its subscribers, as far as the logs tell.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::logs::LogLine;
use crate::subscribers::{FailedAttempt, Health};
use crate::time;

/// The next step of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Next {
    /// Another attempt.
    Attempt {
        /// Its time by the schedule.
        at: Timestamp,
    },
    /// The event waits until an earlier one of the same object is accepted or given up.
    Behind {
        /// The id of the earlier event.
        event: String,
    },
    /// It waits in the bucket, until its subscriber accepts something.
    SetAside,
    /// The last attempt failed.
    GivenUp,
    /// deliver has not said anything about it.
    FirstAttempt,
    /// It waits until the subscriber is switched on.
    SubscriberOff,
    /// There is no such subscriber any more.
    SubscriberGone,
}

/// Returns the expected step of each delivery that is not done. `open` has, by subscriber, the earlier event of the same object that is
/// not done; it is brought up to date.
pub fn expected(lines: &[LogLine], open: &mut BTreeMap<String, String>) -> BTreeMap<String, Next> {
    let mut newest: BTreeMap<&str, Option<&LogLine>> = BTreeMap::new();
    for line in lines {
        if let Some(names) = line.text_of("receivers") {
            for name in names.split(' ') {
                newest.entry(name).or_default();
            }
        }
        if let (Some(name), Some(_)) = (line.text_of("subscriber"), line.text_of("outcome")) {
            newest.insert(name, Some(line));
        }
    }
    let id = lines.first().and_then(|line| line.text_of("event.id"));
    let mut all = BTreeMap::new();
    for (name, line) in newest {
        let next = match line {
            None => Some(match open.get(name) {
                Some(event) => Next::Behind {
                    event: event.clone(),
                },
                None => Next::FirstAttempt,
            }),
            Some(line) => after(line),
        };
        match &next {
            // The first open event is the one that holds the others back.
            Some(Next::Attempt { .. } | Next::FirstAttempt | Next::SetAside) => {
                let id = id.unwrap_or_default().to_owned();
                open.entry(name.to_owned()).or_insert(id);
            }
            Some(Next::Behind { .. }) => {}
            Some(Next::GivenUp | Next::SubscriberOff | Next::SubscriberGone) | None => {
                open.remove(name);
            }
        }
        if let Some(next) = next {
            all.insert(name.to_owned(), next);
        }
    }
    all
}

/// Returns the step after the newest line about a delivery; none when it is done.
fn after(line: &LogLine) -> Option<Next> {
    match line.text_of("outcome") {
        Some("set_aside") => return Some(Next::SetAside),
        Some("given_up") => return Some(Next::GivenUp),
        _ => {}
    }
    let failed = FailedAttempt::of(line)?;
    Some(match failed.next_at {
        Some(at) => Next::Attempt { at },
        None => Next::GivenUp,
    })
}

impl Next {
    /// Takes the state of the subscriber into account; none when it has no parameter.
    pub fn note(&mut self, health: Option<&Health>) {
        // What was given up is in the dead-letter queue, whoever it was for.
        if *self == Self::GivenUp {
            return;
        }
        match health {
            None => *self = Self::SubscriberGone,
            Some(Health::Off { .. }) => *self = Self::SubscriberOff,
            Some(_) => {}
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt { at } => write!(formatter, "next attempt at {}", time::second(*at)),
            Self::Behind { event } => write!(formatter, "waits behind {event}"),
            Self::SetAside => formatter.write_str("waits until the subscriber accepts something"),
            Self::GivenUp => formatter.write_str("given up, in the dead-letter queue"),
            Self::FirstAttempt => formatter.write_str("not attempted so far"),
            Self::SubscriberOff => formatter.write_str("waits until the subscriber is switched on"),
            Self::SubscriberGone => formatter.write_str("there is no such subscriber any more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn line(id: &str, fields: Value) -> LogLine {
        let mut all = json!({"timestamp": "2026-11-26T11:00:00Z", "event.id": id, "event.subject": "page/42"});
        let more = fields.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(more);
        LogLine::new("deliver", Timestamp::UNIX_EPOCH, all.to_string())
    }

    fn fanned_out(id: &str) -> LogLine {
        line(
            id,
            json!({"message": "fanned out", "deliveries": 2, "receivers": "cdn search"}),
        )
    }

    fn attempted(id: &str, outcome: &str, retry: Option<u32>) -> LogLine {
        line(
            id,
            json!({"message": "delivery attempted", "subscriber": "search", "attempt": 2,
                   "outcome": outcome, "retry_seconds": retry}),
        )
    }

    /// Returns what is expected of each event at the subscriber `search`, in the order of the events.
    fn of_search(events: &[Vec<LogLine>]) -> Vec<Option<String>> {
        let mut open = BTreeMap::new();
        let all = events
            .iter()
            .map(|lines| expected(lines, &mut open).remove("search"));
        all.map(|next| next.map(|next| next.to_string())).collect()
    }

    #[test]
    fn a_later_event_of_the_object_waits_behind_the_first_that_is_not_done() {
        let first = vec![fanned_out("one"), attempted("one", "refused", Some(300))];
        let events = [first, vec![fanned_out("two")], vec![fanned_out("three")]];
        let waits = Some("waits behind one".to_owned());
        assert_eq!(
            of_search(&events),
            [
                Some("next attempt at 2026-11-26 11:05:00".to_owned()),
                waits.clone(),
                waits
            ]
        );
    }

    #[test]
    fn nothing_waits_behind_a_delivery_that_is_done() {
        for (outcome, retry, expected) in [
            ("delivered", None, None),
            ("refused", None, Some("given up, in the dead-letter queue")),
        ] {
            let first = vec![fanned_out("one"), attempted("one", outcome, retry)];
            let all = of_search(&[first, vec![fanned_out("two")]]);
            let next = Some("not attempted so far".to_owned());
            assert_eq!(all, [expected.map(str::to_owned), next], "{outcome}");
        }
    }

    #[test]
    fn nothing_comes_to_a_subscriber_that_is_off_or_gone() {
        let off = Health::Off {
            reason: None,
            at: None,
            by_deliver: true,
            set_aside: true,
        };
        let attempt = Next::Attempt {
            at: Timestamp::UNIX_EPOCH,
        };
        for (next, health, expected) in [
            (attempt.clone(), Some(&off), Next::SubscriberOff),
            (Next::FirstAttempt, None, Next::SubscriberGone),
            (Next::GivenUp, Some(&off), Next::GivenUp),
            (attempt.clone(), Some(&Health::Well), attempt),
        ] {
            let mut noted = next;
            noted.note(health);
            assert_eq!(noted, expected);
        }
    }

    #[test]
    fn nothing_waits_behind_an_event_whose_last_line_is_missing() {
        let first = vec![fanned_out("one"), attempted("one", "refused", Some(300))];
        let second = vec![fanned_out("two"), attempted("two", "delivered", None)];
        let all = of_search(&[first, second, vec![fanned_out("three")]]);
        assert_eq!(all[2].as_deref(), Some("not attempted so far"));
    }

    #[test]
    fn what_was_set_aside_holds_later_events_back() {
        let aside = line(
            "one",
            json!({"message": "delivery set aside", "subscriber": "search", "outcome": "set_aside"}),
        );
        let all = of_search(&[vec![fanned_out("one"), aside], vec![fanned_out("two")]]);
        assert_eq!(
            all,
            [
                Some("waits until the subscriber accepts something".to_owned()),
                Some("waits behind one".to_owned())
            ]
        );
    }
}
