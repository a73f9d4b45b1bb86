//! What is told of each attempt: a line in the log, and metrics.

use std::time::Duration;

use jiff::SignedDuration;
use wagrun_delivery::subscriber::Subscriber;
use wagrun_event::Event;
use wagrun_lambda::metric::{Metrics, Unit};

use crate::TargetError;

/// An attempt that was made.
#[derive(Debug, Clone, Copy)]
pub struct Attempted<'a> {
    /// What was to be delivered.
    pub event: &'a Event,
    /// To whom.
    pub subscriber: &'a Subscriber,
    /// From 1.
    pub number: u32,
    /// How long the delivery has been waiting.
    pub age: SignedDuration,
    /// The receiver's status, where it has one, or why it was not delivered.
    pub result: Result<Option<u16>, &'a TargetError>,
    /// How long it took.
    pub duration: Duration,
}

/// Says it: event, subscriber, attempt, outcome, status and duration; no body, no URL and no secret.
pub fn report(metrics: &Metrics, attempted: &Attempted<'_>) {
    let Attempted {
        event,
        subscriber,
        number,
        age,
        result,
        duration,
    } = *attempted;
    let (outcome, status) = match result {
        Ok(status) => ("delivered", status),
        Err(error) => (error.outcome(), error.status()),
    };
    tracing::info!(
        event.id = %event.id,
        event.type = event.kind,
        event.subject = event.subject,
        subscriber = subscriber.name,
        attempt = number,
        outcome,
        status,
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        "delivery attempted"
    );
    metrics.emit(
        &[("Subscriber", &subscriber.name), ("Outcome", outcome)],
        &[
            ("Deliveries", 1.0, Unit::Count),
            (
                "Duration",
                duration.as_secs_f64() * 1000.0,
                Unit::Milliseconds,
            ),
        ],
    );
    if result.is_err() {
        // SQS leaves what was received often out of the age it reports, and that is what waits longest.
        let waiting = ("WaitingDeliverySeconds", age.as_secs_f64(), Unit::Seconds);
        metrics.emit(&[], &[waiting]);
    }
}
