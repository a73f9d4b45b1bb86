//! Checks that send something through the stack.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;
use wagrun_event::Event;

use super::check::Outcome;
use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::listen::{Reader, TemporaryQueue};
use crate::stack::Stack;

/// The time in which the event of the marked change must arrive by the doorbell. One that rings by the log takes some seconds.
const DOORBELL_TIMEOUT: Duration = Duration::from_secs(30);
/// The time in which it must arrive after a run that no doorbell started.
const DRAINED_TIMEOUT: Duration = Duration::from_secs(20);

/// content-events drains the outbox once.
pub async fn drain(stack: &Stack) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let answer = invoke(stack, Function::ContentEvents, &json!({"sweep": true})).await?;
    if answer["left_asleep"] == true {
        return Ok(Outcome::Passed(
            "the database was about to sleep, and was left alone".to_owned(),
        ));
    }
    let published = answer["published"].as_u64().unwrap_or_default();
    let took = started.elapsed().as_millis();
    Ok(Outcome::Passed(format!(
        "{published} events were published, in {took} ms"
    )))
}

/// A change that content-events commits rings the doorbell, and its event comes to a queue of its own. The event is for a subscriber
/// that does not exist, so no other receiver gets it.
pub async fn marked_change(stack: &Stack) -> Result<Outcome, CommandError> {
    marked_change_within(stack, DOORBELL_TIMEOUT, DRAINED_TIMEOUT).await
}

async fn marked_change_within(
    stack: &Stack,
    doorbell_timeout: Duration,
    drained_timeout: Duration,
) -> Result<Outcome, CommandError> {
    let marked = format!("doctor-{}", Uuid::new_v4());
    let mut queue = TemporaryQueue::create(stack, &Reader::Subscriber(&marked)).await?;
    let timeouts = (doorbell_timeout, drained_timeout);
    let outcome = commit_and_wait(stack, &mut queue, &marked, timeouts).await;
    queue.remove().await?;
    outcome
}

async fn commit_and_wait(
    stack: &Stack,
    queue: &mut TemporaryQueue,
    marked: &str,
    (doorbell_timeout, drained_timeout): (Duration, Duration),
) -> Result<Outcome, CommandError> {
    let answer = invoke(stack, Function::ContentEvents, &json!({"mark": marked})).await?;
    let own = Function::ContentEvents.deployed(stack)?;
    if let Some(rung) = answer["marked"]["doorbell_function"].as_str()
        && rung.rsplit(':').next() != Some(own)
    {
        return Ok(Outcome::Failed(format!(
            "the database rings {rung}, and content-events is {own}: let migrate run again"
        )));
    }
    if let Some(message) = arrival(queue, marked, doorbell_timeout).await? {
        return Ok(Outcome::Passed(Way::of(&message)?.to_string()));
    }
    // A ring for a transaction of long ago. Other than a sweep, such a run always connects.
    invoke(stack, Function::ContentEvents, &json!({"xid": "3"})).await?;
    let waited = doorbell_timeout.as_secs();
    Ok(Outcome::Failed(
        match arrival(queue, marked, drained_timeout).await? {
            Some(_) => format!(
                "no doorbell rang for it within {waited} s. A run that was started by hand brought it"
            ),
            None => format!(
                "it did not arrive within {waited} s, nor after a run that was started by hand. So the topic did not bring it"
            ),
        },
    ))
}

/// Returns the message with the event of the marked change, once it is there.
async fn arrival(
    queue: &mut TemporaryQueue,
    marked: &str,
    timeout: Duration,
) -> Result<Option<Message>, CommandError> {
    let started = Instant::now();
    while started.elapsed() < timeout {
        for message in queue.receive().await? {
            queue.delete(&message).await?;
            let body = message.body.as_deref();
            if body.is_some_and(|body| body.contains(marked)) {
                return Ok(Some(message));
            }
        }
    }
    Ok(None)
}

/// The way of an event, by the clocks of the database and of SQS.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    /// The time from the capture to the claim by a run, with the doorbell and the start of the function.
    claimed: SignedDuration,
    /// The time from there to the queue, with the call of SNS.
    queued: SignedDuration,
}

impl Way {
    fn of(message: &Message) -> Result<Self, CommandError> {
        let body = message.body.as_deref().unwrap_or_default();
        let event: Event = serde_json::from_str(body).map_err(|source| CommandError::Answer {
            what: "the event",
            source,
        })?;
        let unknown = |field: &str| {
            CommandError::argument(field, "the event on the queue has no time there".to_owned())
        };
        let captured: Timestamp = event.time.parse().map_err(|_| unknown("time"))?;
        // An event is numbered when it is claimed, by the microseconds since 1970.
        let claimed = event.sequence.parse().ok();
        let claimed = claimed.and_then(|number| Timestamp::from_microsecond(number).ok());
        let claimed = claimed.ok_or_else(|| unknown("sequence"))?;
        let attributes = message.attributes.as_ref();
        let sent = attributes.and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
        let sent = sent.and_then(|sent| Timestamp::from_millisecond(sent.parse().ok()?).ok());
        let sent = sent.ok_or_else(|| unknown("SentTimestamp"))?;
        Ok(Self {
            claimed: claimed.duration_since(captured),
            queued: sent.duration_since(claimed),
        })
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milliseconds = |it: SignedDuration| it.as_millis().max(0);
        write!(
            formatter,
            "a run claimed it {} ms after its capture, and {} ms later it was in the queue",
            milliseconds(self.claimed),
            milliseconds(self.queued)
        )
    }
}

#[cfg(test)]
mod tests;
