//! Which events may be published next: the first of every object that has none in flight.

use std::collections::{HashMap, VecDeque};

use super::Outgoing;

/// Most entries in one `PublishBatch`.
const BATCH_ENTRIES: usize = 10;

/// Most bytes in one `PublishBatch`, all entries together; SNS takes 262 144 with the attributes.
const BATCH_BYTES: usize = 250 * 1024;

/// Waiting events by object, and the objects whose next event may leave.
#[derive(Debug)]
pub(super) struct Lanes {
    waiting: HashMap<String, VecDeque<Outgoing>>,
    ready: VecDeque<String>,
}

impl Lanes {
    pub(super) fn new(events: Vec<Outgoing>) -> Self {
        let mut lanes = Self {
            waiting: HashMap::new(),
            ready: VecDeque::new(),
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

    /// Up to ten events of different objects, within the size of one call; empty when none may leave now.
    pub(super) fn next_batch(&mut self) -> Vec<Outgoing> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_ENTRIES {
            let Some(object) = self.ready.pop_front() else {
                break;
            };
            let Some(lane) = self.waiting.get_mut(&object) else {
                continue;
            };
            let Some(outgoing) = lane.pop_front() else {
                continue;
            };
            if !batch.is_empty() && bytes + outgoing.json.len() > BATCH_BYTES {
                lane.push_front(outgoing);
                self.ready.push_front(object);
                break;
            }
            bytes += outgoing.json.len();
            batch.push(outgoing);
        }
        batch
    }

    /// The object's event in flight has arrived: its next one may leave.
    pub(super) fn proceed(&mut self, object: &str) {
        match self.waiting.get(object) {
            Some(lane) if !lane.is_empty() => self.ready.push_back(object.to_owned()),
            _ => {
                self.waiting.remove(object);
            }
        }
    }
}
