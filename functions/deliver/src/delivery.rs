//! One delivery's way from its message to the subscriber's target.
//!
//! [`run`] is the way from top to bottom: read the [`message`], load the [`facts`], [`decide`], act. After an attempt that
//! failed it decides once more. [`batch`] goes the same way with many invalidations at once.

mod backoff;
mod batch;
mod decide;
mod error;
mod facts;
mod message;
mod report;
mod run;

pub use batch::deliver_batch;
pub use message::Attempt;
pub use run::Deliverer;
