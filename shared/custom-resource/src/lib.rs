//! Answers CloudFormation for a custom resource, also when the work fails, panics or does not end in time.
//!
//! The contract is described in `crpg-ref` of CloudFormation's user guide: a PUT of at most 4096 bytes to a presigned URL.
//! Without an answer the stack waits for an hour and then fails without a reason.

mod request;
mod response;
mod serve;

pub use request::{Request, RequestType};
pub use response::Resource;
pub use serve::{ServeError, WorkError, serve};

#[cfg(test)]
mod tests;
