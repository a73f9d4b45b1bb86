//! Whether anything was lost, and whether every lane kept its order.

use std::collections::{BTreeMap, BTreeSet};

use super::queue::FifoQueue;
use super::receivers::Arrival;

/// Where each delivery that there should be is at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// How many there should be.
    pub owed: usize,
    /// Their receivers took them.
    pub accepted: usize,
    /// Given up, whole, in the dead-letter queue.
    pub dead: usize,
    /// Still to be tried.
    pub queued: usize,
    /// In the bucket, until their receiver takes something again.
    pub aside: usize,
    /// Nowhere.
    pub lost: Vec<String>,
    /// Taken by somebody, and owed to nobody.
    pub invented: Vec<String>,
    /// Requests that came after a later one of their lane.
    pub disordered: Vec<String>,
    /// How many requests were accepted although they had been accepted before.
    pub repeated: usize,
}

impl Account {
    /// Looks where the deliveries `owed` are, each called `<event's id>:<subscriber>` as fan-out calls it.
    pub fn of(
        owed: &BTreeSet<String>,
        arrivals: &[Arrival],
        queue: &FifoQueue,
        aside: &BTreeSet<String>,
    ) -> Self {
        let mut account = Self {
            owed: owed.len(),
            ..Self::default()
        };
        let mut accepted = BTreeSet::new();
        for arrival in arrivals.iter().filter(|arrival| arrival.accepted) {
            let name = format!("{}:{}", arrival.webhook_id, arrival.subscriber);
            if !owed.contains(&name) {
                account.invented.push(name);
            } else if !accepted.insert(name) {
                account.repeated += 1;
            }
        }
        account.accepted = accepted.len();
        let dead: BTreeSet<_> = queue
            .dead()
            .iter()
            .map(|one| &one.deduplication_id)
            .collect();
        let queued: BTreeSet<_> = queue.messages().map(|one| &one.deduplication_id).collect();
        for name in owed.iter().filter(|name| !accepted.contains(*name)) {
            if dead.contains(name) {
                account.dead += 1;
            } else if queued.contains(name) {
                account.queued += 1;
            } else if aside.contains(name) {
                account.aside += 1;
            } else {
                account.lost.push(name.clone());
            }
        }
        account.disordered = disordered(arrivals);
        account
    }

    /// Whether nothing was lost or invented, and every lane kept its order.
    pub fn is_in_order(&self) -> bool {
        self.lost.is_empty() && self.invented.is_empty() && self.disordered.is_empty()
    }
}

/// Requests, refused ones too, that came after a later one of the same subscriber and object.
fn disordered(arrivals: &[Arrival]) -> Vec<String> {
    let mut latest: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut disordered = Vec::new();
    for one in arrivals {
        let lane = (one.subscriber.as_str(), one.subject.as_str());
        // Sixteen digits each, so that texts compare as numbers do.
        let latest = latest.entry(lane).or_default();
        if one.sequence.as_str() < *latest {
            let (subscriber, subject) = lane;
            disordered.push(format!(
                "{subscriber}|{subject}: {} after {latest}",
                one.sequence
            ));
        } else {
            *latest = &one.sequence;
        }
    }
    disordered
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::fleet::queue::{NewMessage, Settings};

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
        let mut queue = FifoQueue::new(Settings {
            visibility: Duration::ZERO,
            max_receive_count: 1,
            window: Settings::WINDOW,
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
        let owed = ["1:s", "2:s", "3:s", "4:s", "5:s"]
            .map(str::to_owned)
            .into();
        let mut queue = queue(&["2:s", "3:s"]);
        queue.receive(1, Timestamp::UNIX_EPOCH);
        queue.receive(1, Timestamp::UNIX_EPOCH);
        let arrivals = [arrival("1", true), arrival("1", true), arrival("9", true)];
        let account = Account::of(&owed, &arrivals, &queue, &["5:s".to_owned()].into());
        assert_eq!((account.accepted, account.dead, account.queued), (1, 1, 1));
        assert_eq!(account.aside, 1);
        assert_eq!(account.lost, ["4:s"]);
        assert_eq!(account.invented, ["9:s"]);
        assert_eq!(account.repeated, 1);
        assert!(!account.is_in_order());
    }

    #[test]
    fn a_lane_is_in_order_when_no_later_event_was_tried_before() {
        let order = |arrivals: &[(&str, bool)]| {
            let arrivals: Vec<_> = arrivals.iter().map(|one| arrival(one.0, one.1)).collect();
            disordered(&arrivals)
        };
        let repeated = [("1", false), ("1", true), ("1", true), ("3", true)];
        assert_eq!(order(&repeated), [""; 0]);
        let skipped = [("1", false), ("2", false), ("1", true)];
        assert_eq!(order(&skipped), ["s|page/1: 1 after 2"]);
    }
}
