//! Checks that no delivery was lost and that every lane kept its order.

use std::collections::{BTreeMap, BTreeSet};

use super::queue::FifoQueue;
use super::receivers::Arrival;

/// The places of all expected deliveries at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The number of expected deliveries.
    pub expected: usize,
    /// The number that receivers accepted.
    pub accepted: usize,
    /// The number in the dead-letter queue.
    pub dead_letters: usize,
    /// The number in the delivery queue.
    pub queued: usize,
    /// The number in the bucket, where they stay until their receiver accepts something again.
    pub set_aside: usize,
    /// The names of the expected deliveries that are in none of these places.
    pub lost: Vec<String>,
    /// The names of the accepted deliveries that were not expected.
    pub unexpected: Vec<String>,
    /// The requests that arrived after a later event of their lane.
    pub out_of_order: Vec<String>,
    /// The number of requests that were accepted although the delivery had been accepted before.
    pub duplicates: usize,
}

impl Audit {
    /// Finds the expected deliveries. The names are `<id of the event>:<subscriber>`, fan-out's de-duplication ids.
    pub fn of(
        expected: &BTreeSet<String>,
        arrivals: &[Arrival],
        queue: &FifoQueue,
        set_aside: &BTreeSet<String>,
    ) -> Self {
        let mut audit = Self {
            expected: expected.len(),
            ..Self::default()
        };
        let mut accepted = BTreeSet::new();
        for arrival in arrivals.iter().filter(|arrival| arrival.accepted) {
            let name = format!("{}:{}", arrival.webhook_id, arrival.subscriber);
            if !expected.contains(&name) {
                audit.unexpected.push(name);
            } else if !accepted.insert(name) {
                audit.duplicates += 1;
            }
        }
        audit.accepted = accepted.len();
        let dead: BTreeSet<_> = queue
            .dead_letters()
            .iter()
            .map(|one| &one.deduplication_id)
            .collect();
        let queued: BTreeSet<_> = queue.messages().map(|one| &one.deduplication_id).collect();
        for name in expected.iter().filter(|name| !accepted.contains(*name)) {
            if dead.contains(name) {
                audit.dead_letters += 1;
            } else if queued.contains(name) {
                audit.queued += 1;
            } else if set_aside.contains(name) {
                audit.set_aside += 1;
            } else {
                audit.lost.push(name.clone());
            }
        }
        audit.out_of_order = out_of_order(arrivals);
        audit
    }

    /// Returns true if no delivery was lost, none was unexpected, and every lane kept its order.
    pub fn is_consistent(&self) -> bool {
        self.lost.is_empty() && self.unexpected.is_empty() && self.out_of_order.is_empty()
    }
}

/// Returns the requests, also refused ones, that arrived after a later event of the same subscriber and object.
fn out_of_order(arrivals: &[Arrival]) -> Vec<String> {
    let mut latest: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut found = Vec::new();
    for one in arrivals {
        let lane = (one.subscriber.as_str(), one.subject.as_str());
        // A sequence has sixteen digits, so texts compare as numbers do.
        let latest = latest.entry(lane).or_default();
        if one.sequence.as_str() < *latest {
            let (subscriber, subject) = lane;
            found.push(format!(
                "{subscriber}|{subject}: {} after {latest}",
                one.sequence
            ));
        } else {
            *latest = &one.sequence;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::fleet::queue::{NewMessage, QueueSettings};

    fn arrival(sequence: &str, accepted: bool) -> Arrival {
        Arrival {
            subscriber: "s".to_owned(),
            webhook_id: sequence.to_owned(),
            subject: "page/1".to_owned(),
            sequence: sequence.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            accepted,
        }
    }

    fn queue(names: &[&str]) -> FifoQueue {
        let mut queue = FifoQueue::new(QueueSettings {
            visibility_timeout: Duration::ZERO,
            max_receive_count: 1,
            window: QueueSettings::DEFAULT_WINDOW,
        });
        for name in names {
            let message = NewMessage {
                group: name.to_string(),
                deduplication_id: name.to_string(),
                body: String::new(),
            };
            queue.send(message, Timestamp::UNIX_EPOCH);
        }
        queue
    }

    #[test]
    fn every_delivery_is_somewhere_or_lost() {
        let expected = ["1:s", "2:s", "3:s", "4:s", "5:s"]
            .map(str::to_owned)
            .into();
        let mut queue = queue(&["2:s", "3:s"]);
        queue.receive(1, Timestamp::UNIX_EPOCH);
        queue.receive(1, Timestamp::UNIX_EPOCH);
        let arrivals = [arrival("1", true), arrival("1", true), arrival("9", true)];
        let set_aside = ["5:s".to_owned()].into();
        let audit = Audit::of(&expected, &arrivals, &queue, &set_aside);
        assert_eq!(
            (audit.accepted, audit.dead_letters, audit.queued),
            (1, 1, 1)
        );
        assert_eq!(audit.set_aside, 1);
        assert_eq!(audit.lost, ["4:s"]);
        assert_eq!(audit.unexpected, ["9:s"]);
        assert_eq!(audit.duplicates, 1);
        assert!(!audit.is_consistent());
    }

    #[test]
    fn a_lane_is_in_order_when_no_later_event_was_tried_before() {
        let order = |arrivals: &[(&str, bool)]| {
            let arrivals: Vec<_> = arrivals.iter().map(|one| arrival(one.0, one.1)).collect();
            out_of_order(&arrivals)
        };
        let repeated = [("1", false), ("1", true), ("1", true), ("3", true)];
        assert_eq!(order(&repeated), [""; 0]);
        let skipped = [("1", false), ("2", false), ("1", true)];
        assert_eq!(order(&skipped), ["s|page/1: 1 after 2"]);
    }
}
