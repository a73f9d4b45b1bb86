//! One batch of numbered events: composed, published, settled as the answers come.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::outbox::{self, CapturedChange, Outcome};

use crate::compose::compose;
use crate::outcome::{Course, DrainError};
use crate::outlet::{Lookup, Outlet};
use crate::publish::{Fault, Outgoing, Refused};

/// Published events are settled when they are so many, or after so long: what a crash publishes again.
const SETTLE_EVENTS: usize = 250;
const SETTLE_AFTER: Duration = Duration::from_millis(500);

/// Calls that fail one after another, without one that succeeds, before no more are made.
const FAILING_CALLS: usize = 16;

/// The end of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// Each event is settled, or was refused.
    Done,
    /// Every call failed.
    TopicDown,
    /// The time is over; what was not published is pending.
    TimeOver,
}

/// Publishes changes that are in order, those of blocked objects left out.
pub(crate) async fn publish(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    lookup: &Lookup,
    changes: Vec<CapturedChange>,
    stop_at: Instant,
    course: &mut Course,
) -> Result<Batch, DrainError> {
    let outgoing = compose_all(connection, outlet, lookup, changes, course).await?;
    let mut publication = outlet.topic.publish(outgoing);
    let mut unsettled: Vec<i64> = Vec::new();
    let mut settled_at = Instant::now();
    let (mut published, mut failing_calls) = (0, 0);
    while let Some(answer) = publication.next().await {
        let call_failed = answer.refused.iter().any(|one| one.fault == Fault::Call);
        failing_calls = if call_failed { failing_calls + 1 } else { 0 };
        published += answer.sequences.len();
        unsettled.extend(answer.sequences);
        for one in answer.refused {
            record_refusal(connection, one, course).await?;
        }
        if failing_calls >= FAILING_CALLS || Instant::now() >= stop_at {
            publication.stop();
        }
        if unsettled.len() >= SETTLE_EVENTS || settled_at.elapsed() >= SETTLE_AFTER {
            outbox::settle(connection, &unsettled, Outcome::Published).await?;
            unsettled.clear();
            settled_at = Instant::now();
        }
    }
    outbox::settle(connection, &unsettled, Outcome::Published).await?;
    course.answer.published += published;

    Ok(
        if failing_calls > 0 && (published == 0 || failing_calls >= FAILING_CALLS) {
            Batch::TopicDown
        } else if Instant::now() >= stop_at {
            Batch::TimeOver
        } else {
            Batch::Done
        },
    )
}

/// The events of these changes. What comes to nothing is settled, and what can't be written is set apart.
async fn compose_all(
    connection: &mut PgConnection,
    outlet: Outlet<'_>,
    lookup: &Lookup,
    changes: Vec<CapturedChange>,
    course: &mut Course,
) -> Result<Vec<Outgoing>, DrainError> {
    let mut outgoing = Vec::with_capacity(changes.len());
    let mut nothing = Vec::new();
    for change in changes {
        if course.is_blocked(&change.object) {
            continue;
        }
        if change.is_part_only {
            course.locked_out.insert(change.object);
            continue;
        }
        let sequence = change.sequence;
        let Some(event) = compose(&change, &lookup.sites, outlet.source) else {
            nothing.push(sequence);
            continue;
        };
        match Outgoing::new(sequence, event) {
            Ok(event) => outgoing.push(event),
            Err(error) => {
                let reason = error.to_string();
                outbox::set_apart(connection, sequence, &reason).await?;
                tell_set_apart(&change.object, sequence, &reason);
            }
        }
    }
    outbox::settle(connection, &nothing, Outcome::Nothing).await?;
    course.answer.nothing += nothing.len();
    Ok(outgoing)
}

/// Keeps why an event was refused; its object waits for the rest of the run.
async fn record_refusal(
    connection: &mut PgConnection,
    refused: Refused,
    course: &mut Course,
) -> Result<(), DrainError> {
    let is_its_own = refused.fault == Fault::Event;
    let is_set_apart =
        outbox::record_refusal(connection, refused.sequence, &refused.reason, is_its_own).await?;
    if is_set_apart {
        tell_set_apart(&refused.object, refused.sequence, &refused.reason);
    }
    course.refuse(refused);
    Ok(())
}

fn tell_set_apart(object: &str, sequence: i64, reason: &str) {
    tracing::error!(
        event.subject = object,
        event.sequence = sequence,
        reason,
        "an event is set apart, and waits for an operator"
    );
}
