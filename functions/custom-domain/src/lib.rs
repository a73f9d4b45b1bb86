//! Sets a custom domain of an App Runner service, as a CloudFormation custom resource. CloudFormation has none of its own.
//!
//! # The promise
//! CloudFormation always gets its answer. After a creation the domain belongs to the service, and the answer has the DNS
//! records that it needs. App Runner serves the domain as soon as it has found these records. Every request may be repeated.
//!
//! # Crashes
//! CloudFormation waits for as long as the template says, and then rolls the change back with another request. A domain that
//! the service has already is not requested again, and a domain that the service does not have counts as removed.

mod association;
mod custom_domains;
mod handler;

pub use association::Association;
pub use custom_domains::{CustomDomainError, CustomDomains};
pub use handler::handle;

/// Private parts for the targets in `fuzz/`, which cargo-fuzz builds with `cfg(fuzzing)`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::handler::parse;
}
