//! Has every log group of the stack expire, and finds those whose writer is gone.
//!
//! # What it promises
//! A log group of the stack without a retention has one after the run. What somebody set is kept unless `enforce` is
//! asked, what carries the tag [`OPT_OUT_TAG`] is left alone, and what an account's retention policy governs is reported:
//! there a retention of its own has no effect, so that setting it would never end. No log group is touched that is not
//! the stack's ([`Selection`]), and nothing is deleted that was not asked for (`deleteOrphans`).
//!
//! # Steps, and what a failure at each does
//! 1. **Find** the stack's log groups by prefix and by tag. A prefix that can't be listed is a failure; the others go on.
//! 2. **Set** the missing retentions. A log group that fails is a failure; the others go on.
//! 3. **Report orphans**: log groups of App Runner services, Lambda functions and ECS clusters that no longer exist. Where
//!    asked, those go whose retention has passed since the last writing. Who can't be asked counts as there.
//! 4. **Report empty streams** of functions, which nobody writes to again, and delete them where asked.
//!
//! Each step may be repeated: what is done is found done. A run that failed in part, or whose time was over, fails as a
//! whole at its end, so that Lambda tries it again and it goes on where it was.

mod answer;
mod config;
mod expiry;
mod handler;
mod logs;
mod pace;
mod request;
mod retention_days;
mod run;
mod selection;
mod verdict;
mod writers;

pub use answer::{Answer, Change, Governed, Kept, Listed, Orphan, Outcome, StreamsOfGroup};
pub use config::{Config, ConfigError};
pub use handler::handle;
pub use request::{Options, Request, RequestError};
pub use retention_days::RetentionDays;
pub use run::{Incomplete, LogRetention};
pub use selection::{Selection, SelectionError, Writer};

/// A log group with this tag, whatever its value, keeps what it has.
pub const OPT_OUT_TAG: &str = "wagrun:log-retention";
/// A log group with this tag is of the stack that its value names.
pub const STACK_TAG: &str = "wagrun:stack";

#[cfg(test)]
mod tests;
