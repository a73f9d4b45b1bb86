//! Does the work of a request and answers CloudFormation.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use reqwest::{Client, header};
use tokio::time::{Instant, timeout_at};
use wagrun_lambda::telemetry::chain;

use crate::request::{Request, RequestType};
use crate::response::{Resource, encode};

/// Time before the function's deadline at which the work is cut off, so that the answer still leaves.
pub(crate) const RESPONSE_MARGIN: Duration = Duration::from_secs(20);
/// Attempts to send the answer.
const MAX_ATTEMPTS: u32 = 3;
/// Longest time of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// A request that was not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The work failed. CloudFormation has the reason. The invocation fails too, because an alarm counts failed invocations.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The answer cannot be encoded. The type of the answer rules this out.
    #[error("cannot encode the answer to CloudFormation")]
    Encode(#[from] serde_json::Error),
    /// No attempt to send the answer succeeded.
    #[error("cannot answer CloudFormation")]
    Send(#[from] reqwest::Error),
}

/// The reason of failed work, which CloudFormation is told.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The request type is unknown.
    #[error("RequestType: {0:?} is not Create, Update or Delete")]
    RequestType(String),
    /// The work returned an error.
    #[error(transparent)]
    Failed(Box<dyn Error + Send + Sync>),
    /// The work panicked.
    #[error("the function panicked; its log has the place")]
    Panicked,
    /// The work was cut off shortly before the function's deadline.
    #[error("the work did not end in the function's time")]
    OutOfTime,
}

/// Does the work and sends its outcome to CloudFormation, also when the work panics or does not end in time.
///
/// `new_id` is the id of a resource whose creation failed. `deadline` is the function's own.
///
/// # Errors
/// Fails if the work failed, and if CloudFormation could not be answered.
pub async fn serve<F, E>(
    request: &Request,
    new_id: &str,
    deadline: Instant,
    work: impl FnOnce(RequestType) -> F,
) -> Result<(), ServeError>
where
    F: Future<Output = Result<Resource, E>>,
    E: Error + Send + Sync + 'static,
{
    let outcome = do_work(request, deadline, work).await;
    let body = encode(
        request,
        new_id,
        outcome.as_ref().map_err(|error| chain(error)),
    )?;
    send(request, &body).await?;
    outcome?;
    Ok(())
}

async fn do_work<F, E>(
    request: &Request,
    deadline: Instant,
    work: impl FnOnce(RequestType) -> F,
) -> Result<Resource, WorkError>
where
    F: Future<Output = Result<Resource, E>>,
    E: Error + Send + Sync + 'static,
{
    let request_type = RequestType::from_name(&request.request_type)
        .ok_or_else(|| WorkError::RequestType(request.request_type.clone()))?;
    let guarded = AssertUnwindSafe(async { work(request_type).await }).catch_unwind();
    let cut_off_at = deadline.checked_sub(RESPONSE_MARGIN).unwrap_or(deadline);
    match timeout_at(cut_off_at, guarded).await {
        Ok(Ok(Ok(resource))) => Ok(resource),
        Ok(Ok(Err(error))) => Err(WorkError::Failed(error.into())),
        Ok(Err(_panic)) => Err(WorkError::Panicked),
        Err(_elapsed) => Err(WorkError::OutOfTime),
    }
}

async fn send(request: &Request, body: &[u8]) -> Result<(), reqwest::Error> {
    let client = Client::builder().timeout(ATTEMPT_TIMEOUT).build()?;
    let mut attempt = 1;
    loop {
        let sent = client
            .put(&request.response_url)
            // The URL is signed for a request without a content type.
            .header(header::CONTENT_TYPE, "")
            .body(body.to_vec())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        match sent {
            Ok(_) => return Ok(()),
            // The error must not contain the URL, which permits everybody to answer in this function's place.
            Err(error) if attempt == MAX_ATTEMPTS => return Err(error.without_url()),
            Err(_) => attempt += 1,
        }
    }
}
