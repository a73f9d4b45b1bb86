//! The edge: Lambda's types in, counts and lists out.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use wagrun_lambda::telemetry::failed;

use crate::{Answer, LogRetention, Request};

/// Time before the function's own deadline at which a run begins nothing more.
const MARGIN: Duration = Duration::from_secs(20);

/// Looks after the stack's log groups because of one invocation.
///
/// # Errors
/// When the payload is unknown, and when anything failed or was left for lack of time; Lambda then tries twice more, and the
/// failure destination has the invocation.
pub async fn handle(
    log_retention: &LogRetention,
    event: LambdaEvent<Value>,
) -> Result<Answer, Diagnostic> {
    let request =
        Request::parse(&event.payload).map_err(|error| failed("RequestUnknown", &error))?;
    tracing::info!(?request, "asked");
    let stop_at = event
        .context
        .deadline()
        .checked_sub(MARGIN)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    match log_retention.run(&request, stop_at).await {
        Ok(answer) => {
            log(&answer);
            Ok(answer)
        }
        Err(incomplete) => {
            log(&incomplete.answer);
            Err(failed("LogRetentionIncomplete", incomplete.as_ref()))
        }
    }
}

fn log(answer: &Answer) {
    tracing::info!(
        plan = answer.plan,
        log_groups = answer.log_groups,
        right = answer.right,
        set = answer.set.count,
        kept = answer.kept.count,
        opted_out = answer.opted_out.count,
        governed = answer.governed.count,
        orphans = answer.orphans.count,
        empty_streams = answer.empty_streams.count,
        "looked after the log groups"
    );
}
