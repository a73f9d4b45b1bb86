//! The edge: Lambda's types in, the report of the run out.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;
use wagrun_lambda::telemetry::failed;

use crate::drain::Drainer;
use crate::error::DrainError;
use crate::invocation::{Invocation, InvocationError};
use crate::report::DrainReport;

/// The time before the function's own deadline at which a run stops taking more work.
const DEADLINE_MARGIN: Duration = Duration::from_secs(20);

/// Drains the outbox for one invocation.
///
/// # Errors
/// Fails when the payload is unknown, or when a committed change could not be published. Lambda then tries twice more,
/// and sends the invocation to the failure destination.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: Lambda gives a deadline of the wall clock"
)]
pub async fn handle(
    drainer: &Drainer,
    event: LambdaEvent<Value>,
) -> Result<DrainReport, Diagnostic> {
    let invocation = Invocation::parse(&event.payload);
    let wake = invocation.as_ref().map_or("unknown", Invocation::as_str);
    let remaining = event
        .context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let stop_at = Instant::now() + remaining.saturating_sub(DEADLINE_MARGIN);
    let run = async {
        let drained = run(drainer, invocation.map_err(Into::into), stop_at).await;
        drained.map_err(|error| failed(error_type(&error), error.as_ref()))
    };
    run.instrument(tracing::info_span!("drain", wake)).await
}

/// Returns the kind of error. A request that was refused is nothing that has to be repaired.
fn error_type(error: &Error) -> &'static str {
    let refused = error.downcast_ref::<InvocationError>();
    let is_refused = refused.is_some_and(InvocationError::is_refused_request)
        || error
            .downcast_ref::<DrainError>()
            .is_some_and(DrainError::is_refused_request);
    match is_refused {
        true => "RequestRefused",
        false => "DrainFailed",
    }
}

async fn run(
    drainer: &Drainer,
    invocation: Result<Invocation, Error>,
    stop_at: Instant,
) -> Result<DrainReport, Error> {
    let invocation = invocation?;
    if let Invocation::Transactions(ids) = &invocation {
        let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
        tracing::info!(transactions = ids.join(" "), "drain started");
    } else {
        tracing::info!("drain started");
    }
    let report = drainer.run(&invocation, stop_at).await?;
    // A sweep that left the database asleep has logged its decision.
    if !report.left_asleep {
        log_drained(&report);
    }
    Ok(report)
}

fn log_drained(report: &DrainReport) {
    tracing::info!(
        published = report.published,
        nothing = report.nothing,
        removed = report.removed,
        another_drainer = report.another_drainer,
        rang_again = report.rang_again,
        backfilled = report.backfilled,
        scheduled = report.scheduled,
        unscheduled = report.unscheduled,
        retried = report.retried,
        "outbox drained"
    );
}
