//! How each subscriber fares with each event, by what is known.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use wagrun_delivery::subscriber::RetrySchedule;

use crate::log::Line;
use testing::receiver::Delivery;

use super::OBSERVER;
use super::board::{Attempt, Card, Concern, Control, Fate, Known, State};

/// The event that a request is about: a template's payload has no id but this.
pub fn event_id(delivery: &Delivery) -> Option<Uuid> {
    let header = delivery.header("webhook-id").and_then(|id| id.parse().ok());
    header.or_else(|| delivery.event.as_ref().ok().map(|event| event.id))
}

impl Known<'_> {
    /// Those with a control, and whoever else was sent the event; the page itself is none of them.
    pub(super) fn names_for(&self, id: Uuid) -> Vec<String> {
        let mut names = self.names.to_vec();
        for delivery in self.deliveries {
            let name = &delivery.subscriber;
            if event_id(delivery) == Some(id) && name != OBSERVER && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    pub(super) fn control(&self, name: &str, cards: &[Card]) -> Control {
        let member = self.members.get(name);
        let is_waiting = |line: &&Fate| line.subscriber == name && !line.state.is_over();
        Control {
            name: name.to_owned(),
            mode: self.modes.get(name).copied().unwrap_or_default(),
            disabled: member.and_then(|member| member.disabled.clone()),
            invalid: match member {
                None => Some("it has no parameter".to_owned()),
                Some(member) => member.subscriber.as_ref().err().cloned(),
            },
            waiting: cards
                .iter()
                .flat_map(|card| &card.lines)
                .filter(is_waiting)
                .count(),
        }
    }

    /// Requests and log lines are of the same attempts: a line is of the last request before it.
    pub(super) fn attempts(&self, id: Uuid, name: &str) -> Vec<Attempt> {
        let mut requests = self
            .deliveries
            .iter()
            .filter(|one| one.subscriber == name && event_id(one) == Some(id))
            .peekable();
        let mut attempts: Vec<Attempt> = Vec::new();
        for line in self.of_event(id, name).filter(|line| line.is_attempt()) {
            let mut request = None;
            // The line's time has no microseconds.
            let at = line.at + SignedDuration::from_millis(1);
            while let Some(one) = requests.next_if(|one| one.received_at <= at) {
                if let Some(lost) = request.replace(one) {
                    attempts.push(attempt(lost, attempts.len()));
                }
            }
            let unlogged = request.map(|request| attempt(request, attempts.len()));
            attempts.push(Attempt {
                number: line.attempt.unwrap_or_default(),
                at: unlogged.as_ref().map_or(line.at, |attempt| attempt.at),
                outcome: line.outcome.clone(),
                status: line.status,
                duration_ms: line.duration_ms,
                signature: unlogged.and_then(|attempt| attempt.signature),
            });
        }
        for request in requests {
            attempts.push(attempt(request, attempts.len()));
        }
        attempts
    }

    pub(super) fn state(
        &self,
        id: Uuid,
        name: &str,
        attempts: &[Attempt],
        ahead: Option<&String>,
    ) -> State {
        let key = (id, name.to_owned());
        let Some(last) = attempts.last() else {
            return match (self.laid_away(id, name), self.concerns.get(&key)) {
                (Some(state), _) => state,
                (None, Some(Concern::Filtered) | None) => State::NotForIt,
                (None, Some(Concern::Off)) => State::Off,
                (None, Some(Concern::Concerned)) => match ahead {
                    Some(kind) => State::Behind { kind: kind.clone() },
                    None => State::Waiting,
                },
            };
        };
        if last.is_delivered() {
            return State::Delivered;
        }
        if let Some(state) = self.laid_away(id, name) {
            return state;
        }
        if self.dead.contains(&key) {
            return State::GivenUp;
        }
        match (last.status, &last.outcome) {
            (Some(410), _) => return State::SwitchedOff,
            (None, None) => return State::Asked { since: last.at },
            _ => {}
        }
        match self.schedule(name).wait(last.number) {
            None => State::LastFailed,
            Some(wait) => State::Retrying {
                attempt: last.number + 1,
                at: last.ended() + SignedDuration::try_from(wait).unwrap_or_default(),
            },
        }
    }

    fn schedule(&self, name: &str) -> &RetrySchedule {
        let subscriber = self.members.get(name).map(|member| &member.subscriber);
        match subscriber {
            Some(Ok(subscriber)) => subscriber.retry.as_ref().unwrap_or(self.schedule),
            _ => self.schedule,
        }
    }

    /// Whether deliver dropped it or set it aside, when that was the last that it did.
    fn laid_away(&self, id: Uuid, name: &str) -> Option<State> {
        let last = self.of_event(id, name).last()?;
        let outcome = (!last.is_attempt()).then(|| last.outcome.clone())??;
        Some(match &*outcome {
            "set aside" => State::SetAside,
            _ => State::Dropped { outcome },
        })
    }

    fn of_event(&self, id: Uuid, name: &str) -> impl Iterator<Item = &Line> {
        self.log.iter().filter(move |line| {
            line.event_id == Some(id)
                && line.subscriber.as_deref() == Some(name)
                && line.outcome.is_some()
        })
    }
}

impl Attempt {
    fn is_delivered(&self) -> bool {
        match &self.outcome {
            Some(outcome) => outcome == "delivered",
            None => self.status.is_some_and(|status| status / 100 == 2),
        }
    }

    fn ended(&self) -> Timestamp {
        let duration = self.duration_ms.and_then(|ms| i64::try_from(ms).ok());
        self.at + SignedDuration::from_millis(duration.unwrap_or_default())
    }
}

/// A request of which deliver's log says nothing yet, after so many others.
fn attempt(request: &Delivery, before: usize) -> Attempt {
    Attempt {
        number: u32::try_from(before + 1).unwrap_or(u32::MAX),
        at: request.received_at,
        outcome: None,
        status: request.status.map(|status| status.as_u16()),
        duration_ms: None,
        signature: Some(request.signature.clone()),
    }
}
