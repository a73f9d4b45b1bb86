//! A lane, and the message that recalls the deliveries set aside of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wagrun_delivery::queue::{FifoAttributes, Message};
use wagrun_delivery::{Delivery, lane};
use wagrun_event::fifo::fifo_id;
use wagrun_event::sendable_json;

use super::turn::Turn;

/// Seconds within which SQS drops a second message with the same deduplication id.
const DEDUPLICATION_SECONDS: i64 = 300;

/// A subscriber and an object. Deliveries of one lane are made in order, one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The subscriber's name.
    pub subscriber: String,
    /// The event's subject.
    pub subject: String,
}

/// The body of a message that asks for the deliveries set aside of a lane to be tried. The message waits in that lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    /// The lane to go through.
    pub recall: Lane,
    /// The turn of a paced subscriber that the recall has; none otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
}

impl Lane {
    /// Returns the lane of a delivery whose event has this subject.
    pub fn of(delivery: &Delivery<'_>, subject: &str) -> Self {
        Self {
            subscriber: delivery.subscriber.clone().into_owned(),
            subject: subject.to_owned(),
        }
    }

    /// Returns the lane's message group id in the delivery queue.
    pub fn group_id(&self) -> String {
        lane(&self.subscriber, &self.subject)
    }

    /// Returns a message that recalls the lane. SQS drops all but one of those sent within five minutes.
    pub fn recall(&self, now: Timestamp) -> Message {
        let period = now.as_second() / DEDUPLICATION_SECONDS;
        self.recall_with_id(&format!("recall:{period}"), None)
    }

    /// Returns a message that recalls the lane for one sweep. No other sweep's message has its deduplication id.
    pub fn recall_by_sweep(&self, now: Timestamp) -> Message {
        self.recall_with_id(&format!("look:{now}"), None)
    }

    /// Returns a message that continues the work of the recall with this message id, and keeps its turn.
    pub fn recall_after(&self, message_id: &str, turn: Option<&Turn>) -> Message {
        self.recall_with_id(&format!("after:{message_id}"), turn)
    }

    /// Returns a message that recalls the lane of a paced subscriber. `given_by` is the message that had the turn before, or the
    /// sweep.
    pub fn recall_in_turn(&self, turn: &Turn, given_by: &str) -> Message {
        self.recall_with_id(&format!("turn:{}:{given_by}", turn.number), Some(turn))
    }

    fn recall_with_id(&self, id: &str, turn: Option<&Turn>) -> Message {
        let lane = serde_json::json!({"subscriber": self.subscriber, "subject": self.subject});
        let mut recall = serde_json::json!({"recall": lane});
        if let Some(turn) = turn {
            recall["turn"] = serde_json::json!({
                "since": turn.since.to_string(), "number": turn.number, "of": turn.of,
            });
        }
        Message {
            subscriber: self.subscriber.clone(),
            fifo: Some(FifoAttributes {
                group_id: self.group_id(),
                deduplication_id: fifo_id(id),
            }),
            body: sendable_json(recall.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recall_of_any_key_is_a_message_that_sqs_accepts() {
        let lane = Lane {
            subscriber: "search".to_owned(),
            subject: "shop.note/\u{fffe}\u{1}".to_owned(),
        };
        let message = lane.recall(Timestamp::UNIX_EPOCH);
        assert!(
            message.body.contains(r"shop.note/\ufffe\u0001"),
            "{}",
            message.body
        );
        let recalled: Recall = serde_json::from_str(&message.body).unwrap();
        assert_eq!((recalled.recall, recalled.turn), (lane, None));
    }

    #[test]
    fn sqs_drops_a_recall_of_the_same_five_minutes_and_none_of_a_sweep_or_a_turn() {
        let lane = Lane {
            subscriber: "search".to_owned(),
            subject: "page/4".to_owned(),
        };
        let fifo = |message: Message| message.fifo.unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let recall = |second| fifo(lane.recall(at(second)));
        // A multiple of five minutes.
        let begin = 1_800_000_000;
        assert_eq!(recall(begin), recall(begin + 299));
        assert_ne!(recall(begin), recall(begin + 300));
        assert_ne!(recall(begin + 1), recall(begin + 301));
        assert_eq!(recall(begin).group_id, "search|page/4");
        let turn = |number| Turn {
            since: at(begin),
            number,
            of: 2,
        };
        let recalls = [
            recall(begin),
            fifo(lane.recall_by_sweep(at(begin))),
            fifo(lane.recall_by_sweep(at(begin + 1))),
            fifo(lane.recall_after("message-1", None)),
            fifo(lane.recall_after("message-2", None)),
            fifo(lane.recall_in_turn(&turn(0), "message-1")),
            fifo(lane.recall_in_turn(&turn(1), "message-1")),
            fifo(lane.recall_in_turn(&turn(0), "message-2")),
        ];
        for (place, one) in recalls.iter().enumerate() {
            let others = recalls.iter().filter(|other| *other == one);
            assert_eq!(others.count(), 1, "{place}");
        }
    }
}
