//! A CloudFormation custom resource: a domain of one's own on an App Runner service, which CloudFormation can't set.
//!
//! # What it promises
//! CloudFormation always gets its answer. After a creation the domain belongs to the service, and the answer has the
//! records that its DNS needs; App Runner serves it when it has found them there. Every request may be repeated.
//!
//! # What a crash does
//! CloudFormation waits for as long as the template says, and then takes the change back with another request. A domain
//! that is there already is not asked for again, and one that is gone counts as removed.

pub mod domain;
pub mod handler;

pub use domain::Domains;
pub use handler::handle;
