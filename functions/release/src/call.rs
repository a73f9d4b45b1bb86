//! How a refused call to AWS counts: for good, for the moment, or as no answer at all.

use std::error::Error;

use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::words::Event;

/// AWS gave no answer, or said that it can't at all: the message comes again.
#[derive(Debug, thiserror::Error)]
#[error("can't {what}: {why}")]
pub struct CallError {
    what: &'static str,
    why: String,
}

/// What every service calls "slow down".
const THROTTLED: [&str; 4] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];

impl CallError {
    /// For a call whose every failure is worth another try.
    pub fn new<E>(what: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + 'static,
    {
        let why = DisplayErrorContext(error).to_string();
        Self { what, why }
    }
}

/// Sorts the failure of an order: an [`Event`] where AWS understood and refused, an error where it gave no answer.
///
/// `not_now` are the service's codes for "at another time".
pub fn refusal<E>(
    what: &'static str,
    error: SdkError<E, HttpResponse>,
    not_now: &[&str],
) -> Result<Event, CallError>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let understood = error
        .raw_response()
        .is_some_and(|response| response.status().is_client_error());
    let code = error.code().unwrap_or_default();
    if !understood || THROTTLED.contains(&code) {
        return Err(CallError::new(what, error));
    }
    let reason = format!(
        "can't {what}: {code}: {}",
        error.message().unwrap_or_default()
    );
    Ok(if not_now.contains(&code) {
        Event::NotNow(reason)
    } else {
        Event::Refused(reason)
    })
}
