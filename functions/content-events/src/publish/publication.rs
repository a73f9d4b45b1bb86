//! The publication of a list of events by many calls at once.

use std::collections::VecDeque;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use wagrun_event::Event;

use super::lanes::Lanes;
use super::outgoing::OutgoingEvent;
use super::topic::{PublishResult, RefusalCause, Topic};

/// The maximum number of calls in flight. Each carries up to ten events of ten different objects.
const MAX_CALLS_IN_FLIGHT: usize = 24;

/// The publication of a list of events.
///
/// Events that are not in a call yet stay unpublished when it is dropped or stopped.
pub(crate) struct Publication<'a> {
    topic: &'a Topic,
    lanes: Lanes,
    calls: FuturesUnordered<BoxFuture<'a, FinishedCall>>,
    /// Calls that ended during other work. [`Self::next`] returns their results.
    finished: VecDeque<FinishedCall>,
    is_stopped: bool,
}

/// The events of a call with their results.
type FinishedCall = Vec<(OutgoingEvent, PublishResult)>;

/// The results of published events.
#[derive(Debug, Default)]
pub(crate) struct PublicationResults {
    /// The sequences of the events that the topic accepted.
    pub sequences: Vec<i64>,
    /// The events that were refused. Later events of the same objects were not tried.
    pub refusals: Vec<Refusal>,
}

/// An event that the topic did not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The event's sequence.
    pub sequence: i64,
    /// The object, whose later events wait.
    pub object: String,
    /// The message of SNS or of the network.
    pub reason: String,
    /// The kind of the cause.
    pub cause: RefusalCause,
}

impl<'a> Publication<'a> {
    /// Prepares the publication of `events`, which are in order for each object.
    ///
    /// A batch never holds two events of one object. SNS may accept one entry of a batch and refuse another, so a later
    /// event could overtake an earlier one.
    pub fn start(topic: &'a Topic, events: Vec<OutgoingEvent>) -> Self {
        Self {
            topic,
            lanes: Lanes::new(events),
            calls: FuturesUnordered::new(),
            finished: VecDeque::new(),
            is_stopped: false,
        }
    }

    /// Waits for the next call and returns its results. Returns `None` when no call is left.
    ///
    /// The next event of an object is held back until [`Self::release`]. Otherwise both could be pending after a crash, when SNS has
    /// forgotten the id of the first one and still knows that of the second. Published again, the first would arrive as the last.
    pub async fn next(&mut self) -> Option<PublicationResults> {
        self.start_calls();
        let finished = match self.finished.pop_front() {
            Some(finished) => finished,
            None => self.calls.next().await?,
        };
        let mut results = PublicationResults::default();
        for (outgoing, result) in finished {
            match result {
                Ok(()) => {
                    log_published(&outgoing.event);
                    results.sequences.push(outgoing.sequence);
                    self.lanes.hold_back(&outgoing.event.subject);
                }
                Err(error) => results.refusals.push(Refusal {
                    sequence: outgoing.sequence,
                    object: outgoing.event.subject,
                    reason: error.reason,
                    cause: error.cause,
                }),
            }
        }
        Some(results)
    }

    /// Waits for `work`, while calls go on. Their results are left to [`Self::next`], so what they accepted is still to be settled.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            self.start_calls();
            tokio::select! {
                result = &mut work => return result,
                Some(finished) = self.calls.next() => self.finished.push_back(finished),
            }
        }
    }

    /// Starts the calls that may be in flight now.
    fn start_calls(&mut self) {
        while !self.is_stopped && self.calls.len() < MAX_CALLS_IN_FLIGHT {
            let batch = self.lanes.next_batch();
            if batch.is_empty() {
                break;
            }
            self.calls.push(Box::pin(self.topic.publish_batch(batch)));
        }
    }

    /// Returns true when every event is in a call or was in one, except those that are held back.
    pub fn has_started_all(&self) -> bool {
        self.lanes.is_idle()
    }

    /// Returns true when no further call is made until the accepted events are settled.
    pub fn waits_for_settlement(&self) -> bool {
        self.lanes.waits_for_settlement()
    }

    /// Releases the events that were held back. Each event that was returned as accepted must be settled.
    pub fn release(&mut self) {
        self.lanes.release();
    }

    /// Makes no further call. [`Self::next`] still returns the results of the calls in flight.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Waits for all calls and returns their results. For events that are not settled, such as those of a backfill.
    pub async fn all(mut self) -> PublicationResults {
        let mut all = PublicationResults::default();
        while let Some(results) = self.next().await {
            all.sequences.extend(results.sequences);
            all.refusals.extend(results.refusals);
            self.release();
        }
        all
    }
}

fn log_published(event: &Event) {
    tracing::info!(
        event.id = %event.id,
        event.type = event.kind,
        event.subject = event.subject,
        event.sequence = event.sequence,
        "published"
    );
}
