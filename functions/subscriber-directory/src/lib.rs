//! Keeps the subscriber directory equal to the parameters of the subscribers.
//!
//! # The promise
//! fan-out and deliver read the directory in place of Parameter Store. A change is in it as soon as Parameter Store reports it, and
//! after the next comparison at the latest. An older reading never replaces a newer one ([`wagrun_delivery::directory`]).
//!
//! # Two ways into it
//! - **A change.** EventBridge reports that one parameter changed. The event is only a reason to read that parameter: events may be
//!   late, doubled, or in another order. Parameter Store is eventually consistent. So a reading that brings nothing new is repeated
//!   once, after two seconds.
//! - **The clock.** Every five minutes all parameters are listed, without their values. Those that differ from the directory are read.
//!   This finds changes whose event was lost, builds the directory where there is none, and renews `as_of`.
//!
//! # Crashes and failures
//! - Before the object was replaced: the directory stays as it was, until the clock finds the difference.
//! - Another writer was first: this one begins anew with what that one wrote.
//! - One parameter cannot be read: the others are written. The version of it that was in force stays, and the clock reads it again.
//!   Without such a version it counts as a parameter that cannot be used.
//! - No run succeeds for a quarter of an hour: the readers no longer use the directory, and deliver's check fails.

mod change;
mod comparison;
mod config;
mod handler;
mod parameter_store;
mod request;
mod writer;

pub use config::Config;
pub use handler::{Answer, handle};
pub use request::Request;
pub use writer::{Pauses, Writer, WriterError};

#[cfg(test)]
mod tests;
