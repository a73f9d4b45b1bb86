//! The state of everything that takes part in deliveries to one subscriber.

use super::scenario::{Faults, Scenario};

/// An event of a lane, by its place in the lane, from 1.
pub type Number = u8;

/// The state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// True when the subscriber is on, by its parameter.
    pub is_on: bool,
    /// The backlog's parameter.
    pub backlog: Option<Backlog>,
    /// The highest [`Backlog::epoch`] of which every copy has known for long enough.
    pub settled_epoch: u8,
    /// The number of backlogs so far.
    pub last_epoch: u8,
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// The copies of deliver, sorted. Copies are interchangeable, so their order has no meaning.
    pub copies: Vec<Deliver>,
    /// True when a sweep has found the bucket empty, and is about to remove the backlog's parameter.
    pub sweep_is_removing: bool,
    /// The faults that may still happen.
    pub faults: Faults,
}

/// A lane: the deliveries of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lane {
    /// The number of its events.
    pub events: Number,
    /// The events in the queue in front of fan-out.
    pub event_queue: Vec<Number>,
    /// The messages of the lane in the queue in front of deliver, in their order.
    pub queue: Vec<Message>,
    /// The deliveries in the bucket, sorted as their keys are.
    pub bucket: Vec<Number>,
    /// The deliveries that the receiver accepted, in its order.
    pub accepted: Vec<Number>,
}

/// A message of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// The content.
    pub content: Content,
    /// Its visibility.
    pub visibility: Visibility,
}

/// The content of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Content {
    /// A delivery of this event.
    Delivery(Number),
    /// A recall of what is set aside of the lane.
    Recall,
}

/// The visibility of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// It can be received, now or after the wait for its next attempt.
    Visible,
    /// A copy of deliver has received it.
    Out,
    /// It is hidden for the settling time, because of this backlog.
    Deferred(Option<Backlog>),
}

/// The parameter of a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Backlog {
    /// Tells one backlog of the subscriber from a later one, as `since` does.
    pub epoch: u8,
    /// True when its deliveries come back.
    pub is_returning: bool,
    /// True when every copy has known for long enough that it returns.
    pub is_return_settled: bool,
}

/// A copy of deliver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deliver {
    /// The subscriber's state in its cache.
    pub knows_on: bool,
    /// The backlog's parameter in its cache.
    pub knows: Option<Backlog>,
    /// The work under way.
    pub work: Option<Work>,
}

/// The work of a copy with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Work {
    /// The lane, by its index.
    pub lane: usize,
    /// The content of the message. `None` for work without a message, which a safeguard rules out.
    pub content: Option<Content>,
    /// The backlog that was in the cache when the work began.
    pub knew: Option<Backlog>,
    /// The next step.
    pub step: Step,
}

/// The position of a copy in its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The facts about a delivery are loaded, and the decision is made (`facts::load`, `decide::before_attempt`).
    Decide,
    /// The receiver is called. A probe is set aside when it fails.
    Call {
        /// The delivery.
        number: Number,
        /// True for a probe.
        is_probe: bool,
        /// True when the delivery comes from the bucket.
        is_set_aside: bool,
    },
    /// The receiver has accepted the delivery. The backlog begins to return (`Backlogs::begin_return`).
    BeginReturn {
        /// The delivery.
        number: Number,
        /// True when the delivery comes from the bucket.
        is_set_aside: bool,
    },
    /// The delivery is added to the bucket (`Backlogs::set_aside`).
    SetAside(Number),
    /// A recall of the lane is sent, if the backlog returns (`Backlogs::set_aside`).
    RecallAfterSetAside,
    /// The lane's oldest delivery is read from the bucket, if the subscriber is on (`recall::send_lane`).
    ReadOldest,
    /// A delivery is removed from the bucket (`resend_lane`).
    Remove(Number),
    /// The next delivery is read from the bucket, or another recall is to go on with the lane (`resend_lane`).
    ReadNext,
    /// The message is deleted.
    Delete,
}

impl State {
    /// Returns the state before the first step.
    pub fn initial(scenario: &Scenario) -> Self {
        let lanes = scenario.events.iter().map(|events| Lane {
            events: *events,
            event_queue: (1..=*events).collect(),
            queue: Vec::new(),
            bucket: Vec::new(),
            accepted: Vec::new(),
        });
        let copy = Deliver {
            knows_on: true,
            knows: None,
            work: None,
        };
        Self {
            is_on: true,
            backlog: None,
            settled_epoch: 0,
            last_epoch: 0,
            lanes: lanes.collect(),
            copies: vec![copy; scenario.copies],
            sweep_is_removing: false,
            faults: scenario.faults,
        }
    }

    /// Returns true when nothing is set aside.
    pub fn is_bucket_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.bucket.is_empty())
    }

    /// Returns true when every copy has known of this backlog for long enough (`BacklogFacts::is_settled`).
    pub fn is_settled(&self, backlog: Backlog) -> bool {
        backlog.epoch <= self.settled_epoch
    }
}

impl Lane {
    /// Adds a message to the end of the lane.
    pub fn send(&mut self, content: Content) {
        self.queue.push(Message {
            content,
            visibility: Visibility::Visible,
        });
    }

    /// Returns true when a recall waits in the lane.
    pub fn is_recalled(&self) -> bool {
        let mut queue = self.queue.iter();
        queue.any(|message| message.content == Content::Recall)
    }
}
