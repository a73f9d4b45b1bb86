//! A subscriber and an object, and the message that brings back what was set aside of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wagrun_delivery::queue::{Message, Order};
use wagrun_delivery::{Delivery, lane};
use wagrun_event::fifo::fifo_id;

/// The seconds in which a second recall of a lane is one too many, which is as long as SQS knows its id.
const ONE_RECALL: i64 = 300;

/// A subscriber and an object: what waits in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The subscriber's name.
    pub subscriber: String,
    /// The event's subject.
    pub subject: String,
}

/// A message that asks for what was set aside of a lane to be tried. It waits in that lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    /// Which.
    pub recall: Lane,
}

impl Lane {
    /// The lane of a delivery.
    pub fn of(delivery: &Delivery<'_>, subject: &str) -> Self {
        Self {
            subscriber: delivery.subscriber.clone().into_owned(),
            subject: subject.to_owned(),
        }
    }

    /// Its message group.
    pub fn group_id(&self) -> String {
        lane(&self.subscriber, &self.subject)
    }

    /// A message that recalls it. What is sent within the same five minutes is one.
    pub fn recall(&self, now: Timestamp) -> Message {
        self.recalled_as(&format!("recall:{}", now.as_second() / ONE_RECALL))
    }

    /// A message by which one look recalls it, and no other does.
    pub fn recall_by_look(&self, now: Timestamp) -> Message {
        self.recalled_as(&format!("look:{now}"))
    }

    /// A message that takes over from the one with this id.
    pub fn recall_after(&self, message_id: &str) -> Message {
        self.recalled_as(&format!("after:{message_id}"))
    }

    fn recalled_as(&self, id: &str) -> Message {
        let recall =
            serde_json::json!({"recall": {"subscriber": self.subscriber, "subject": self.subject}});
        Message {
            subscriber: self.subscriber.clone(),
            order: Some(Order {
                group_id: self.group_id(),
                deduplication_id: fifo_id(id),
            }),
            body: recall.to_string(),
        }
    }
}
