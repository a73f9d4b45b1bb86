//! Tells a command that AWS refused from one that got no answer.

use std::error::Error;

use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};

use crate::aws_error::AwsError;
use crate::signal::Signal;

/// The codes by which AWS services ask for fewer calls.
const THROTTLING_CODES: [&str; 4] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];

/// Returns the signal of a command that AWS refused. A command without an answer, or one that was throttled, is an error.
///
/// With one of `temporary_codes` the service says that it may accept the command later.
pub fn signal_of<E>(
    action: &'static str,
    error: SdkError<E, HttpResponse>,
    temporary_codes: &[&str],
) -> Result<Signal, AwsError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let was_refused = error
        .raw_response()
        .is_some_and(|response| response.status().is_client_error());
    let code = error.code().unwrap_or_default();
    if !was_refused || THROTTLING_CODES.contains(&code) {
        return Err(AwsError::new(action, error));
    }
    let message = error.message().unwrap_or_default();
    let reason = format!("cannot {action}: {code}: {message}");
    Ok(if temporary_codes.contains(&code) {
        Signal::CommandDeferred(reason)
    } else {
        Signal::CommandRefused(reason)
    })
}
