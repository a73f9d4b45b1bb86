//! Decides what becomes of a backlog. Nothing here calls a service.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use wagrun_delivery::subscriber::{Subscriber, SubscriberStatus};

use super::store::Backlog;
use crate::subscriber_health::MAX_FAILING_TIME;

/// Time between two attempts of the sweep at a subscriber that accepts nothing. A minute less than a quarter of an hour,
/// because sweeps do not run to the second.
const TRIAL_INTERVAL: SignedDuration = SignedDuration::from_mins(14);
/// Time after which a returning backlog is recalled from its first lane again. That finds lanes whose recall came while the
/// subscriber was off, or is a dead letter.
const PASS_INTERVAL: SignedDuration = SignedDuration::from_hours(2);
/// Time after which a backlog with nothing in the bucket returns. Its subscriber has few events, and the next one is to be
/// attempted rather than wait for an hour.
const MAX_EMPTY_TIME: SignedDuration = SignedDuration::from_hours(24);
/// Time for which a subscriber is paced at least. A bulk change should not begin it twice.
const MIN_PACED_TIME: SignedDuration = SignedDuration::from_mins(9);
/// Time after which an empty backlog without a subscriber is removed.
const MAX_ORPHAN_TIME: SignedDuration = SignedDuration::from_hours(1);

/// The state of a backlog, as the sweep reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub enum State {
    /// The subscriber is switched off, has no parameter, or has one that cannot be used.
    Waiting,
    /// The subscriber's parameter was missing, and is there again.
    Found,
    /// The subscriber accepts nothing.
    Kept,
    /// The subscriber has accepted nothing so far, and is tried now. If it accepts a delivery, the backlog returns.
    Tried,
    /// The subscriber accepted nothing for five days, and the sweep has switched it off.
    SwitchedOff,
    /// The receiver is slow, and the backlog returns a few lanes at a time.
    Paced,
    /// The subscriber accepts deliveries, and the backlog returns.
    Returning,
    /// The backlog was empty and is removed.
    Removed,
}

impl From<State> for &'static str {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => "waiting",
            State::Found => "found",
            State::Kept => "kept",
            State::Tried => "tried",
            State::SwitchedOff => "switched_off",
            State::Paced => "paced",
            State::Returning => "returning",
            State::Removed => "removed",
        }
    }
}

/// The facts about a backlog that the sweep decides by.
#[derive(Debug, Clone, Copy)]
pub struct SweepFacts<'a> {
    /// The backlog's parameter.
    pub backlog: &'a Backlog,
    /// The subscriber whose backlog it is.
    pub subscriber: SubscriberStatus<'a>,
    /// True when the bucket holds nothing of it.
    pub is_empty: bool,
    /// True when the delivery queue is so long that nothing may be recalled into it.
    pub is_crowded: bool,
    /// True when an operator asks for an attempt now, however short the last one is ago.
    pub at_once: bool,
    /// Time after which every copy of the function knows of a change.
    pub settling_time: SignedDuration,
    /// The current time.
    pub now: Timestamp,
}

/// The action that the sweep takes for a backlog.
#[derive(Debug, PartialEq)]
pub enum SweepAction<'a> {
    /// Nothing is done.
    Leave,
    /// The backlog's parameter is removed, if nothing can have been set aside since the bucket was listed.
    Remove,
    /// The parameter is written.
    Write(Backlog),
    /// The subscriber is switched off.
    SwitchOff(&'a Subscriber),
    /// A few lanes are recalled, to see whether the subscriber accepts anything. The parameter is written.
    RecallSome(Backlog),
    /// A lane is recalled for each turn of the subscriber. The parameter is written.
    GiveTurns(Backlog),
    /// The next lanes are recalled. The parameter is written.
    RecallNext(Backlog),
}

/// The next step for a delivery from the bucket that its receiver has refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedDelivery {
    /// It stays in the bucket until the next sweep.
    Keep,
    /// It is attempted again when its subscriber's schedule says so.
    Retry,
    /// It goes to the dead-letter queue.
    GiveUp,
}

/// Decides about a delivery from the bucket that was refused. While the backlog neither returns nor is paced, the attempt was a
/// probe and counts for nothing.
pub fn after_refusal(counts: bool, is_last_attempt: bool) -> RefusedDelivery {
    match (counts, is_last_attempt) {
        (false, _) => RefusedDelivery::Keep,
        (true, false) => RefusedDelivery::Retry,
        (true, true) => RefusedDelivery::GiveUp,
    }
}

impl<'a> SweepFacts<'a> {
    /// Decides the state of the backlog and the action to take.
    pub fn decide(&self) -> (State, SweepAction<'a>) {
        match (self.subscriber, self.backlog.returning_since) {
            (subscriber, _)
                if subscriber != SubscriberStatus::Gone && self.backlog.gone_since.is_some() =>
            {
                (State::Found, SweepAction::Write(self.found()))
            }
            (SubscriberStatus::Enabled(_), None) if self.backlog.paced => {
                (State::Paced, self.paced())
            }
            (SubscriberStatus::Enabled(subscriber), None) => match self.kept(subscriber) {
                recall @ SweepAction::RecallSome(_) => (State::Tried, recall),
                action => (State::Kept, action),
            },
            (SubscriberStatus::Enabled(_), Some(since)) => {
                (State::Returning, self.returning(since))
            }
            _ => (State::Waiting, self.waiting()),
        }
    }

    /// Returns the record of a subscriber whose parameter is there again.
    fn found(&self) -> Backlog {
        let backlog = Backlog {
            gone_since: None,
            ..self.backlog.clone()
        };
        match self.subscriber {
            // Nothing was set aside, so the next delivery need not be a probe.
            SubscriberStatus::Enabled(_) if self.is_empty => backlog.returning(self.now),
            _ => backlog,
        }
    }

    fn waiting(&self) -> SweepAction<'a> {
        let is_orphan = self.subscriber == SubscriberStatus::Gone && self.is_empty;
        if is_orphan && self.since(self.backlog.since) >= MAX_ORPHAN_TIME {
            return SweepAction::Remove;
        }
        if self.backlog.recalled_at.is_none() {
            return SweepAction::Leave;
        }
        // A subscriber that is switched on again is tried at once, and its five days begin anew.
        SweepAction::Write(Backlog {
            tried_since: None,
            recalled_at: None,
            recalled_to: None,
            ..self.backlog.clone()
        })
    }

    fn paced(&self) -> SweepAction<'a> {
        if self.since(self.backlog.since) < self.settling_time {
            return SweepAction::Leave;
        }
        if !self.is_empty {
            return SweepAction::GiveTurns(self.backlog.clone());
        }
        match self.since(self.backlog.since) >= MIN_PACED_TIME {
            true => SweepAction::Write(self.backlog.clone().returning(self.now)),
            false => SweepAction::Leave,
        }
    }

    fn kept(&self, subscriber: &'a Subscriber) -> SweepAction<'a> {
        let backlog = self.backlog.clone();
        if self.is_empty {
            return match self.since(backlog.since) >= MAX_EMPTY_TIME {
                true => SweepAction::Write(backlog.returning(self.now)),
                false => SweepAction::Leave,
            };
        }
        let failing = backlog.tried_since.map(|since| self.since(since));
        // A parameter that cannot be used is not written, so its subscriber is tried until it is corrected.
        let can_be_switched_off = subscriber.superseded.is_none();
        if can_be_switched_off && failing.is_some_and(|failing| failing >= MAX_FAILING_TIME) {
            return SweepAction::SwitchOff(subscriber);
        }
        if self.is_crowded || !(self.at_once || self.since_recall() >= TRIAL_INTERVAL) {
            return SweepAction::Leave;
        }
        SweepAction::RecallSome(Backlog {
            tried_since: backlog.tried_since.or(Some(self.now)),
            ..backlog
        })
    }

    fn returning(&self, returning_since: Timestamp) -> SweepAction<'a> {
        if self.since(returning_since) < self.settling_time {
            // A copy of the function may not know it yet, and set more aside.
            return SweepAction::Leave;
        }
        if self.is_empty {
            return SweepAction::Remove;
        }
        let is_due = self.backlog.recalled_to.is_some()
            || self.at_once
            || self.since_recall() >= PASS_INTERVAL;
        match is_due && !self.is_crowded {
            true => SweepAction::RecallNext(self.backlog.clone()),
            false => SweepAction::Leave,
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

#[cfg(test)]
mod tests;
