//! A lane of waiting events for each object. Only the first event of an object without one in flight may be published.

use std::collections::{HashMap, VecDeque};

use super::outgoing::OutgoingEvent;

/// The maximum number of entries in one `PublishBatch`.
const MAX_BATCH_ENTRIES: usize = 10;

/// The maximum size of all entries in one `PublishBatch`, in bytes. SNS takes 262 144 with the attributes.
const MAX_BATCH_BYTES: usize = 250 * 1024;

/// Waiting events by object, and the objects whose next event may be published.
#[derive(Debug)]
pub(super) struct Lanes {
    waiting: HashMap<String, VecDeque<OutgoingEvent>>,
    ready: VecDeque<String>,
    /// Objects whose next event waits until the one before it, which the topic has accepted, is settled.
    held_back: Vec<String>,
}

impl Lanes {
    /// Sorts the events into lanes.
    pub(super) fn new(events: Vec<OutgoingEvent>) -> Self {
        let mut lanes = Self {
            waiting: HashMap::new(),
            ready: VecDeque::new(),
            held_back: Vec::new(),
        };
        for outgoing in events {
            let object = outgoing.event.subject.clone();
            let lane = lanes.waiting.entry(object.clone()).or_default();
            if lane.is_empty() {
                lanes.ready.push_back(object);
            }
            lane.push_back(outgoing);
        }
        lanes
    }

    /// Takes the events of the next call: up to ten, of different objects. Returns none when no event may be published now.
    pub(super) fn next_batch(&mut self) -> Vec<OutgoingEvent> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < MAX_BATCH_ENTRIES {
            let Some(object) = self.ready.pop_front() else {
                break;
            };
            let Some(lane) = self.waiting.get_mut(&object) else {
                continue;
            };
            let Some(outgoing) = lane.pop_front() else {
                continue;
            };
            if !batch.is_empty() && bytes + outgoing.json.len() > MAX_BATCH_BYTES {
                lane.push_front(outgoing);
                self.ready.push_front(object);
                break;
            }
            bytes += outgoing.json.len();
            batch.push(outgoing);
        }
        batch
    }

    /// Holds back the next event of an object, after the topic accepted the one in flight.
    pub(super) fn hold_back(&mut self, object: &str) {
        match self.waiting.get(object) {
            Some(lane) if !lane.is_empty() => self.held_back.push(object.to_owned()),
            _ => {
                self.waiting.remove(object);
            }
        }
    }

    /// Releases the events that are held back, after all accepted events were settled.
    pub(super) fn release(&mut self) {
        self.ready.extend(self.held_back.drain(..));
    }

    /// Returns true when no event is ready.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    /// Returns true when events are held back and no other event is ready.
    pub(super) fn waits_for_settlement(&self) -> bool {
        self.is_idle() && !self.held_back.is_empty()
    }
}
