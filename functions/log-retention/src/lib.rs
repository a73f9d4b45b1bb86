//! Gives every log group of the stack a retention, and finds log groups whose writer no longer exists.
//!
//! # The promise
//! After a run each log group of the stack has a retention. A retention that somebody has set is kept, unless `enforce` is
//! requested. A log group with the tag `wagrun:log-retention` is left alone. A log group under a retention policy of the
//! account is only reported: a retention of its own has no effect there, so that every run would set it again. A log group
//! that is not the stack's is never touched ([`Selection`]). Nothing is deleted unless `deleteOrphans` is requested.
//!
//! # Steps, and what a failure at each does
//! 1. **Find** the stack's log groups by prefix and by tag. A prefix that cannot be listed is a failure; the others are
//!    listed.
//! 2. **Set** the missing retentions. A log group that cannot be changed is a failure; the others are changed.
//! 3. **Report orphans**: log groups of App Runner services, Lambda functions and ECS clusters that no longer exist. On
//!    request they are deleted, if their retention has passed since the last write. A writer that cannot be looked up counts
//!    as existing.
//! 4. **Report empty streams** of functions, which nothing writes to again, and delete them on request.
//!
//! Each step may be repeated: a second run finds its result. A run with a failure, or one that is out of time, fails at its
//! end. Lambda then retries it, and it continues where it was.

mod answer;
mod cloudwatch_logs;
mod config;
mod expiry;
mod handler;
mod log_group;
mod rate_limit;
mod request;
mod retention_action;
mod retention_days;
mod run;
mod selection;
mod writer;
mod writers;

pub use config::{Config, ConfigError};
pub use handler::handle;
pub use run::LogRetention;
pub use selection::Selection;

/// Private parts for the targets in `fuzz/`, which cargo-fuzz builds with `cfg(fuzzing)`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::request::{Request, RequestError};
}

#[cfg(test)]
mod tests;
