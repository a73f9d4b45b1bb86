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

/// Private parts for the targets in `fuzz/`, which cargo-fuzz builds with `cfg(fuzzing)`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    use crate::{Request, Resource};

    /// Encodes the response to CloudFormation.
    pub fn encode(
        request: &Request,
        new_id: &str,
        outcome: Result<&Resource, String>,
    ) -> Result<Vec<u8>, serde_json::Error> {
        crate::response::encode(request, new_id, outcome)
    }
}

#[cfg(test)]
mod tests;
