//! Turns one event into a delivery for each subscriber that receives it.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tracing::{Instrument, Span};
use wagrun_delivery::queue::{DeliveryQueue, FifoAttributes, Message, SendError};
use wagrun_delivery::subscriber::{
    LoadError, Subscriber, SubscriberStatus, SubscriberStore, Subscribers,
};
use wagrun_delivery::{Delivery, deduplication_id, lane};
use wagrun_event::Event;

/// The most names of subscribers on a line of the log. An event for more has only their number.
const MAX_LOGGED_NAMES: usize = 20;

/// The parts that fan-out uses.
#[derive(Debug)]
pub struct FanOut {
    subscribers: SubscriberStore,
    deliveries: DeliveryQueue,
    /// None makes an invalidation a delivery like any other.
    invalidations: Option<DeliveryQueue>,
}

/// The reason why an event stays in its queue.
#[derive(Debug, thiserror::Error)]
pub enum FanOutError {
    /// The message cannot be parsed. No attempt can succeed.
    #[error("the message is not an event")]
    NotAnEvent(#[source] serde_json::Error),
    /// The subscribers could not be read.
    #[error(transparent)]
    Subscribers(#[from] LoadError),
    /// A delivery could not be encoded as JSON.
    #[error("cannot encode a delivery")]
    Encode(#[source] serde_json::Error),
    /// Some deliveries could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// The deliveries of one event.
#[derive(Debug)]
pub struct Prepared {
    /// The event's attributes, for the log.
    span: Span,
    deliveries: Vec<Message>,
    invalidations: Vec<Message>,
}

/// The subscribers of an event, for the log.
struct Receivers {
    count: usize,
    /// The names, separated by blanks; none for too many.
    names: Option<String>,
}

impl Prepared {
    /// Returns the number of messages.
    pub fn len(&self) -> usize {
        self.deliveries.len() + self.invalidations.len()
    }

    fn receivers(&self) -> Receivers {
        let messages = self.invalidations.iter().chain(&self.deliveries);
        let names = messages.map(|message| message.subscriber.as_str());
        let count = self.len();
        Receivers {
            count,
            names: (count <= MAX_LOGGED_NAMES).then(|| names.collect::<Vec<_>>().join(" ")),
        }
    }
}

impl Receivers {
    fn log(self) {
        tracing::info!(
            deliveries = self.count,
            receivers = self.names,
            "fanned out"
        );
    }
}

impl FanOut {
    /// Uses the queues with these URLs.
    pub fn new(
        subscribers: SubscriberStore,
        sqs: &aws_sdk_sqs::Client,
        delivery_queue_url: String,
        invalidation_queue_url: Option<String>,
    ) -> Self {
        Self {
            subscribers,
            deliveries: DeliveryQueue::deliveries(sqs.clone(), delivery_queue_url),
            invalidations: invalidation_queue_url
                .map(|url| DeliveryQueue::invalidations(sqs.clone(), url)),
        }
    }

    /// Makes a delivery for each subscriber that receives the event in `body`. Returns none when there is no such subscriber.
    pub async fn prepare(
        &self,
        body: &str,
        now: Timestamp,
    ) -> Result<Option<Prepared>, FanOutError> {
        // The event stays text, so that nothing in it changes on the way to the subscriber.
        let raw: &RawValue = serde_json::from_str(body).map_err(FanOutError::NotAnEvent)?;
        let event: Event = serde_json::from_str(raw.get()).map_err(FanOutError::NotAnEvent)?;
        let span = tracing::info_span!(
            "event",
            event.id = %event.id,
            event.type = event.kind,
            event.subject = event.subject,
            backfill = event.backfill.map(tracing::field::display),
        );
        let messages = self.messages(&event, raw, now).instrument(span.clone());
        let (deliveries, invalidations) = messages.await?;
        Ok(match deliveries.is_empty() && invalidations.is_empty() {
            true => None,
            false => Some(Prepared {
                span,
                deliveries,
                invalidations,
            }),
        })
    }

    /// Returns the messages for the delivery queue, and those for the invalidation queue.
    async fn messages(
        &self,
        event: &Event,
        raw: &RawValue,
        now: Timestamp,
    ) -> Result<(Vec<Message>, Vec<Message>), FanOutError> {
        let subscribers = self.subscribers_for(event, now).await?;
        let is_batched =
            |one: &&Subscriber| self.invalidations.is_some() && one.target.is_batched();
        let (batched, single): (Vec<_>, Vec<_>) = subscribers.matching(event).partition(is_batched);
        let unfiltered = subscribers.setting_aside(event).map(|name| (name, true));
        let single = single.iter().map(|one| (one.name.as_str(), false));
        let in_lanes = single.chain(unfiltered);
        let deliveries = messages(in_lanes, |name| Some(fifo_attributes(name, event)), raw)?;
        let batched = batched.iter().map(|one| (one.name.as_str(), false));
        let invalidations = messages(batched, |_| None, raw)?;
        if deliveries.is_empty() && invalidations.is_empty() {
            log_unwanted(event, &subscribers);
        }
        Ok((deliveries, invalidations))
    }

    /// Sends the deliveries of several events, of which no two are of one object. Returns a result for each event, in their order. After an
    /// error some of its deliveries were not sent.
    pub async fn send(&self, events: Vec<Prepared>) -> Vec<Result<(), FanOutError>> {
        let mut told = Vec::with_capacity(events.len());
        let (mut deliveries, mut invalidations) = (Vec::new(), Vec::new());
        for event in events {
            told.push((event.span.clone(), event.receivers()));
            deliveries.push(event.deliveries);
            invalidations.push(event.invalidations);
        }
        let sent = self.deliveries.send_together(deliveries).await;
        // Sent even if the deliveries failed, so that neither queue holds back the other.
        let batched = match &self.invalidations {
            Some(queue) => queue.send_together(invalidations).await,
            None => invalidations.iter().map(|_| Ok(())).collect(),
        };
        let results = sent.into_iter().zip(batched).zip(told);
        results
            .map(|((sent, batched), (span, receivers))| {
                batched.and(sent)?;
                span.in_scope(|| receivers.log());
                Ok(())
            })
            .collect()
    }

    /// Returns the subscribers that the event may be for.
    ///
    /// An operator who requests past events has often just created or changed the subscriber.
    async fn subscribers_for(
        &self,
        event: &Event,
        now: Timestamp,
    ) -> Result<Arc<Subscribers>, LoadError> {
        let requested_at = event.requested_at().unwrap_or(Timestamp::MIN);
        let store = &self.subscribers;
        match &event.subscriber {
            Some(name) => store.loaded_one_after(name, requested_at, now).await,
            None => store.loaded_after(requested_at, now).await,
        }
    }
}

/// Logs an event that leads to no delivery. One for a single subscriber is a warning, because an operator waits for it.
fn log_unwanted(event: &Event, subscribers: &Subscribers) {
    let Some(name) = &event.subscriber else {
        tracing::debug!("event has no subscriber");
        return;
    };
    let outcome = match subscribers.find(name) {
        SubscriberStatus::Enabled(_) => "dropped_filtered",
        SubscriberStatus::Disabled => "dropped_disabled",
        // Its event was sent, to be set aside.
        SubscriberStatus::Invalid(_) => return,
        SubscriberStatus::Gone => "dropped_gone",
    };
    tracing::warn!(subscriber = name, outcome, "requested event not fanned out");
}

/// Returns a message for each subscriber: its name, and true when deliver has to apply its filter.
fn messages<'a>(
    subscribers: impl Iterator<Item = (&'a str, bool)>,
    fifo: impl Fn(&str) -> Option<FifoAttributes>,
    raw: &RawValue,
) -> Result<Vec<Message>, FanOutError> {
    subscribers
        .map(|(name, unfiltered)| {
            let delivery = Delivery {
                subscriber: Cow::Borrowed(name),
                event: raw,
                unfiltered,
            };
            Ok(Message {
                fifo: fifo(name),
                body: serde_json::to_string(&delivery).map_err(FanOutError::Encode)?,
                subscriber: name.to_owned(),
            })
        })
        .collect()
}

fn fifo_attributes(subscriber: &str, event: &Event) -> FifoAttributes {
    FifoAttributes {
        group_id: lane(subscriber, &event.subject),
        deduplication_id: deduplication_id(event, subscriber),
    }
}
