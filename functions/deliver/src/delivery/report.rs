//! Reports each attempt: a line of the log, and metrics.

use std::time::Duration;

use jiff::SignedDuration;
use tracing::Span;
use wagrun_event::Event;
use wagrun_lambda::metric::{Metrics, Unit};
use wagrun_lambda::telemetry::chain;

use super::error::Redelivery;
use super::message::Attempt;
use crate::target::TargetError;

/// The outcome of one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// The receiver's HTTP status, if it has one, or the reason why the event was not delivered.
    pub result: Result<Option<u16>, &'a TargetError>,
    /// The time for which the delivery has been waiting.
    pub age: SignedDuration,
    /// The time that the attempt took.
    pub duration: Duration,
    /// The time of the next attempt, if this one failed and no other rule decides.
    pub redelivery: Redelivery,
}

/// Returns the span of an attempt, whose fields are on every line of it.
pub fn span(subscriber: &str, event: &Event, attempt: &Attempt<'_>) -> Span {
    tracing::info_span!(
        "delivery",
        subscriber,
        event.id = %event.id,
        event.type = event.kind,
        event.subject = event.subject,
        attempt = attempt.number,
    )
}

/// Reports an attempt inside its span. No body, no URL and no secret is logged.
pub fn report(metrics: &Metrics, subscriber: &str, outcome: &Outcome<'_>) {
    let (name, status) = match outcome.result {
        Ok(status) => ("delivered", status),
        Err(error) => (error.outcome(), error.status()),
    };
    let duration = outcome.duration;
    let failure = outcome.result.err();
    tracing::info!(
        outcome = name,
        status,
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        error = failure.map(|error| chain(error)),
        retry_seconds = failure.and_then(|_| outcome.redelivery.retry_seconds()),
        "delivery attempted"
    );
    metrics.emit(
        &[("Subscriber", subscriber), ("Outcome", name)],
        &[
            ("Deliveries", 1.0, Unit::Count),
            (
                "Duration",
                duration.as_secs_f64() * 1000.0,
                Unit::Milliseconds,
            ),
        ],
    );
    if outcome.result.is_err() {
        // The age that SQS reports leaves out messages that were received often, and those wait longest.
        let age = outcome.age.as_secs_f64();
        metrics.emit(&[], &[("WaitingDeliverySeconds", age, Unit::Seconds)]);
    }
}
