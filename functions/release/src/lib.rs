//! Brings a pushed image into service: migrate gets it and runs, then the web service gets it. One release at a time.
//!
//! # What it promises
//! An image serves only after its migrations were applied. A failed migration leaves the old version serving. Whatever is
//! pushed while a release is under way is released after it, the newest alone. Every release that was begun ends as
//! `site.deployed` or `site.deployment_failed` on the event topic, unless a newer image takes its place while it waits for
//! the web service.
//!
//! # How
//! Everything that happens is a message of one FIFO queue with one group, so no two steps run beside each other: pushes,
//! how migrate ended, what the platform says, requests by hand. A message is read, what its release waits for is looked
//! at, [`step()`] decides, and the decision is carried out: tell, save, order. An order's answer is an event like any other.
//! A platform's message is only the reason to look; it may be lost or of another operation, and so a schedule looks too.
//!
//! # What a crash does
//! The message comes again, and meets the state as it was last saved.
//! - Before the state is saved: the same is decided again. What was told is told again, with the same event id.
//! - After migrate was updated: the look finds the image there.
//! - After migrate was invoked: it is invoked a second time, waits for its lock and finds nothing to do. The first answer
//!   counts, the second is ignored.
//! - After the web service was rolled: the look finds the operation or revision by its image and time, and takes it over.
//! - After the state was saved: the message is recognised as one that was taken up, and nothing is done twice.
//!
//! A message that fails for long ends in the dead-letter queue; the release it was about goes on with the next message,
//! which the schedule sends if nobody else does.

mod announce;
mod call;
pub mod config;
pub mod handler;
mod images;
mod migrate;
mod platform;
mod queue;
mod release;
mod state;
mod step;
mod store;
mod trigger;
mod words;

pub use config::Config;
pub use handler::{Handler, handle};
pub use queue::Queue;
pub use release::Releaser;
pub use step::step;

#[cfg(test)]
mod tests;
