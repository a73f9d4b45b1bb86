//! Deliveries of a subscriber that takes nothing, set aside so that they stand in nobody's way.
//!
//! A FIFO queue looks for a lane that is free among its first 120 000 messages only (SQS developer guide, "FIFO queue
//! quotas"). A dead subscriber's deliveries wait for a day, and would at last fill that window, after which nobody
//! receives anything. So when a subscriber has failed for half an hour, or sooner when the queue is long, or when it is
//! switched off, its deliveries leave the queue for a bucket, one object each. They come back, lane by lane and in
//! order, when it takes something again.
//!
//! # How the order is kept
//! - SQS hands out one message of a lane at a time. **Only whoever holds a message of the lane adds to the lane's
//!   objects or removes one**, so that nobody else does meanwhile.
//! - **A delivery is tried only when its lane has no objects**; where it has some, it becomes the last of them.
//! - What comes back is not sent again: a [`Recall`] is put into the lane, and whoever receives it tries the lane's
//!   objects, the oldest first, and removes each that is done. A recall too many finds nothing left to do.
//! - Everybody must know of a backlog before the first delivery is set aside, or somebody would try a later one: a
//!   backlog is [settled](Backlogs::is_settled) when whoever did not know of it has read again.
//! - It is forgotten when it has been returning for as long and nothing is left in the bucket: from then on nobody
//!   adds to a lane without objects.
//!
//! # What a crash does
//! Between adding an object and the end of the invocation: the delivery is received again, and becomes the same object.
//! Between a success and the removal: the same event is delivered again, with the same `webhook-id`.

mod bucket;
mod look_after;
mod recall;
mod store;

use std::{collections::HashMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use wagrun::delivery_queue::{DeliveryQueue, Message, Order, SendError};

pub use self::{
    bucket::{Bucket, BucketError},
    look_after::LookedAfter,
    recall::{Lane, Recall},
    store::{Backlog, BacklogStore, StoreError},
};
use crate::{Queue, queue::DepthError};

/// A settled backlog's subscriber is tried by a new event once in this time, by each running copy of the function.
const BETWEEN_PROBES: SignedDuration = SignedDuration::from_secs(60);
/// How long the queue is taken to be as long as it was.
const DEPTH_AGE: SignedDuration = SignedDuration::from_secs(30);
/// As many lanes of one subscriber are recalled by whoever has a delivery to make; looking after backlogs recalls the others.
const FIRST_LANES: usize = 500;

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
    /// How long it takes until everybody who keeps what it reads for `cache` knows of a backlog.
    ///
    /// Twice that, and ten seconds for whoever had just read; this is also longer than what forgets a backlog takes.
    pub fn grace(cache: Duration) -> SignedDuration {
        let cache = i64::try_from(cache.as_secs()).unwrap_or(i64::MAX / 4);
        SignedDuration::from_secs(2 * cache + 10)
    }

    /// What is to be done with a delivery of this lane, whose subscriber is switched on or off.
    pub async fn place(
        &self,
        lane: &Lane,
        is_on: bool,
        now: Timestamp,
    ) -> Result<Place, BacklogError> {
        let Some(backlog) = self.store.find(&lane.subscriber, now).await? else {
            if is_on {
                return Ok(Place::Try);
            }
            self.begin(&lane.subscriber, now).await?;
            return Ok(Place::Wait);
        };
        let is_settled = self.is_settled(&backlog, now);
        if !is_on && !is_settled {
            return Ok(Place::Wait);
        }
        if !is_on || self.bucket.holds(lane).await? {
            return Ok(Place::Aside);
        }
        if !is_settled || backlog.returning_since.is_some() {
            return Ok(Place::Try);
        }
        Ok(match self.may_probe(&lane.subscriber, now).await {
            true => Place::Probe,
            false => Place::Aside,
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
            self.recall(std::slice::from_ref(lane), now).await?;
        }
        Ok(())
    }

    /// The subscriber takes nothing: from now on its deliveries are to be set aside.
    pub async fn begin(&self, subscriber: &str, now: Timestamp) -> Result<(), BacklogError> {
        let known = self.store.find(subscriber, now).await?;
        if known.is_some_and(|backlog| backlog.returning_since.is_none()) {
            return Ok(());
        }
        self.store.write(subscriber, Backlog::begun(now)).await?;
        tracing::warn!(subscriber, "deliveries are set aside from now on");
        Ok(())
    }

    /// The subscriber has taken something: what was set aside comes back.
    pub async fn succeeded(&self, subscriber: &str, now: Timestamp) -> Result<(), BacklogError> {
        let Some(backlog) = self.store.find(subscriber, now).await? else {
            return Ok(());
        };
        if backlog.returning_since.is_some() {
            return Ok(());
        }
        let lanes = self.bucket.lanes(subscriber, None, FIRST_LANES).await?;
        let backlog = Backlog {
            recalled_to: last_of(&lanes, FIRST_LANES),
            ..backlog.returning(now)
        };
        self.store.write(subscriber, backlog).await?;
        tracing::warn!(subscriber, lanes = lanes.len(), "the backlog comes back");
        self.recall(&lanes, now).await
    }

    /// Has these lanes' objects tried.
    pub async fn recall(&self, lanes: &[Lane], now: Timestamp) -> Result<(), BacklogError> {
        let messages = lanes.iter().map(|lane| lane.recall(now)).collect();
        Ok(self.deliveries.send(messages).await?)
    }

    /// Sends a delivery to the dead-letter queue, where the last try of the others ends.
    pub async fn give_up(&self, lane: &Lane, key: &str, body: &str) -> Result<(), BacklogError> {
        let message = Message {
            subscriber: lane.subscriber.clone(),
            order: Some(Order {
                group_id: lane.group_id(),
                deduplication_id: wagrun::fifo::fifo_id(key),
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

/// Where to go on, if there may be more lanes than these.
fn last_of(lanes: &[Lane], most: usize) -> Option<String> {
    let last = lanes.last().filter(|_| lanes.len() >= most)?;
    Some(last.subject.clone())
}
