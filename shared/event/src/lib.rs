//! The event contract: what an event holds, which events a filter admits, and texts and identifiers for topics and queues.

mod event;
pub mod fifo;
pub mod filter;
#[cfg(test)]
mod properties;
mod sendable;

pub use event::{Event, NewEvent, SNAPSHOT};
pub use sendable::{sendable_json, sendable_text};
