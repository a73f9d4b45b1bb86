//! One delivery's way from its message to the subscriber's target.
//!
//! [`dispatch`] parses the message. An event goes the way of [`run`]: load the [`facts`], [`decide`], act, and after a failure
//! decide once more. A recall goes the way of [`recall`]. [`batch`] takes many invalidations at once.

mod backoff;
mod batch;
mod decide;
mod deliverer;
mod dispatch;
mod error;
mod facts;
mod message;
mod recall;
mod report;
mod run;

pub use batch::deliver_batch;
pub use deliverer::Deliverer;
pub use dispatch::handle_message;
pub use message::Attempt;
#[cfg(fuzzing)]
pub use message::{AddressedEvent, Content};
