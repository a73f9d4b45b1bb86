//! Checks that send something through the stack.

use std::time::{Duration, Instant};

use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::{Map, json};
use uuid::Uuid;
use wagrun_event::{Event, NewEvent};

use super::check::Outcome;
use crate::call::explain;
use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::listen::{Reader, TemporaryQueue};
use crate::stack::Stack;
use crate::time;

/// The time in which the marked event must arrive.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The type of the marked event.
const KIND: &str = "subscriber.test";

/// content-events drains the outbox once.
pub async fn drain(stack: &Stack) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let answer = invoke(stack, Function::ContentEvents, &json!({"sweep": true})).await?;
    let published = answer["published"].as_u64().unwrap_or_default();
    let took = started.elapsed().as_millis();
    Ok(Outcome::Passed(format!(
        "{published} events were published, in {took} ms"
    )))
}

/// An event for a subscriber that does not exist goes from the topic to a queue of its own. No other receiver gets it.
pub async fn marked_event(stack: &Stack) -> Result<Outcome, CommandError> {
    let id = Uuid::new_v4();
    let marked = format!("doctor-{id}");
    let mut queue = TemporaryQueue::create(stack, &Reader::Subscriber(&marked)).await?;
    let outcome = send_and_wait(stack, &mut queue, id, &marked).await;
    queue.remove().await?;
    outcome
}

async fn send_and_wait(
    stack: &Stack,
    queue: &mut TemporaryQueue,
    id: Uuid,
    marked: &str,
) -> Result<Outcome, CommandError> {
    let now = time::now();
    let mut event = Event::new(NewEvent {
        id,
        source: &format!("/wagrun/{}", stack.name),
        kind: KIND.to_owned(),
        subject: format!("subscriber/{marked}"),
        time: now.to_string(),
        sequence: now.as_microsecond(),
        data: Map::new(),
    });
    event.subscriber = Some(marked.to_owned());
    let json = event.to_json().map_err(|source| CommandError::Answer {
        what: "the event",
        source,
    })?;
    let text = |value: &str| {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value);
        value
            .build()
            .map_err(|error| CommandError::argument("the event", error.to_string()))
    };
    let started = Instant::now();
    let publish = aws_sdk_sns::Client::new(&stack.aws).publish();
    let published = publish
        .topic_arn(stack.output("EventTopicArn")?)
        .message(json)
        .message_group_id(&event.subject)
        .message_deduplication_id(id.to_string())
        .message_attributes("type", text(KIND)?)
        .message_attributes("subscriber", text(marked)?)
        .send()
        .await;
    published.map_err(explain("sns:Publish"))?;
    while started.elapsed() < TIMEOUT {
        for message in queue.receive().await? {
            queue.delete(&message).await?;
            if message.body.is_some_and(|body| body.contains(marked)) {
                let took = started.elapsed().as_millis();
                return Ok(Outcome::Passed(format!("it arrived after {took} ms")));
            }
        }
    }
    Ok(Outcome::Failed(format!(
        "it did not arrive within {} s",
        TIMEOUT.as_secs()
    )))
}
