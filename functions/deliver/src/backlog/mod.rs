//! Deliveries of a subscriber that takes nothing, set aside so that they stand in nobody's way.
//!
//! A FIFO queue looks for a lane that is free among its first 120 000 messages only (SQS developer guide, "FIFO queue
//! quotas"). A dead subscriber's deliveries wait for a day, and would at last fill that window, after which nobody
//! receives anything. So when a subscriber has taken nothing for about an hour, or sooner when the queue is long, or when it
//! is switched off, its deliveries leave the queue for a bucket, one object each. They come back, lane by lane and in
//! order, when it takes something again.
//!
//! # How the order is kept
//! - SQS hands out one message of a lane at a time. **Only whoever holds a message of the lane adds to the lane's
//!   objects or removes one**, so that nobody else does meanwhile.
//! - **A delivery is tried only when its lane has no objects**; where it has some, it becomes the last of them.
//! - What comes back is not sent again: a [`Recall`] is put into the lane, and whoever receives it tries the lane's
//!   objects, the oldest first, and removes each that is done. A recall too many finds nothing, or makes one more try.
//! - Everybody must know of a backlog before the first delivery is set aside, or somebody would try a later one: a
//!   backlog is [settled](Backlogs::is_settled) when whoever did not know of it has read again.
//! - It is forgotten when it has been returning for as long and nothing is left in the bucket: from then on nobody
//!   adds to a lane without objects.
//!
//! # What a crash does
//! Between adding an object and the end of the invocation: the delivery is received again, and becomes the same object.
//! Between a success and the removal: the same event is delivered again, with the same `webhook-id`.

mod bucket;
mod lane;
mod look_after;
mod recall;
mod store;
mod verdict;

use std::{collections::HashMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use wagrun_delivery::queue::{DeliveryQueue, Message, Order, SendError};

pub use self::{
    bucket::{Bucket, BucketError},
    lane::{Lane, Recall},
    look_after::LookedAfter,
    store::{Backlog, BacklogStore, StoreError},
};
use crate::{Attempt, Queue, queue::DepthError};

/// A settled backlog's subscriber is tried by a new event once in this time, by each running copy of the function.
const BETWEEN_PROBES: SignedDuration = SignedDuration::from_secs(60);
/// How long the queue is taken to be as long as it was.
const DEPTH_AGE: SignedDuration = SignedDuration::from_secs(30);
/// As many lanes of one subscriber are recalled by its first success; looking after backlogs recalls the others. It has only
/// just recovered.
const FIRST_LANES: usize = 50;
/// What may be between a look at the parameters and its consequence: a try of half a minute on one side, another on the
/// other, and what SSM needs until everybody reads what was written.
const SLOW: i64 = 90;
/// The same where nothing is kept after it was read, which is so on one's own machine only.
const SLOW_ALONE: i64 = 10;

/// What a backlog is made of.
#[derive(Debug)]
pub struct Backlogs {
    /// Which subscribers have one.
    pub store: BacklogStore,
    /// What is set aside.
    pub bucket: Bucket,
    /// Where recalls go.
    pub deliveries: DeliveryQueue,
    /// Where what is given up goes.
    pub dead_letters: DeliveryQueue,
    /// The queue whose length is looked at.
    pub queue: Queue,
    /// With so many messages in the queue, a subscriber that fails twice is set aside.
    pub crowded_at: u64,
    /// How long it takes until everybody knows of a backlog.
    pub grace: SignedDuration,
    /// When a subscriber was last tried by a new event.
    pub probes: Mutex<HashMap<String, Timestamp>>,
    /// When the queue was looked at, and whether it was crowded.
    pub crowd: Mutex<Option<(Timestamp, bool)>>,
}

/// What is to be done with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is its turn.
    Try,
    /// It is its turn; if it fails, it is set aside.
    Probe,
    /// It is set aside.
    Aside,
    /// It comes again when everybody knows of the backlog.
    Wait,
}

/// A backlog can't be known or changed.
#[derive(Debug, thiserror::Error)]
pub enum BacklogError {
    /// Which there are.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is set aside.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A recall, or what is given up.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The message is from a queue that numbers none.
    #[error("the message has no sequence number by which it could be set aside in order")]
    NoSequenceNumber,
}

impl Backlogs {
    /// How long it takes until everybody who keeps what it reads for `cache` knows of a backlog, and whoever had not known is
    /// done with what it was doing.
    pub fn grace(cache: Duration) -> SignedDuration {
        let slow = if cache.is_zero() { SLOW_ALONE } else { SLOW };
        let cache = i64::try_from(cache.as_secs()).unwrap_or(i64::MAX / 2);
        SignedDuration::from_secs(cache + slow)
    }

    /// What is to be done with a delivery of this lane.
    pub async fn place(&self, lane: &Lane, attempt: &Attempt<'_>) -> Result<Place, BacklogError> {
        // A queue without order has no lanes, and so nothing that could fill its window.
        if attempt.sequence_number.is_none() || !self.bucket.takes(lane) {
            return Ok(Place::Try);
        }
        let Some(backlog) = self.store.find(&lane.subscriber, attempt.now).await? else {
            return Ok(Place::Try);
        };
        if self.bucket.holds(lane).await? {
            return Ok(Place::Aside);
        }
        if backlog.returning_since.is_some() || !self.is_settled(&backlog, attempt.now) {
            return Ok(Place::Try);
        }
        Ok(match self.may_probe(&lane.subscriber, attempt.now).await {
            true => Place::Probe,
            false => Place::Aside,
        })
    }

    /// The same where the subscriber is switched off, or its parameter can't be used.
    pub async fn place_while_off(
        &self,
        lane: &Lane,
        attempt: &Attempt<'_>,
    ) -> Result<Place, BacklogError> {
        let backlog = self.store.find(&lane.subscriber, attempt.now).await?;
        Ok(match backlog {
            Some(backlog) if self.is_settled(&backlog, attempt.now) => Place::Aside,
            Some(_) => Place::Wait,
            None => {
                self.begin(&lane.subscriber, attempt.now).await?;
                Place::Wait
            }
        })
    }

    /// Whether everybody knows of it.
    pub fn is_settled(&self, backlog: &Backlog, now: Timestamp) -> bool {
        now.duration_since(backlog.since) >= self.grace
    }

    /// Sets a delivery aside, the last of its lane.
    pub async fn set_aside(
        &self,
        lane: &Lane,
        sequence_number: Option<&str>,
        body: &str,
        now: Timestamp,
    ) -> Result<(), BacklogError> {
        let sequence_number = sequence_number.ok_or(BacklogError::NoSequenceNumber)?;
        self.bucket.put(lane, sequence_number, body).await?;
        let backlog = self.store.find(&lane.subscriber, now).await?;
        if backlog.is_some_and(|backlog| backlog.returning_since.is_some()) {
            // What recalled the lane may have been through already.
            self.deliveries.send(vec![lane.recall(now)]).await?;
        }
        Ok(())
    }

    /// The subscriber takes nothing: from now on its deliveries are to be set aside.
    ///
    /// Where they were coming back, that must have been known to everybody: it may be a straggler that failed.
    pub async fn begin(&self, subscriber: &str, now: Timestamp) -> Result<(), BacklogError> {
        if self.knows_it_kept(subscriber, now).await? {
            return Ok(());
        }
        let there = self.store.all(now).await?.remove(subscriber);
        let may_be_a_straggler = |since| now.duration_since(since) < self.grace;
        if there.is_some_and(|there| there.returning_since.is_none_or(may_be_a_straggler)) {
            return Ok(());
        }
        self.store.write(subscriber, Backlog::begun(now)).await?;
        tracing::warn!(subscriber, "deliveries are set aside from now on");
        Ok(())
    }

    /// The subscriber has taken something: what was set aside comes back.
    pub async fn succeeded(&self, subscriber: &str, now: Timestamp) -> Result<(), BacklogError> {
        if !self.knows_it_kept(subscriber, now).await? {
            return Ok(());
        }
        let there = self.store.all(now).await?.remove(subscriber);
        let Some(backlog) = there.filter(Backlog::is_kept) else {
            return Ok(());
        };
        self.store.write(subscriber, backlog.returning(now)).await?;
        let lanes = self.bucket.lanes(subscriber, None, FIRST_LANES).await?;
        tracing::warn!(subscriber, lanes = lanes.len(), "the backlog comes back");
        let recalls = lanes.iter().map(|lane| lane.recall(now)).collect();
        Ok(self.deliveries.send(recalls).await?)
    }

    /// Sends a delivery to the dead-letter queue, where the last try of the others ends.
    pub async fn give_up(&self, lane: &Lane, key: &str, body: &str) -> Result<(), BacklogError> {
        let message = Message {
            subscriber: lane.subscriber.clone(),
            order: Some(Order {
                group_id: lane.group_id(),
                deduplication_id: wagrun_event::fifo::fifo_id(key),
            }),
            body: body.to_owned(),
        };
        Ok(self.dead_letters.send(vec![message]).await?)
    }

    /// Whether so much waits in the queue that nobody may take much of it for nothing.
    pub async fn is_crowded(&self, now: Timestamp) -> Result<bool, DepthError> {
        let mut crowd = self.crowd.lock().await;
        if let Some((at, crowded)) = *crowd
            && now.duration_since(at) < DEPTH_AGE
        {
            return Ok(crowded);
        }
        let crowded = self.queue.depth().await? >= self.crowded_at;
        *crowd = Some((now, crowded));
        Ok(crowded)
    }

    /// Whether this copy of the function knows of a backlog that does not come back, which saves nearly every other question.
    async fn knows_it_kept(&self, subscriber: &str, now: Timestamp) -> Result<bool, BacklogError> {
        let known = self.store.find(subscriber, now).await?;
        Ok(known.is_some_and(|known| known.is_kept()))
    }

    async fn may_probe(&self, subscriber: &str, now: Timestamp) -> bool {
        let mut probes = self.probes.lock().await;
        let last = probes.get(subscriber).copied().unwrap_or(Timestamp::MIN);
        let may = now.duration_since(last) >= BETWEEN_PROBES;
        if may {
            probes.insert(subscriber.to_owned(), now);
        }
        may
    }
}
