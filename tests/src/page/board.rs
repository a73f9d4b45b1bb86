//! What the page shows: each event, and how each subscriber fares with it.
//!
//! Nothing here is guessed. An attempt is a request that the receiver got, a line of deliver's log, or both; a wait is
//! that of the schedule that deliver was deployed with; a delivery is given up when it is in the dead-letter queue.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;
use wagrun::event::Event;
use wagrun::subscriber::{RetrySchedule, Subscriber};

use crate::log::Line;
use crate::receiver::Delivery;

use super::mode::Mode;

/// The events that are shown at most; the newest.
const MOST_EVENTS: usize = 60;

/// A subscriber as its parameter is now.
#[derive(Debug, Clone)]
pub struct Member {
    /// The parameter, or what is wrong with it.
    pub subscriber: Result<Subscriber, String>,
    /// Why and when deliver switched it off.
    pub disabled: Option<Disabled>,
}

/// What deliver writes into the parameter of a subscriber that it switches off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disabled {
    /// In words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Whether an event is for a subscriber, as it was when the event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// It passes the filter.
    Concerned,
    /// It does not.
    Filtered,
    /// The subscriber was switched off, or its parameter could not be used.
    Off,
}

impl Concern {
    /// By the parameter as it is now, a moment after the event was `seen`.
    pub fn of(member: Option<&Member>, name: &str, event: &Event, seen: Timestamp) -> Self {
        let Some(member) = member else {
            return Self::Off;
        };
        let Ok(subscriber) = &member.subscriber else {
            return Self::Off;
        };
        let is_for_it = match &event.subscriber {
            Some(only) => only == name,
            None => !event.is_snapshot(),
        };
        let switched_off_since = member.disabled.as_ref().is_some_and(|off| off.at >= seen);
        if !is_for_it || !subscriber.filter.matches(event) {
            Self::Filtered
        } else if subscriber.enabled || switched_off_since {
            Self::Concerned
        } else {
            Self::Off
        }
    }
}

/// All that a board is made of.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Whose lines are shown, in this order.
    pub names: &'a [String],
    /// Every request that the receiver got, in the order of arrival.
    pub deliveries: &'a [Delivery],
    /// deliver's log.
    pub log: &'a [Line],
    /// What is in the dead-letter queue.
    pub dead: &'a HashSet<(Uuid, String)>,
    /// The subscribers' parameters.
    pub members: &'a BTreeMap<String, Member>,
    /// Whom each event concerns.
    pub concerns: &'a HashMap<(Uuid, String), Concern>,
    /// What the receiver answers.
    pub modes: &'a HashMap<String, Mode>,
    /// When deliver tries again, unless a subscriber has a schedule of its own.
    pub schedule: &'a RetrySchedule,
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Board {
    /// Those with a control, in their order.
    pub subscribers: Vec<Control>,
    /// The newest first.
    pub events: Vec<Card>,
}

/// A subscriber's receiver, and what waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Its name.
    pub name: String,
    /// What its receiver answers.
    pub mode: Mode,
    /// Why it is switched off, if it is.
    pub disabled: Option<Disabled>,
    /// What is wrong with its parameter, if anything is.
    pub invalid: Option<String>,
    /// How many deliveries are not over.
    pub waiting: usize,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// As it was published.
    pub event: Event,
    /// How each subscriber fares with it.
    pub lines: Vec<Fate>,
}

/// How one subscriber fares with one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fate {
    /// The subscriber.
    pub subscriber: String,
    /// Where the delivery is.
    pub state: State,
    /// What was tried, in order.
    pub attempts: Vec<Attempt>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When the receiver got it, or deliver said so.
    pub at: Timestamp,
    /// deliver's word for how it ended; none until its log has it.
    pub outcome: Option<String>,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// How long deliver waited for the answer.
    pub duration_ms: Option<u64>,
    /// Whether the signature holds, or why not; none when nothing arrived.
    pub signature: Option<Result<(), String>>,
}

/// Where a delivery is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// The filter does not let it through.
    NotForIt,
    /// The subscriber was switched off when the event came, so that nothing was queued.
    Off,
    /// In a queue, with nothing before it.
    Waiting,
    /// In its lane, behind an event that is not over.
    Behind {
        /// That event's type.
        kind: String,
    },
    /// The receiver has it and does not answer.
    Asked {
        /// Since when.
        since: Timestamp,
    },
    /// It failed and comes again.
    Retrying {
        /// The number of the next attempt.
        attempt: u32,
        /// When that is due, a tenth of the wait earlier or later.
        at: Timestamp,
    },
    /// The last attempt failed; SQS has not moved it yet.
    LastFailed,
    /// It is in the dead-letter queue.
    GivenUp,
    /// deliver dropped it, in its own words.
    Dropped {
        /// `dropped: disabled`, …
        outcome: String,
    },
    /// The receiver answered 410, which switches the subscriber off.
    SwitchedOff,
    /// The receiver took it.
    Delivered,
}

impl State {
    /// Whether nothing more will happen, so that the lane goes on.
    pub fn is_over(&self) -> bool {
        match self {
            Self::NotForIt
            | Self::Off
            | Self::GivenUp
            | Self::Dropped { .. }
            | Self::SwitchedOff
            | Self::Delivered => true,
            Self::Waiting
            | Self::Behind { .. }
            | Self::Asked { .. }
            | Self::Retrying { .. }
            | Self::LastFailed => false,
        }
    }
}

/// The event that a request is about: a template's payload has no id but this.
pub fn event_id(delivery: &Delivery) -> Option<Uuid> {
    let header = delivery.header("webhook-id").and_then(|id| id.parse().ok());
    header.or_else(|| delivery.event.as_ref().ok().map(|event| event.id))
}

impl Board {
    /// Puts together what is known.
    pub fn of(known: &Known<'_>) -> Self {
        let mut cards: Vec<Card> = Vec::new();
        // The type of the first event of each lane that is not over.
        let mut ahead: HashMap<(String, String), String> = HashMap::new();
        let mut seen = HashSet::new();
        for delivery in known.deliveries {
            let Ok(event) = &delivery.event else { continue };
            if !seen.insert(event.id) {
                continue;
            }
            let mut lines = Vec::new();
            for name in known.names_for(event.id) {
                let lane = (name.clone(), event.subject.clone());
                let attempts = known.attempts(event.id, &name);
                let state = known.state(event.id, &name, &attempts, ahead.get(&lane));
                if !state.is_over() {
                    ahead.entry(lane).or_insert_with(|| event.kind.clone());
                }
                lines.push(Fate {
                    subscriber: name,
                    state,
                    attempts,
                });
            }
            cards.push(Card {
                event: event.clone(),
                lines,
            });
        }
        let subscribers = known.names.iter().map(|name| known.control(name, &cards));
        let subscribers = subscribers.collect();
        cards.reverse();
        cards.truncate(MOST_EVENTS);
        Self {
            subscribers,
            events: cards,
        }
    }

    /// Whether some delivery is on its way to the dead-letter queue.
    pub fn has_last_failures(&self) -> bool {
        let mut lines = self.events.iter().flat_map(|card| &card.lines);
        lines.any(|line| line.state == State::LastFailed)
    }

    /// Whether something is still to happen by itself.
    pub fn is_moving(&self) -> bool {
        let lines = self.events.iter().flat_map(|card| &card.lines);
        let mut moving = lines.filter(|line| {
            let unlogged = line.attempts.iter().any(|one| one.outcome.is_none());
            !line.state.is_over() || unlogged
        });
        moving.next().is_some()
    }
}

impl Known<'_> {
    /// Those with a control, and whoever else was sent the event; the page itself is none of them.
    fn names_for(&self, id: Uuid) -> Vec<String> {
        let mut names = self.names.to_vec();
        for delivery in self.deliveries {
            let name = &delivery.subscriber;
            if event_id(delivery) == Some(id) && name != super::OBSERVER && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    fn control(&self, name: &str, cards: &[Card]) -> Control {
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
    fn attempts(&self, id: Uuid, name: &str) -> Vec<Attempt> {
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

    fn state(&self, id: Uuid, name: &str, attempts: &[Attempt], ahead: Option<&String>) -> State {
        let key = (id, name.to_owned());
        let Some(last) = attempts.last() else {
            return match (self.dropped(id, name), self.concerns.get(&key)) {
                (Some(outcome), _) => State::Dropped { outcome },
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
        if let Some(outcome) = self.dropped(id, name) {
            return State::Dropped { outcome };
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
                at: last.ended() + SignedDuration::from_secs(wait.into()),
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

    /// Why deliver dropped it, when that was the last that it did.
    fn dropped(&self, id: Uuid, name: &str) -> Option<String> {
        let last = self.of_event(id, name).last()?;
        (!last.is_attempt()).then(|| last.outcome.clone())?
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
