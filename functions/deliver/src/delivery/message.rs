//! A message of a queue that deliver reads, and its content.

use jiff::{SignedDuration, Timestamp};
use wagrun_delivery::Delivery;
use wagrun_delivery::subscriber::Subscriber;
use wagrun_event::Event;

use crate::backlog::{Lane, Recall};

/// One attempt at a delivery: a message of its queue, as it was received this time.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The SQS message id, which stays the same in every attempt.
    pub message_id: &'a str,
    /// The message's body: the JSON of a [`Delivery`] or of a [`Recall`].
    pub body: &'a str,
    /// The SQS receipt handle of this attempt.
    pub receipt_handle: &'a str,
    /// The attempt's number, from 1.
    pub number: u32,
    /// The position in the FIFO queue, larger for later messages; none in a standard queue.
    pub sequence_number: Option<&'a str>,
    /// The time at which fan-out sent the message.
    pub sent_at: Timestamp,
    /// The time at which the attempt begins. Webhooks are signed with it.
    pub now: Timestamp,
    /// A random number from -1 to 1, by which the delay after a failure varies.
    pub jitter: f64,
}

/// The content of a message.
#[derive(Debug)]
pub enum Content<'a> {
    /// An event for one subscriber.
    Delivery(Box<AddressedEvent<'a>>),
    /// A request to go through a lane whose deliveries were set aside.
    Recall(Recall),
}

/// An event and the subscriber that it is for.
#[derive(Debug)]
pub struct AddressedEvent<'a> {
    /// The subscriber and the object.
    pub lane: Lane,
    /// The event.
    pub event: Event,
    /// The event's JSON as it was published.
    pub json: &'a str,
    /// True when fan-out could not apply the subscriber's filter.
    pub is_unfiltered: bool,
}

impl<'a> Attempt<'a> {
    /// Returns the time for which the delivery has been waiting.
    pub fn age(&self) -> SignedDuration {
        self.now.duration_since(self.sent_at)
    }

    /// Parses the body.
    pub fn content(&self) -> Result<Content<'a>, serde_json::Error> {
        if let Ok(recall) = serde_json::from_str::<Recall>(self.body) {
            return Ok(Content::Recall(recall));
        }
        let addressed = AddressedEvent::parse(self.body)?;
        Ok(Content::Delivery(Box::new(addressed)))
    }
}

impl<'a> AddressedEvent<'a> {
    /// Parses the JSON of a [`Delivery`].
    pub fn parse(body: &'a str) -> Result<Self, serde_json::Error> {
        let delivery: Delivery<'a> = serde_json::from_str(body)?;
        let event = delivery.event()?;
        Ok(Self {
            lane: Lane::of(&delivery, &event.subject),
            json: delivery.event.get(),
            is_unfiltered: delivery.unfiltered,
            event,
        })
    }

    /// Returns true when the subscriber receives the event. fan-out has decided that, unless it could not.
    pub fn is_wanted_by(&self, subscriber: &Subscriber) -> bool {
        !self.is_unfiltered || subscriber.filter.matches(&self.event)
    }
}
