//! The event contract: what an event holds, which events a filter admits, and identifiers for FIFO topics and queues.

mod event;
pub mod fifo;
pub mod filter;

pub use event::{Event, NewEvent, SNAPSHOT};
