//! Decides what becomes of a delivery, before and after its attempt. Nothing here calls a service.

use wagrun_delivery::subscriber::{InvalidSubscriber, Subscriber, SubscriberStatus};

use crate::backlog::{Absence, BacklogFacts};
use crate::subscriber_health::Condition;

/// The facts about a delivery that the decision before its attempt needs.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The subscriber that the delivery is for.
    pub subscriber: SubscriberStatus<'a>,
    /// False when the subscriber's filter does not let the event pass, and fan-out could not know.
    pub is_wanted: bool,
    /// True when the subscriber's schedule has an attempt of this number.
    pub has_attempt: bool,
    /// True when the message comes from a FIFO queue. Only its deliveries have an order to keep, and can be set aside.
    pub is_ordered: bool,
    /// The subscriber's backlog; none when there is none, or when the lane's name does not fit into the bucket.
    pub backlog: Option<BacklogFacts>,
    /// True when deliveries of the same lane are set aside. Loaded only for a backlog of a subscriber that is on, and for one that
    /// returns.
    pub lane_is_set_aside: bool,
}

/// The action for a delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'a> {
    /// The delivery is sent.
    Send(&'a Subscriber),
    /// The delivery is sent. If that fails, it is set aside.
    Probe(&'a Subscriber),
    /// No attempt is made.
    Skip(Skip<'a>),
}

/// The action for a delivery that is not attempted now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Skip<'a> {
    /// The delivery is set aside.
    SetAside,
    /// The delivery stays in the queue until every copy of the function knows of the backlog.
    Defer(OffReason<'a>),
    /// The same, and the backlog begins now.
    BeginBacklog(OffReason<'a>),
    /// The delivery stays in the queue, and the absence of its subscriber's parameter is recorded now.
    RecordAbsence,
    /// The delivery stays in the queue until its next attempt, because the parameter cannot be used.
    Retry(&'a InvalidSubscriber),
    /// The delivery has used up its subscriber's schedule and goes to the dead-letter queue.
    GiveUp(&'a Subscriber),
    /// The delivery is done without an attempt.
    Drop(DropReason),
}

/// The reason why a subscriber receives nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OffReason<'a> {
    /// It is switched off.
    Disabled,
    /// Its parameter cannot be used.
    Invalid(&'a InvalidSubscriber),
    /// Its parameter was not found.
    Gone,
}

/// The reason why a delivery is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The subscriber is switched off, and its queue keeps no order.
    Disabled,
    /// The subscriber has had no parameter for some time.
    Gone,
    /// The subscriber's filter does not let the event pass.
    Filtered,
}

impl DropReason {
    /// Returns the outcome in the log.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Disabled => "dropped_disabled",
            Self::Gone => "dropped_gone",
            Self::Filtered => "dropped_filtered",
        }
    }
}

/// Decides what is done with a delivery that was received.
///
/// Two invariants keep the order of a lane (see [`crate::backlog`]). A delivery is sent only when nothing of its lane is set aside.
/// The first delivery of a lane is set aside only when every copy of the function knows of the backlog, and it does not return.
pub fn before_attempt<'a>(facts: &Facts<'a>) -> Action<'a> {
    match facts.subscriber {
        SubscriberStatus::Enabled(_) if !facts.is_wanted => {
            Action::Skip(Skip::Drop(DropReason::Filtered))
        }
        SubscriberStatus::Enabled(subscriber) if facts.has_attempt => enabled(facts, subscriber),
        SubscriberStatus::Enabled(subscriber) => Action::Skip(Skip::GiveUp(subscriber)),
        SubscriberStatus::Disabled if facts.is_ordered => off(facts, OffReason::Disabled),
        SubscriberStatus::Invalid(invalid) if facts.is_ordered => {
            off(facts, OffReason::Invalid(invalid))
        }
        SubscriberStatus::Invalid(invalid) => Action::Skip(Skip::Retry(invalid)),
        SubscriberStatus::Disabled => Action::Skip(Skip::Drop(DropReason::Disabled)),
        SubscriberStatus::Gone => Action::Skip(gone(facts)),
    }
}

fn gone<'a>(facts: &Facts<'a>) -> Skip<'a> {
    match facts.backlog.map(|backlog| backlog.absence) {
        None | Some(Absence::Unknown) => Skip::RecordAbsence,
        Some(Absence::Recent) => Skip::Defer(OffReason::Gone),
        Some(Absence::Certain) => Skip::Drop(DropReason::Gone),
    }
}

fn enabled<'a>(facts: &Facts<'a>, subscriber: &'a Subscriber) -> Action<'a> {
    match facts.backlog {
        Some(_) if facts.lane_is_set_aside => Action::Skip(Skip::SetAside),
        Some(backlog) if backlog.is_settled && !backlog.is_returning => {
            match backlog.is_probe_due && !backlog.is_paced {
                true => Action::Probe(subscriber),
                false => Action::Skip(Skip::SetAside),
            }
        }
        Some(_) | None => Action::Send(subscriber),
    }
}

fn off<'a>(facts: &Facts<'a>, reason: OffReason<'a>) -> Action<'a> {
    match facts.backlog {
        // The sweep removes a backlog that returns when its bucket is empty. A copy that no longer finds it may send a later delivery
        // of this lane, so the lane may only become longer. The backlog begins again instead.
        Some(backlog) if backlog.is_returning && !facts.lane_is_set_aside => {
            Action::Skip(Skip::BeginBacklog(reason))
        }
        Some(backlog) if backlog.is_settled => Action::Skip(Skip::SetAside),
        Some(_) => Action::Skip(Skip::Defer(reason)),
        None => Action::Skip(Skip::BeginBacklog(reason)),
    }
}

/// The facts about an attempt that failed.
#[derive(Debug, Clone, Copy)]
pub struct FailureFacts {
    /// The subscriber's condition, which counts this failure.
    pub condition: Condition,
    /// True when the attempt was a probe.
    pub is_probe: bool,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// True when the queue is crowded. Loaded only for the second attempt and later ones.
    pub is_crowded: bool,
}

/// The action after an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterFailure {
    /// True when the subscriber's deliveries are set aside from now on.
    pub begins_backlog: bool,
    /// The next step of this delivery.
    pub next: NextStep,
}

/// The next step of a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// It stays in the queue until its next attempt.
    Retry,
    /// It stays in the queue until every copy of the function knows of the backlog.
    Defer,
    /// It is set aside.
    SetAside,
}

/// Decides what is done after an attempt that failed.
pub fn after_failure(facts: &FailureFacts) -> AfterFailure {
    let is_in_the_way = facts.attempt >= 2 && facts.is_crowded;
    AfterFailure {
        begins_backlog: facts.condition != Condition::Alive || is_in_the_way,
        next: match facts.condition {
            Condition::Off => NextStep::Defer,
            Condition::Alive | Condition::Dead if facts.is_probe => NextStep::SetAside,
            Condition::Alive | Condition::Dead => NextStep::Retry,
        },
    }
}

#[cfg(test)]
mod tests;
