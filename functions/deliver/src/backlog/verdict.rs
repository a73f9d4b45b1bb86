//! What becomes of a backlog when it is looked after: the decision, which calls nobody.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use wagrun_delivery::subscriber::{Found, Subscriber};

use super::Backlog;
use crate::health::PATIENCE;

/// A subscriber that takes nothing is tried once in a quarter of an hour; a minute less, as looks are not to the second.
const BETWEEN_TRIES: SignedDuration = SignedDuration::from_mins(14);
/// What comes back is recalled lane by lane, and from the front again after this time: for recalls that came while the
/// subscriber was off, or that are dead letters.
const BETWEEN_PASSES: SignedDuration = SignedDuration::from_hours(2);
/// A backlog of which nothing was set aside is of a subscriber with few events. Its next is to be tried once more, not to
/// wait for its next hour.
const EMPTY: SignedDuration = SignedDuration::from_hours(24);
/// The backlog of nobody, and of nothing.
const GONE: SignedDuration = SignedDuration::from_hours(1);

/// What becomes of a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub enum State {
    /// Its subscriber is switched off, gone, or can't be used.
    Waiting,
    /// Its subscriber takes nothing.
    Kept,
    /// Its subscriber has taken nothing for five days, and was switched off.
    SwitchedOff,
    /// Its subscriber takes what comes.
    ComingBack,
    /// Nothing is left of it.
    Over,
}

impl From<State> for &'static str {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => "waiting",
            State::Kept => "kept",
            State::SwitchedOff => "switched_off",
            State::ComingBack => "coming_back",
            State::Over => "over",
        }
    }
}

/// What is known of a backlog.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What is written down.
    pub backlog: &'a Backlog,
    /// Whose.
    pub subscriber: Found<'a>,
    /// Whether nothing of it is in the bucket.
    pub is_empty: bool,
    /// Whether so much waits in the queue that nothing may be recalled into it.
    pub crowded: bool,
    /// Whether an operator will not wait.
    pub at_once: bool,
    /// How long it takes until everybody knows something.
    pub grace: SignedDuration,
    /// The time.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Step<'a> {
    /// Nothing.
    Leave,
    /// It is over, if nothing was set aside since it was looked at.
    Forget,
    /// This is written down.
    Note(Backlog),
    /// Its subscriber is switched off.
    SwitchOff(&'a Subscriber),
    /// Some lanes are recalled, and this is written down.
    TrySome(Backlog),
    /// The next lanes are recalled, and this is written down.
    RecallNext(Backlog),
}

impl<'a> Seen<'a> {
    /// How it fares, and what is to be done.
    pub fn verdict(&self) -> (State, Step<'a>) {
        match (self.subscriber, self.backlog.returning_since) {
            (Found::Enabled(subscriber), None) => (State::Kept, self.kept(subscriber)),
            (Found::Enabled(_), Some(since)) => (State::ComingBack, self.coming_back(since)),
            _ => (State::Waiting, self.off()),
        }
    }

    fn off(&self) -> Step<'a> {
        let is_nobodys = self.subscriber == Found::Gone && self.is_empty;
        if is_nobodys && self.since(self.backlog.since) >= GONE {
            return Step::Forget;
        }
        if self.backlog.recalled_at.is_none() {
            return Step::Leave;
        }
        // Whoever switches it on again need not wait, and its five days begin anew.
        Step::Note(Backlog {
            tried_since: None,
            recalled_at: None,
            recalled_to: None,
            ..self.backlog.clone()
        })
    }

    fn kept(&self, subscriber: &'a Subscriber) -> Step<'a> {
        let backlog = self.backlog.clone();
        if self.is_empty {
            return match self.since(backlog.since) >= EMPTY {
                true => Step::Note(backlog.returning(self.now)),
                false => Step::Leave,
            };
        }
        let in_vain = backlog.tried_since.map(|since| self.since(since));
        if in_vain.is_some_and(|in_vain| in_vain >= PATIENCE) {
            return Step::SwitchOff(subscriber);
        }
        if self.crowded || !(self.at_once || self.since_recall() >= BETWEEN_TRIES) {
            return Step::Leave;
        }
        Step::TrySome(Backlog {
            tried_since: backlog.tried_since.or(Some(self.now)),
            ..backlog
        })
    }

    fn coming_back(&self, returning_since: Timestamp) -> Step<'a> {
        if self.since(returning_since) < self.grace {
            // Somebody may not know it yet, and set more aside.
            return Step::Leave;
        }
        if self.is_empty {
            return Step::Forget;
        }
        let is_due = self.backlog.recalled_to.is_some()
            || self.at_once
            || self.since_recall() >= BETWEEN_PASSES;
        match is_due && !self.crowded {
            true => Step::RecallNext(self.backlog.clone()),
            false => Step::Leave,
        }
    }

    fn since(&self, earlier: Timestamp) -> SignedDuration {
        self.now.duration_since(earlier)
    }

    fn since_recall(&self) -> SignedDuration {
        let recalled_at = self.backlog.recalled_at;
        recalled_at.map_or(SignedDuration::MAX, |at| self.since(at))
    }
}
