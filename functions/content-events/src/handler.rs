//! The edge: Lambda's types in, counts out.

use std::time::Duration;

use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde_json::Value;
use tokio::time::Instant;

use crate::drain::{Answer, Drainer};
use crate::wake::Wake;

/// Time before the function's own deadline at which a drain stops taking more work.
const MARGIN: Duration = Duration::from_secs(20);

/// Drains the outbox because of one invocation.
///
/// # Errors
/// When the payload is unknown, or when anything that was committed could not be published; Lambda then tries twice
/// more, and the failure destination has the invocation.
pub async fn handle(drainer: &Drainer, event: LambdaEvent<Value>) -> Result<Answer, Diagnostic> {
    let answer = drain(drainer, &event)
        .await
        .map_err(|error| wagrun_lambda::telemetry::failed("DrainFailed", error.as_ref()))?;
    tracing::info!(?answer, "drained");
    Ok(answer)
}

async fn drain(drainer: &Drainer, event: &LambdaEvent<Value>) -> Result<Answer, Error> {
    let wake = Wake::parse(&event.payload)?;
    tracing::info!(?wake, "woken");
    let remaining = event
        .context
        .deadline()
        .duration_since(std::time::SystemTime::now())
        .unwrap_or_default();
    let stop_at = Instant::now() + remaining.saturating_sub(MARGIN);
    Ok(drainer.run(&wake, stop_at).await?)
}
