//! One batch of numbered events: composed, published, and settled as the answers come.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::outbox::{
    self, CapturedChange, DecisionRecord, EventOutcome, PendingBatch, Reference, SaidVisibility,
    VisibilityRules,
};
use wagrun_lambda::telemetry::chain;

use crate::classify::{Decision, decide};
use crate::compose::compose;
use crate::context::DrainContext;
use crate::error::DrainError;
use crate::publish::{OutgoingEvent, Publication, Refusal, RefusalCause};
use crate::run_state::RunState;

/// The number of published events that are settled together, while more are published. A crash repeats at most those of one batch.
const SETTLE_BATCH_SIZE: usize = 250;
/// The time after which published events are settled, also when they are fewer.
const SETTLE_INTERVAL: Duration = Duration::from_millis(500);

/// The number of calls that may fail one after another before no more are made.
const MAX_FAILED_CALLS: usize = 16;

/// The reason for which a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchEnd {
    /// Each event is settled or was refused.
    Done,
    /// Every call failed.
    TopicDown,
    /// The time is over. Events that were not published are pending.
    TimeOver,
}

/// The result of reading the next batch while this one was published. `None` if this one is the last, or made no call.
pub(crate) type NextBatch = Option<Result<PendingBatch, sqlx::Error>>;

/// Publishes the events of a batch. Skips those of blocked objects. Settles, and reads the next batch, while calls are in flight.
///
/// The last published events are left in `state.unsettled`, so that they can be settled together with what comes next.
pub(crate) async fn publish(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    reference: &Reference,
    batch: PendingBatch,
    state: &mut RunState,
) -> Result<(BatchEnd, NextBatch), DrainError> {
    let PendingBatch { changes, is_last } = batch;
    let mut next = None;
    let mut read_after = match changes.last() {
        Some(last) if !is_last => Some(last.sequence),
        _ => None,
    };
    let events = compose_all(connection, context, reference, changes, state).await?;
    let mut publication = Publication::start(context.topic, events);
    let mut settled_at = Instant::now();
    let (mut published, mut failed_calls) = (0, 0);
    while let Some(results) = publication.next().await {
        let call_failed = results
            .refusals
            .iter()
            .any(|refusal| refusal.cause == RefusalCause::CallFailed);
        failed_calls = if call_failed { failed_calls + 1 } else { 0 };
        published += results.sequences.len();
        state.unsettled.extend(results.sequences);
        for refusal in results.refusals {
            record_refusal(connection, refusal, state).await?;
        }
        if failed_calls >= MAX_FAILED_CALLS || Instant::now() >= context.stop_at {
            publication.stop();
        }
        if state.unsettled.len() >= SETTLE_BATCH_SIZE
            || settled_at.elapsed() >= SETTLE_INTERVAL
            || publication.waits_for_settlement()
        {
            publication.during(settle(connection, state)).await?;
            settled_at = Instant::now();
            publication.release();
        }
        if publication.has_started_all()
            && let Some(after) = read_after.take()
        {
            let read = outbox::pending(connection, after, &reference.names);
            next = Some(publication.during(read).await);
        }
    }
    state.report.published += published;

    let end = if failed_calls > 0 && (published == 0 || failed_calls >= MAX_FAILED_CALLS) {
        BatchEnd::TopicDown
    } else if Instant::now() >= context.stop_at {
        BatchEnd::TimeOver
    } else {
        BatchEnd::Done
    };
    Ok((end, next))
}

/// Settles the published events that are left.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    state: &mut RunState,
) -> Result<(), DrainError> {
    outbox::settle(connection, &state.unsettled, EventOutcome::Published).await?;
    state.unsettled.clear();
    Ok(())
}

/// Decides about these changes, and composes their events.
///
/// Settles a change without a net difference. Sets an event apart that cannot be written.
async fn compose_all(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    reference: &Reference,
    mut changes: Vec<CapturedChange>,
    state: &mut RunState,
) -> Result<Vec<OutgoingEvent>, DrainError> {
    changes.retain(|change| {
        if change.is_part_only {
            state.locked_objects.insert(change.object.clone());
        }
        !state.is_blocked(&change.object)
    });
    let decisions = decide_all(&changes, &reference.rules);
    record_decisions(connection, context, &changes, &decisions).await?;
    let mut events = Vec::with_capacity(changes.len());
    let mut without_change = Vec::new();
    for (change, decision) in changes.iter().zip(&decisions) {
        let sequence = change.sequence;
        let Some(event) = compose(change, decision, context.source) else {
            without_change.push(sequence);
            continue;
        };
        match OutgoingEvent::new(sequence, event) {
            Ok(event) => events.push(event),
            Err(error) => {
                let reason = chain(&error);
                outbox::set_apart(connection, sequence, &reason).await?;
                log_set_apart(&change.object, sequence, &reason);
            }
        }
    }
    outbox::settle(connection, &without_change, EventOutcome::Nothing).await?;
    state.report.nothing += without_change.len();
    Ok(events)
}

/// Decides about changes in their order. Each is compared with the visibility that the object's event before it says.
fn decide_all(changes: &[CapturedChange], rules: &VisibilityRules) -> Vec<Decision> {
    let mut said: HashMap<&str, SaidVisibility> = HashMap::new();
    let mut decisions = Vec::with_capacity(changes.len());
    for change in changes {
        let known = said.get(change.object.as_str()).unwrap_or(&change.said);
        let decision = decide(change, known, rules);
        if change.decision.is_none() {
            said.insert(&change.object, decision.said.clone());
        }
        decisions.push(decision);
    }
    decisions
}

/// Stores the decisions that are new, so that a later publication of the same event repeats them.
async fn record_decisions(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    changes: &[CapturedChange],
    decisions: &[Decision],
) -> Result<(), DrainError> {
    let new = changes.iter().zip(decisions);
    let new = new.filter(|(change, _)| change.kind.has_visibility() && change.decision.is_none());
    let records: Vec<DecisionRecord<'_>> = new
        .map(|(change, decision)| DecisionRecord {
            sequence: change.sequence,
            object: &change.object,
            decision: decision.to_stored(),
            said: &decision.said,
        })
        .collect();
    outbox::record_decisions(connection, &records, context.decision_delay).await?;
    Ok(())
}

/// Stores the reason of a refusal. The object's later events wait for the rest of the run.
async fn record_refusal(
    connection: &mut PgConnection,
    refusal: Refusal,
    state: &mut RunState,
) -> Result<(), DrainError> {
    let is_event_fault = refusal.cause == RefusalCause::InvalidEvent;
    let (sequence, reason) = (refusal.sequence, &refusal.reason);
    if outbox::record_refusal(connection, sequence, reason, is_event_fault).await? {
        log_set_apart(&refusal.object, sequence, reason);
    }
    state.record_refusal(refusal);
    Ok(())
}

fn log_set_apart(object: &str, sequence: i64, reason: &str) {
    tracing::error!(
        event.subject = object,
        event.sequence = sequence,
        reason,
        "event set apart for an operator"
    );
}
