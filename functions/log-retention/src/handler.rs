//! The edge: takes Lambda's types and returns counts and lists.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tracing::{Instrument, Span, info_span};
use wagrun_lambda::telemetry::failed;

use crate::answer::Answer;
use crate::request::Request;
use crate::run::LogRetention;

/// Time before the function's own deadline at which a run begins nothing more.
const SHUTDOWN_MARGIN: Duration = Duration::from_secs(20);

/// Checks the stack's log groups once.
///
/// # Errors
/// Fails for an unknown payload, after a step that failed, and if the time was not enough. Lambda then retries the invocation twice,
/// and sends it to the failure destination.
pub async fn handle(
    log_retention: &LogRetention,
    event: LambdaEvent<Value>,
) -> Result<Answer, Diagnostic> {
    let request =
        Request::parse(&event.payload).map_err(|error| failed("RequestUnknown", &error))?;
    let stop_at = event
        .context
        .deadline()
        .checked_sub(SHUTDOWN_MARGIN)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let run = async {
        match log_retention.run(&request, stop_at).await {
            Ok(answer) => {
                log_counts(&answer);
                Ok(answer)
            }
            Err(incomplete) => {
                log_counts(&incomplete.answer);
                Err(failed("LogRetentionIncomplete", incomplete.as_ref()))
            }
        }
    };
    run.instrument(span(&request)).await
}

/// Returns the span of the run, with the fields that all of its lines have.
fn span(request: &Request) -> Span {
    match request {
        Request::AllLogGroups(options) => info_span!(
            "run",
            plan = options.plan,
            enforce = options.enforce,
            delete_orphans = options.delete_orphans,
        ),
        Request::CreatedLogGroup(name) => info_span!("run", created = name),
    }
}

fn log_counts(answer: &Answer) {
    tracing::info!(
        log_groups = answer.log_groups,
        up_to_date = answer.up_to_date,
        set = answer.set.count,
        kept = answer.kept.count,
        opted_out = answer.opted_out.count,
        under_policy = answer.under_policy.count,
        orphans = answer.orphans.count,
        empty_streams = answer.empty_streams.count,
        "log groups checked"
    );
}
