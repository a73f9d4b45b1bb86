//! A FIFO queue like that of SQS: message groups, visibility timeouts, receive counts, a dead-letter queue.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

/// The time in which SQS drops a second message with the same de-duplication id.
const DEDUPLICATION_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The settings of a queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// The time for which a received message is hidden.
    pub visibility_timeout: Duration,
    /// The number of receives after which a message becomes a dead letter.
    pub max_receive_count: u32,
    /// The number of messages, from the oldest, in which SQS looks for a group without a message in flight.
    pub window: usize,
}

impl QueueSettings {
    /// The window of SQS for a FIFO queue.
    pub const DEFAULT_WINDOW: usize = 120_000;
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The message group.
    pub group: String,
    /// The de-duplication id. The queue drops a second message of the group with the same id.
    pub deduplication_id: String,
    /// The content.
    pub body: String,
}

/// A message in the queue or in the dead-letter queue.
#[derive(Debug, Clone)]
pub struct Message {
    /// The id, which is the same at each receive.
    pub id: String,
    /// The message group.
    pub group: String,
    /// The de-duplication id.
    pub deduplication_id: String,
    /// The content.
    pub body: String,
    /// The time at which it was sent.
    pub sent_at: Timestamp,
    /// The number of receives so far.
    pub received: u32,
    /// The handle of the last receive, or `None` while the message is visible.
    pub receipt: Option<u64>,
    /// A number that is larger than those of earlier messages.
    pub sequence_number: u64,
}

/// The position of a message. Messages are received in this order.
type Position = u64;

/// A FIFO queue. The caller passes in the time.
#[derive(Debug)]
pub struct FifoQueue {
    settings: QueueSettings,
    messages: BTreeMap<Position, Message>,
    groups: HashMap<String, Group>,
    /// The first message of each group that has none in flight.
    available: BTreeSet<Position>,
    /// The messages in flight, by the time at which they become visible again.
    returns: BTreeSet<(Timestamp, Position)>,
    /// The entry in `returns` of each message in flight, by its receipt.
    receipts: HashMap<u64, (Timestamp, Position)>,
    /// The time and the id of each message that was sent, by its group and de-duplication id.
    sent: HashMap<(String, String), (Timestamp, String)>,
    dead_letters: Vec<Message>,
    next_position: Position,
    next_receipt: u64,
}

#[derive(Debug, Default)]
struct Group {
    positions: BTreeSet<Position>,
    in_flight: usize,
}

impl FifoQueue {
    /// An empty queue.
    pub fn new(settings: QueueSettings) -> Self {
        Self {
            settings,
            messages: BTreeMap::new(),
            groups: HashMap::new(),
            available: BTreeSet::new(),
            returns: BTreeSet::new(),
            receipts: HashMap::new(),
            sent: HashMap::new(),
            dead_letters: Vec::new(),
            next_position: 0,
            next_receipt: 0,
        }
    }

    /// Sends a message and returns its id. A message that was already sent in the last five minutes is dropped.
    pub fn send(&mut self, new: NewMessage, now: Timestamp) -> String {
        let key = (new.group.clone(), new.deduplication_id.clone());
        if let Some((sent_at, id)) = self.sent.get(&key)
            && now.duration_since(*sent_at).unsigned_abs() < DEDUPLICATION_INTERVAL
        {
            return id.clone();
        }
        let id = uuid::Uuid::new_v4().to_string();
        self.sent.insert(key, (now, id.clone()));
        let position = self.next_position;
        self.next_position += 1;
        let group = self.groups.entry(new.group.clone()).or_default();
        if group.positions.is_empty() {
            self.available.insert(position);
        }
        group.positions.insert(position);
        self.messages.insert(
            position,
            Message {
                id: id.clone(),
                group: new.group,
                deduplication_id: new.deduplication_id,
                body: new.body,
                sent_at: now,
                received: 0,
                receipt: None,
                sequence_number: position,
            },
        );
        id
    }

    /// Receives at most `max` messages, in order, of groups without a message in flight.
    pub fn receive(&mut self, max: usize, now: Timestamp) -> Vec<Message> {
        self.return_expired(now);
        let end = self.end_of_window();
        let mut received = Vec::new();
        while received.len() < max {
            let first = self.available.first().copied();
            let Some(first) = first.filter(|position| end.is_none_or(|end| *position < end)) else {
                break;
            };
            self.available.remove(&first);
            let group = self.messages[&first].group.clone();
            let positions: Vec<Position> = self.groups[&group]
                .positions
                .iter()
                .copied()
                .take(max - received.len())
                .collect();
            for position in positions {
                received.push(self.hide(position, now));
            }
        }
        received
    }

    /// Deletes a message. Returns false if the receipt is not the last one of the message.
    pub fn delete(&mut self, receipt: u64) -> bool {
        let Some(back) = self.receipts.remove(&receipt) else {
            return false;
        };
        self.returns.remove(&back);
        self.remove(back.1);
        true
    }

    /// Makes a message visible again after this time. Returns false if the receipt is not the last one of the message.
    pub fn change_visibility(&mut self, receipt: u64, after: Duration, now: Timestamp) -> bool {
        let Some(back) = self.receipts.get_mut(&receipt) else {
            return false;
        };
        self.returns.remove(back);
        back.0 = now.saturating_add(after).unwrap_or(Timestamp::MAX);
        self.returns.insert(*back);
        true
    }

    /// Returns the time at which the next message in flight becomes visible again.
    pub fn next_return(&self) -> Option<Timestamp> {
        self.returns.first().map(|(at, _)| *at)
    }

    /// Returns the number of messages, including those in flight.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns true if the queue has no message, visible or in flight.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Returns the number of messages that are hidden.
    pub fn in_flight(&self) -> usize {
        self.receipts.len()
    }

    /// Returns the messages, including those in flight.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// Returns the de-duplication id of every message that was ever sent, and the time.
    pub fn sent(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        let sent = self.sent.iter();
        sent.map(|((_, id), (at, _))| (id.as_str(), *at))
    }

    /// Returns the messages that were received too often.
    pub fn dead_letters(&self) -> &[Message] {
        &self.dead_letters
    }

    /// Hides a message that is received.
    fn hide(&mut self, position: Position, now: Timestamp) -> Message {
        let receipt = self.next_receipt;
        self.next_receipt += 1;
        let back = now
            .saturating_add(self.settings.visibility_timeout)
            .unwrap_or(Timestamp::MAX);
        self.returns.insert((back, position));
        self.receipts.insert(receipt, (back, position));
        let message = self.messages.get_mut(&position);
        let message = message.expect("a position in a group has a message");
        message.received += 1;
        message.receipt = Some(receipt);
        let group = self.groups.get_mut(&message.group);
        group.expect("a message has a group").in_flight += 1;
        message.clone()
    }

    /// Makes messages visible whose time is over. Those that were received too often become dead letters.
    fn return_expired(&mut self, now: Timestamp) {
        while let Some((at, position)) = self.returns.first().copied()
            && at <= now
        {
            self.returns.pop_first();
            let message = self.messages.get_mut(&position);
            let message = message.expect("a message in flight exists");
            let receipt = message.receipt.take().expect("it is in flight");
            self.receipts.remove(&receipt);
            if message.received >= self.settings.max_receive_count {
                let dead_letter = self.remove(position);
                self.dead_letters.push(dead_letter);
            } else {
                let group = message.group.clone();
                self.release(&group);
            }
        }
    }

    /// Removes a message in flight.
    fn remove(&mut self, position: Position) -> Message {
        let message = self.messages.remove(&position);
        let message = message.expect("a message in flight exists");
        let group = self.groups.get_mut(&message.group);
        let positions = &mut group.expect("a message has a group").positions;
        positions.remove(&position);
        self.release(&message.group);
        message
    }

    /// Counts one message of this group less in flight. After the last one, messages of the group can be received again.
    fn release(&mut self, name: &str) {
        let group = self.groups.get_mut(name).expect("a message has a group");
        group.in_flight -= 1;
        if group.in_flight > 0 {
            return;
        }
        match group.positions.first() {
            Some(first) => {
                self.available.insert(*first);
            }
            None => {
                self.groups.remove(name);
            }
        }
    }

    fn end_of_window(&self) -> Option<Position> {
        if self.messages.len() <= self.settings.window {
            return None;
        }
        self.messages.keys().nth(self.settings.window).copied()
    }
}
