//! Brings a pushed image into service: first the function migrate gets it and runs, then the web service gets it.
//!
//! # Promise
//! - An image serves only after its migrations were applied. A failed migration leaves the old version in service.
//! - One release runs at a time. Of the images that are pushed meanwhile, the newest is released next, the others never.
//! - Every release ends as `site.deployed` or `site.deployment_failed` on the event topic. The exception is a release that
//!   waits for the web service: a newer image may take its place.
//!
//! # Flow
//! Everything that happens is a message of one FIFO queue with one message group, so no two messages are handled at once.
//! Messages are pushes, results of migrate, events of the platform and requests by hand. One message is handled like this:
//!
//! 1. `message` reads it as a `Signal`.
//! 2. `releaser` observes the function or service that the release waits for.
//! 3. `decide` makes a `Decision` from the state, the signal and the observation. It makes no call.
//! 4. `releaser` carries the decision out: it notifies, saves the state and executes the command.
//! 5. The answer to the command is the next signal.
//!
//! An event of the platform is only a reason to observe. It may be lost, or belong to another operation. Therefore a
//! schedule requests a check as well.
//!
//! # Crashes
//! After a crash the message comes again, and finds the state as it was last saved.
//! - Before the state is saved: the same decision is made again. Notifications are repeated, with the same event id.
//! - After migrate was updated: the observation finds the image there.
//! - After migrate was invoked: migrate is invoked a second time, waits for its lock and finds nothing to do. The first
//!   result counts, the second is ignored.
//! - After the deployment was started: the observation finds it by its image and time, and the release takes it over.
//! - After the state was saved: the message is recognised as handled, and nothing is done twice.
//!
//! A message that keeps failing ends in the dead-letter queue. Its release continues with the next message, at the latest
//! with the check of the schedule.

mod aws_error;
mod config;
mod decide;
mod decision;
mod handler;
mod image;
mod image_repository;
mod log;
mod message;
mod migrate_function;
mod notifier;
mod observation;
mod queue;
mod refusal;
mod releaser;
mod request;
mod signal;
mod state;
mod state_store;
mod text;
mod web_service;

pub use config::{Config, WebPlatform};
pub use handler::{Handler, handle};
pub use queue::Queue;
pub use releaser::Releaser;

/// Private parts for the targets in `fuzz/`, which cargo-fuzz builds with `cfg(fuzzing)`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::image::ImageReference;
    pub use crate::message::{Message, MessageError};
    pub use crate::request::{Request, RequestError};
    pub use crate::signal::Signal;
    pub use crate::state::State;
}

#[cfg(test)]
mod tests;
