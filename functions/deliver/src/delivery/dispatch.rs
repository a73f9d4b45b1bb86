//! Parses the message of an attempt, and takes the way of its content.

use tracing::Instrument;

use super::deliverer::Deliverer;
use super::error::{DeliverError, Redelivery, Retained};
use super::message::{Attempt, Content};
use super::report::span;
use super::{recall, run};
use crate::sqs::Queue;

/// Makes the attempt that a message asks for.
///
/// # Errors
/// An error means that the message stays in its queue, hidden until its next attempt.
pub async fn handle_message(
    deliverer: &Deliverer,
    queue: &Queue,
    attempt: &Attempt<'_>,
) -> Result<(), DeliverError> {
    let Err(Retained { error, redelivery }) = dispatch(deliverer, attempt).await else {
        return Ok(());
    };
    if let Redelivery::After(delay) = redelivery {
        queue.hide(&[(attempt.receipt_handle, delay)]).await;
    }
    Err(error)
}

async fn dispatch(deliverer: &Deliverer, attempt: &Attempt<'_>) -> Result<(), Retained> {
    match attempt.content() {
        Ok(Content::Delivery(addressed)) => {
            let span = span(&addressed.lane.subscriber, &addressed.event, attempt);
            let delivery = run::deliver_event(deliverer, &addressed, attempt);
            delivery.instrument(span).await
        }
        Ok(Content::Recall(recall)) => recall::send_lane(deliverer, &recall, attempt).await,
        Err(error) => Err(Retained::not_a_delivery(error)),
    }
}
