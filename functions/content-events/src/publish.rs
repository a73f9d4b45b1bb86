//! Publishing to the FIFO topic: events of different objects at once, events of one object strictly in order.

mod lanes;
mod outgoing;
mod publication;
mod topic;

pub(crate) use outgoing::OutgoingEvent;
pub(crate) use publication::{Publication, Refusal};
pub(crate) use topic::{RefusalCause, Topic};

#[cfg(test)]
mod tests;
