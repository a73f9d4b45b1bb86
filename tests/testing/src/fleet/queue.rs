//! A FIFO queue as SQS keeps one: message groups, visibility, receive counts, a dead-letter queue.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

/// SQS drops a second message of the same de-duplication id for this long.
const DEDUPLICATION: Duration = Duration::from_secs(5 * 60);

/// What a queue is created with.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// For how long a message that was received is hidden.
    pub visibility: Duration,
    /// How often a message is received before it is a dead letter.
    pub max_receive_count: u32,
    /// Among how many messages, from the oldest, SQS looks for a group that has none in flight.
    pub window: usize,
}

impl Settings {
    /// The messages that SQS looks through in a FIFO queue.
    pub const WINDOW: usize = 120_000;
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its group.
    pub group: String,
    /// By which a second one is known, within its group.
    pub deduplication_id: String,
    /// What it says.
    pub body: String,
}

/// A message in the queue, or among the dead letters.
#[derive(Debug, Clone)]
pub struct Message {
    /// Stays the same however often it is received.
    pub id: String,
    /// Its group.
    pub group: String,
    /// By which a second one was known.
    pub deduplication_id: String,
    /// What it says.
    pub body: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How often it was received.
    pub received: u32,
    /// By which the last receipt is known; none while it is visible.
    pub receipt: Option<u64>,
    /// The larger, the later it was sent.
    pub sequence_number: u64,
}

/// A message's place: they are received in this order.
type Place = u64;

/// The queue; time is passed in.
#[derive(Debug)]
pub struct FifoQueue {
    settings: Settings,
    messages: BTreeMap<Place, Message>,
    groups: HashMap<String, Group>,
    /// The first message of each group that has none in flight.
    available: BTreeSet<Place>,
    /// When which message in flight comes back.
    returns: BTreeSet<(Timestamp, Place)>,
    /// Who is in flight, by receipt, and when it comes back.
    receipts: HashMap<u64, (Timestamp, Place)>,
    seen: HashMap<(String, String), (Timestamp, String)>,
    dead: Vec<Message>,
    next_place: Place,
    next_receipt: u64,
}

#[derive(Debug, Default)]
struct Group {
    places: BTreeSet<Place>,
    in_flight: usize,
}

impl FifoQueue {
    /// An empty one.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            messages: BTreeMap::new(),
            groups: HashMap::new(),
            available: BTreeSet::new(),
            returns: BTreeSet::new(),
            receipts: HashMap::new(),
            seen: HashMap::new(),
            dead: Vec::new(),
            next_place: 0,
            next_receipt: 0,
        }
    }

    /// Takes a message, or drops it when it was sent within the last five minutes; its id either way.
    pub fn send(&mut self, new: NewMessage, now: Timestamp) -> String {
        let key = (new.group.clone(), new.deduplication_id.clone());
        if let Some((sent_at, id)) = self.seen.get(&key)
            && now.duration_since(*sent_at).unsigned_abs() < DEDUPLICATION
        {
            return id.clone();
        }
        let id = uuid::Uuid::new_v4().to_string();
        self.seen.insert(key, (now, id.clone()));
        let place = self.next_place;
        self.next_place += 1;
        let group = self.groups.entry(new.group.clone()).or_default();
        if group.places.is_empty() {
            self.available.insert(place);
        }
        group.places.insert(place);
        self.messages.insert(
            place,
            Message {
                id: id.clone(),
                group: new.group,
                deduplication_id: new.deduplication_id,
                body: new.body,
                sent_at: now,
                received: 0,
                receipt: None,
                sequence_number: place,
            },
        );
        id
    }

    /// Up to `most` messages, in order, of groups that have none in flight.
    pub fn receive(&mut self, most: usize, now: Timestamp) -> Vec<Message> {
        self.bring_back(now);
        let end = self.end_of_window();
        let mut received = Vec::new();
        while received.len() < most {
            let first = self.available.first().copied();
            let Some(first) = first.filter(|place| end.is_none_or(|end| *place < end)) else {
                break;
            };
            self.available.remove(&first);
            let group = self.messages[&first].group.clone();
            let places: Vec<Place> = self.groups[&group]
                .places
                .iter()
                .copied()
                .take(most - received.len())
                .collect();
            for place in places {
                received.push(self.hand_out(place, now));
            }
        }
        received
    }

    /// Removes a message for good; false when the receipt is no longer the last one.
    pub fn delete(&mut self, receipt: u64) -> bool {
        let Some(back) = self.receipts.remove(&receipt) else {
            return false;
        };
        self.returns.remove(&back);
        self.remove(back.1);
        true
    }

    /// Has a message come back so long from now; false when the receipt is no longer the last one.
    pub fn change_visibility(&mut self, receipt: u64, after: Duration, now: Timestamp) -> bool {
        let Some(back) = self.receipts.get_mut(&receipt) else {
            return false;
        };
        self.returns.remove(back);
        back.0 = now.saturating_add(after).unwrap_or(Timestamp::MAX);
        self.returns.insert(*back);
        true
    }

    /// When the next message in flight comes back.
    pub fn next_return(&self) -> Option<Timestamp> {
        self.returns.first().map(|(at, _)| *at)
    }

    /// How many are in the queue, those in flight among them.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many are in flight, or hidden until their next try.
    pub fn in_flight(&self) -> usize {
        self.receipts.len()
    }

    /// What is in the queue.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// The de-duplication id of all that was ever sent, and when.
    pub fn sent(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        let sent = self.seen.iter();
        sent.map(|((_, id), (at, _))| (id.as_str(), *at))
    }

    /// What was received too often.
    pub fn dead(&self) -> &[Message] {
        &self.dead
    }

    fn hand_out(&mut self, place: Place, now: Timestamp) -> Message {
        let receipt = self.next_receipt;
        self.next_receipt += 1;
        let back = now
            .saturating_add(self.settings.visibility)
            .unwrap_or(Timestamp::MAX);
        self.returns.insert((back, place));
        self.receipts.insert(receipt, (back, place));
        let message = self.messages.get_mut(&place).expect("it is in its group");
        message.received += 1;
        message.receipt = Some(receipt);
        let group = self.groups.get_mut(&message.group);
        group.expect("a message has a group").in_flight += 1;
        message.clone()
    }

    /// Makes visible what was hidden for long enough; what was received too often becomes a dead letter.
    fn bring_back(&mut self, now: Timestamp) {
        while let Some((at, place)) = self.returns.first().copied()
            && at <= now
        {
            self.returns.pop_first();
            let message = self.messages.get_mut(&place).expect("it is in flight");
            let receipt = message.receipt.take().expect("it is in flight");
            self.receipts.remove(&receipt);
            if message.received >= self.settings.max_receive_count {
                let dead = self.remove(place);
                self.dead.push(dead);
            } else {
                let group = message.group.clone();
                self.landed(&group);
            }
        }
    }

    fn remove(&mut self, place: Place) -> Message {
        let message = self.messages.remove(&place).expect("it is in flight");
        let group = self.groups.get_mut(&message.group);
        group.expect("a message has a group").places.remove(&place);
        self.landed(&message.group);
        message
    }

    /// One message fewer of this group is in flight; after the last, the group can be received from again.
    fn landed(&mut self, name: &str) {
        let group = self.groups.get_mut(name).expect("a message has a group");
        group.in_flight -= 1;
        if group.in_flight > 0 {
            return;
        }
        match group.places.first() {
            Some(first) => {
                self.available.insert(*first);
            }
            None => {
                self.groups.remove(name);
            }
        }
    }

    fn end_of_window(&self) -> Option<Place> {
        if self.messages.len() <= self.settings.window {
            return None;
        }
        self.messages.keys().nth(self.settings.window).copied()
    }
}
