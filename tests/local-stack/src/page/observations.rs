//! Builds the view from observations.
//!
//! Nothing is guessed. An attempt is a request that the receiver got, a line of deliver's log, or both. The delay before an
//! attempt is that of the deployed schedule. A delivery is given up when its message is in the dead-letter queue.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use wagrun_delivery::subscriber::RetrySchedule;

use crate::log::EventLine;
use testing::receiver::WebhookRequest;

use super::eligibility::{Eligibility, SubscriberParameter};
use super::receiver_mode::ReceiverMode;
use super::view::{AttemptView, DeliveryState, DeliveryView, EventView, SubscriberView, View};

/// The subscriber that receives every event for the page itself. The page cannot make its receiver fail.
pub const OBSERVER: &str = "page";
/// The number of events that the page shows.
const MAX_EVENTS: usize = 60;

/// Everything from which the view is built.
#[derive(Debug, Clone, Copy)]
pub struct Observations<'a> {
    /// The subscribers to show, in this order.
    pub names: &'a [String],
    /// The requests that the receiver got, in the order of arrival.
    pub requests: &'a [WebhookRequest],
    /// The log of deliver.
    pub log: &'a [EventLine],
    /// The deliveries in the dead-letter queue, by event and subscriber.
    pub dead_letters: &'a HashSet<(Uuid, String)>,
    /// The parameters of the subscribers, by name.
    pub parameters: &'a BTreeMap<String, SubscriberParameter>,
    /// The relation of each event to each subscriber.
    pub eligibility: &'a HashMap<(Uuid, String), Eligibility>,
    /// The modes of the receivers that the page has changed.
    pub modes: &'a HashMap<String, ReceiverMode>,
    /// The deployed retry schedule, for subscribers without their own.
    pub schedule: &'a RetrySchedule,
}

/// Returns the id of the event in a request. The payload of a template has no id, but the header has it.
pub fn event_id(request: &WebhookRequest) -> Option<Uuid> {
    let header = request.header("webhook-id").and_then(|id| id.parse().ok());
    header.or_else(|| request.event.as_ref().ok().map(|event| event.id))
}

impl Observations<'_> {
    /// Builds the view.
    pub fn view(&self) -> View {
        let mut events: Vec<EventView> = Vec::new();
        // The type of the first unfinished event of each lane.
        let mut unfinished: HashMap<(String, String), String> = HashMap::new();
        let mut seen = HashSet::new();
        for request in self.requests {
            let Ok(event) = &request.event else { continue };
            if !seen.insert(event.id) {
                continue;
            }
            let mut deliveries = Vec::new();
            for subscriber in self.subscribers_of(event.id) {
                let lane = (subscriber.clone(), event.subject.clone());
                let attempts = self.attempts(event.id, &subscriber);
                let state = self.state(event.id, &subscriber, &attempts, unfinished.get(&lane));
                if !state.is_finished() {
                    unfinished.entry(lane).or_insert_with(|| event.kind.clone());
                }
                deliveries.push(DeliveryView {
                    subscriber,
                    state,
                    attempts,
                });
            }
            events.push(EventView {
                event: event.clone(),
                deliveries,
            });
        }
        let subscribers = self.names.iter().map(|name| self.subscriber(name, &events));
        let subscribers = subscribers.collect();
        events.reverse();
        events.truncate(MAX_EVENTS);
        View {
            subscribers,
            events,
        }
    }

    /// Returns the subscribers to show, and all others except [`OBSERVER`] that were sent the event.
    fn subscribers_of(&self, id: Uuid) -> Vec<String> {
        let mut names = self.names.to_vec();
        for request in self.requests {
            let name = &request.subscriber;
            if event_id(request) == Some(id) && name != OBSERVER && !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    fn subscriber(&self, name: &str, events: &[EventView]) -> SubscriberView {
        let parameter = self.parameters.get(name);
        let is_waiting = |one: &&DeliveryView| one.subscriber == name && !one.state.is_finished();
        SubscriberView {
            name: name.to_owned(),
            mode: self.modes.get(name).copied().unwrap_or_default(),
            disabled: parameter.and_then(|parameter| parameter.disabled.clone()),
            invalid: match parameter {
                None => Some("the subscriber has no parameter".to_owned()),
                Some(parameter) => parameter.subscriber.as_ref().err().cloned(),
            },
            waiting: events
                .iter()
                .flat_map(|event| &event.deliveries)
                .filter(is_waiting)
                .count(),
        }
    }

    /// Combines the requests and the log lines of one delivery. A line belongs to the last request before it.
    fn attempts(&self, id: Uuid, subscriber: &str) -> Vec<AttemptView> {
        let mut requests = self
            .requests
            .iter()
            .filter(|one| one.subscriber == subscriber && event_id(one) == Some(id))
            .peekable();
        let mut attempts: Vec<AttemptView> = Vec::new();
        for line in self.lines(id, subscriber).filter(|line| line.is_attempt()) {
            let mut request = None;
            // The time of the line has no microseconds.
            let at = line.at + SignedDuration::from_millis(1);
            while let Some(one) = requests.next_if(|one| one.received_at <= at) {
                if let Some(unlogged) = request.replace(one) {
                    attempts.push(unlogged_attempt(unlogged, attempts.len()));
                }
            }
            let request = request.map(|request| unlogged_attempt(request, attempts.len()));
            attempts.push(AttemptView {
                number: line.attempt.unwrap_or_default(),
                at: request.as_ref().map_or(line.at, |attempt| attempt.at),
                outcome: line.outcome.clone(),
                status: line.status,
                duration_ms: line.duration_ms,
                signature: request.and_then(|attempt| attempt.signature),
            });
        }
        for request in requests {
            attempts.push(unlogged_attempt(request, attempts.len()));
        }
        attempts
    }

    fn state(
        &self,
        id: Uuid,
        subscriber: &str,
        attempts: &[AttemptView],
        blocking: Option<&String>,
    ) -> DeliveryState {
        let key = (id, subscriber.to_owned());
        let Some(last) = attempts.last() else {
            return match (self.skipped(id, subscriber), self.eligibility.get(&key)) {
                (Some(state), _) => state,
                (None, Some(Eligibility::Filtered) | None) => DeliveryState::Filtered,
                (None, Some(Eligibility::Disabled)) => DeliveryState::Disabled,
                (None, Some(Eligibility::Eligible)) => match blocking {
                    Some(kind) => DeliveryState::Blocked { kind: kind.clone() },
                    None => DeliveryState::Queued,
                },
            };
        };
        if is_delivered(last) {
            return DeliveryState::Delivered;
        }
        if let Some(state) = self.skipped(id, subscriber) {
            return state;
        }
        if self.dead_letters.contains(&key) {
            return DeliveryState::GivenUp;
        }
        match (last.status, &last.outcome) {
            (Some(410), _) => return DeliveryState::ReceiverGone,
            (None, None) => return DeliveryState::InFlight { since: last.at },
            _ => {}
        }
        match self.schedule(subscriber).wait(last.number) {
            None => DeliveryState::LastAttemptFailed,
            Some(delay) => DeliveryState::Retrying {
                attempt: last.number + 1,
                at: ended(last) + SignedDuration::try_from(delay).unwrap_or_default(),
            },
        }
    }

    fn schedule(&self, subscriber: &str) -> &RetrySchedule {
        match self.parameters.get(subscriber).map(|one| &one.subscriber) {
            Some(Ok(subscriber)) => subscriber.retry.as_ref().unwrap_or(self.schedule),
            _ => self.schedule,
        }
    }

    /// Returns the state of a delivery whose last log line says that it was dropped or set aside.
    fn skipped(&self, id: Uuid, subscriber: &str) -> Option<DeliveryState> {
        let last = self.lines(id, subscriber).last()?;
        match last.outcome.as_deref() {
            Some("set_aside") => Some(DeliveryState::SetAside),
            Some("dropped") => Some(DeliveryState::Dropped {
                reason: last.reason.clone().unwrap_or_default(),
            }),
            _ => None,
        }
    }

    /// Returns the log lines with an outcome of one delivery.
    fn lines(&self, id: Uuid, subscriber: &str) -> impl Iterator<Item = &EventLine> {
        self.log.iter().filter(move |line| {
            line.event_id == Some(id)
                && line.subscriber.as_deref() == Some(subscriber)
                && line.outcome.is_some()
        })
    }
}

fn is_delivered(attempt: &AttemptView) -> bool {
    match &attempt.outcome {
        Some(outcome) => outcome == "delivered",
        None => attempt.status.is_some_and(|status| status / 100 == 2),
    }
}

/// Returns the time at which an attempt ended.
fn ended(attempt: &AttemptView) -> Timestamp {
    let duration = attempt.duration_ms.and_then(|ms| i64::try_from(ms).ok());
    attempt.at + SignedDuration::from_millis(duration.unwrap_or_default())
}

/// Returns the attempt of a request that the log does not contain yet. `earlier` attempts were before it.
fn unlogged_attempt(request: &WebhookRequest, earlier: usize) -> AttemptView {
    AttemptView {
        number: u32::try_from(earlier + 1).unwrap_or(u32::MAX),
        at: request.received_at,
        outcome: None,
        status: request.status.map(|status| status.as_u16()),
        duration_ms: None,
        signature: Some(request.signature.clone()),
    }
}
