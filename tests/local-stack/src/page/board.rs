//! What the page shows: each event, and how each subscriber fares with it.
//!
//! Nothing here is guessed. An attempt is a request that the receiver got, a line of deliver's log, or both; a wait is
//! that of the schedule that deliver was deployed with; a delivery is given up when it is in the dead-letter queue.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;
use wagrun_delivery::subscriber::{RetrySchedule, Subscriber};
use wagrun_event::Event;

use crate::log::Line;
use testing::receiver::Delivery;

use super::mode::Mode;

/// The events that are shown at most; the newest.
const MOST_EVENTS: usize = 60;
/// Longer than deliver may run, after which its log has what it did.
const LOGGED_WITHIN: SignedDuration = SignedDuration::from_secs(45);

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
    /// deliver keeps it until the subscriber takes events again.
    SetAside,
    /// deliver dropped it, in its own words.
    Dropped {
        /// `dropped: disabled`, …
        outcome: String,
    },
    /// The receiver answered 410, which switches the subscriber off; the delivery is about to be set aside.
    SwitchedOff,
    /// The receiver took it.
    Delivered,
}

impl State {
    /// Whether nothing more will happen, so that the lane goes on.
    pub fn is_over(&self) -> bool {
        match self {
            Self::NotForIt | Self::Off | Self::GivenUp | Self::Dropped { .. } | Self::Delivered => {
                true
            }
            Self::Waiting
            | Self::Behind { .. }
            | Self::Asked { .. }
            | Self::Retrying { .. }
            | Self::LastFailed
            | Self::SwitchedOff
            | Self::SetAside => false,
        }
    }
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
    pub fn is_moving(&self, now: Timestamp) -> bool {
        let lines = self.events.iter().flat_map(|card| &card.lines);
        let mut moving = lines.filter(|line| {
            // What did not come from deliver is never in its log.
            let unlogged =
                |one: &Attempt| one.outcome.is_none() && now.duration_since(one.at) < LOGGED_WITHIN;
            let unlogged = line.attempts.iter().any(unlogged);
            !line.state.is_over() || unlogged
        });
        moving.next().is_some()
    }
}
