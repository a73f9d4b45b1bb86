//! A message of a dead-letter queue.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use serde::Deserialize;

/// A message of a dead-letter queue.
#[derive(Debug)]
pub struct DeadLetter {
    /// The text.
    pub body: String,
    /// The attributes of its sender.
    pub attributes: Option<HashMap<String, MessageAttributeValue>>,
    /// The group, in a FIFO queue.
    pub group: Option<String>,
    /// The handle for deleting it.
    pub receipt: String,
    /// The id, which stays when the message is received again.
    pub id: String,
}

/// The part of a delivery that says for whom it is.
#[derive(Deserialize)]
struct Addressed<'a> {
    #[serde(borrow)]
    subscriber: Cow<'a, str>,
}

impl DeadLetter {
    /// The attributes of SQS that are needed.
    pub const ATTRIBUTES: MessageSystemAttributeName = MessageSystemAttributeName::MessageGroupId;

    /// Reads a received message; none for one that SQS gives no handle for.
    pub fn of(message: Message) -> Option<Self> {
        let group = message.attributes.as_ref();
        let group = group.and_then(|all| all.get(&Self::ATTRIBUTES)).cloned();
        Some(Self {
            body: message.body?,
            attributes: message.message_attributes,
            group,
            receipt: message.receipt_handle?,
            id: message.message_id?,
        })
    }

    /// Returns the subscriber of a delivery; none for another message.
    pub fn subscriber(&self) -> Option<&str> {
        let addressed: Addressed<'_> = serde_json::from_str(&self.body).ok()?;
        match addressed.subscriber {
            Cow::Borrowed(name) => Some(name),
            // A name with an escape is not one that can be written on the command line.
            Cow::Owned(_) => None,
        }
    }

    /// Returns a deduplication id for this message, in a FIFO queue. It is another than that of its first time, which SQS would drop
    /// when the message died within five minutes.
    pub fn deduplication_id(&self) -> Option<String> {
        self.group.as_ref()?;
        Some(format!("redrive-{}", self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(body: &str, group: Option<&str>) -> DeadLetter {
        let mut message = Message::builder()
            .message_id("7")
            .receipt_handle("r")
            .body(body);
        if let Some(group) = group {
            message = message.attributes(DeadLetter::ATTRIBUTES, group);
        }
        DeadLetter::of(message.build()).unwrap()
    }

    #[test]
    fn a_letter_keeps_its_group_and_is_known_by_its_own_id() {
        let fifo = letter(
            r#"{"subscriber":"search","event":{}}"#,
            Some("search|page/4"),
        );
        assert_eq!(fifo.subscriber(), Some("search"));
        assert_eq!(fifo.group.as_deref(), Some("search|page/4"));
        assert_eq!(fifo.deduplication_id().as_deref(), Some("redrive-7"));
        let other = letter("no JSON", None);
        assert_eq!((other.subscriber(), other.deduplication_id()), (None, None));
    }
}
