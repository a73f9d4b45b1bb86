//! The backlogs of all subscribers: their parameters, the bucket, and the queues around them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use wagrun_delivery::queue::{DeliveryQueue, FifoAttributes, Message, SendError};
use wagrun_event::fifo::fifo_id;

use super::bucket::{Bucket, BucketError};
use super::crowding::Crowding;
use super::lane::Lane;
use super::pacing::Pacing;
use super::store::{Backlog, BacklogStore, StoreError};

/// Time between two probes of one subscriber by the same copy of the function.
const PROBE_INTERVAL: SignedDuration = SignedDuration::from_secs(60);
/// Number of lanes that a subscriber's first success recalls. The sweep recalls the others: the subscriber has only just
/// recovered.
const MAX_LANES_AT_FIRST: usize = 50;
/// Time that may pass between reading the parameters and acting on them. An attempt of half a minute may lie before it, and
/// one after it. SSM needs some time until every reader sees what was written.
const MAX_READ_DELAY: Duration = Duration::from_secs(90);
/// The same where parameters are not cached, which is so on a developer's machine only.
const MAX_READ_DELAY_WITHOUT_CACHE: Duration = Duration::from_secs(10);

/// The backlogs, and the means to change them.
#[derive(Debug)]
pub struct Backlogs {
    /// The backlogs' parameters.
    pub store: BacklogStore,
    /// The deliveries that are set aside.
    pub bucket: Bucket,
    /// The delivery queue, which recalls are sent to.
    pub deliveries: DeliveryQueue,
    /// The dead-letter queue for deliveries that are given up.
    pub dead_letters: DeliveryQueue,
    /// Tells whether too much waits in the delivery queue.
    pub crowding: Crowding,
    /// Tells which subscribers are too slow.
    pub pacing: Pacing,
    /// Time after which every copy of the function knows of a backlog ([`Backlogs::settling_time`]).
    pub settling_time: SignedDuration,
    /// Time of each subscriber's last probe by this copy of the function.
    pub probes: Mutex<HashMap<String, Timestamp>>,
}

/// A subscriber's backlog as one delivery finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacklogFacts {
    /// True when every copy of the function knows of the backlog.
    pub is_settled: bool,
    /// True when the deliveries come back already.
    pub is_returning: bool,
    /// True when the deliveries are recalled a few lanes at a time, because the receiver is slow.
    pub is_paced: bool,
    /// The certainty that the subscriber has no parameter, if none was found.
    pub absence: Absence,
    /// True when this copy of the function has sent no probe to the subscriber within the last minute.
    pub is_probe_due: bool,
}

/// The certainty that a subscriber whose parameter was not found does not exist any more.
///
/// SSM is eventually consistent, and a pipeline may replace a parameter by deleting it and creating it again. Therefore one
/// read without the parameter proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// No earlier read without the parameter is recorded.
    Unknown,
    /// The parameter was not found a short time ago either.
    Recent,
    /// The parameter has been missing for longer than any copy of the function uses an older read.
    Certain,
}

/// A backlog could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum BacklogError {
    /// A backlog's parameter could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bucket could not be read or written.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A recall, or a delivery that is given up, could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The message comes from a standard queue, which numbers no messages.
    #[error(
        "cannot set aside a message without a sequence number, because its place in the lane is unknown"
    )]
    NoSequenceNumber,
}

impl Backlogs {
    /// Returns the time after which every copy of the function knows of a backlog and has finished what it began without
    /// that knowledge. `cache` is the time for which a copy uses the parameters that it has read.
    pub fn settling_time(cache: Duration) -> SignedDuration {
        let delay = match cache.is_zero() {
            true => MAX_READ_DELAY_WITHOUT_CACHE,
            false => MAX_READ_DELAY,
        };
        SignedDuration::try_from(cache.saturating_add(delay)).unwrap_or(SignedDuration::MAX)
    }

    /// Returns what a delivery to this subscriber has to know of its backlog; none when there is no backlog.
    pub async fn facts(
        &self,
        subscriber: &str,
        now: Timestamp,
    ) -> Result<Option<BacklogFacts>, BacklogError> {
        let backlog = self.store.find(subscriber, now).await?;
        Ok(backlog.map(|backlog| BacklogFacts {
            is_settled: now.duration_since(backlog.since) >= self.settling_time,
            is_returning: backlog.is_returning(),
            is_paced: backlog.is_paced(),
            absence: match backlog.gone_since {
                None => Absence::Unknown,
                Some(since) if now.duration_since(since) >= self.settling_time => Absence::Certain,
                Some(_) => Absence::Recent,
            },
            is_probe_due: self.is_probe_due(subscriber, now),
        }))
    }

    /// Sets a delivery aside as the last of its lane. Doing it again changes nothing.
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
        if backlog.is_some_and(|backlog| backlog.is_returning()) {
            // The recall of this lane may have ended before the object was there.
            self.deliveries.send(vec![lane.recall(now)]).await?;
        }
        Ok(())
    }

    /// Begins the subscriber's backlog, unless it has one.
    ///
    /// A backlog that returns begins again only after every copy of the function knew that it returned. A failure before may be
    /// that of an attempt which began earlier.
    pub async fn begin(&self, subscriber: &str, now: Timestamp) -> Result<(), BacklogError> {
        let begun = self.begin_as(subscriber, Backlog::begun(now), now).await?;
        if begun {
            tracing::warn!(subscriber, "deliveries are set aside from now on");
        }
        Ok(())
    }

    /// Begins the backlog of a subscriber whose receiver is too slow, unless it has one.
    pub async fn begin_pacing(&self, subscriber: &str, now: Timestamp) -> Result<(), BacklogError> {
        let paced = Backlog {
            paced: true,
            ..Backlog::begun(now)
        };
        if self.begin_as(subscriber, paced, now).await? {
            tracing::warn!(subscriber, "deliveries are paced from now on");
        }
        Ok(())
    }

    /// Begins a backlog with this record. Returns false when the subscriber has one.
    async fn begin_as(
        &self,
        subscriber: &str,
        record: Backlog,
        now: Timestamp,
    ) -> Result<bool, BacklogError> {
        if self.is_known_as_kept(subscriber, now).await? {
            return Ok(false);
        }
        let backlog = self.store.all(now).await?.remove(subscriber);
        let is_recent = |since| now.duration_since(since) < self.settling_time;
        if backlog.is_some_and(|backlog| backlog.returning_since.is_none_or(is_recent)) {
            return Ok(false);
        }
        self.store.write(subscriber, record).await?;
        Ok(true)
    }

    /// Records that the subscriber has no parameter, unless that is recorded. The sweep removes the record when it finds one.
    pub async fn record_absence(
        &self,
        subscriber: &str,
        now: Timestamp,
    ) -> Result<(), BacklogError> {
        let backlog = self.store.all(now).await?.remove(subscriber);
        let backlog = backlog.unwrap_or_else(|| Backlog::begun(now));
        if backlog.gone_since.is_some() {
            return Ok(());
        }
        let gone_since = Some(now);
        let gone = Backlog {
            gone_since,
            ..backlog
        };
        self.store.write(subscriber, gone).await?;
        tracing::warn!(subscriber, "subscriber has no parameter");
        Ok(())
    }

    /// Lets the subscriber's backlog return, because the subscriber has accepted a delivery.
    pub async fn begin_return(&self, subscriber: &str, now: Timestamp) -> Result<(), BacklogError> {
        let known = self.store.find(subscriber, now).await?;
        if known.is_none_or(|known| known.is_returning() || known.paced) {
            return Ok(());
        }
        let backlog = self.store.all(now).await?.remove(subscriber);
        // A slow receiver accepts deliveries all the time. The sweep ends its backlog.
        let Some(backlog) = backlog.filter(|one| !one.is_returning() && !one.paced) else {
            return Ok(());
        };
        self.store.write(subscriber, backlog.returning(now)).await?;
        let lanes = self.bucket.lanes(subscriber, None, MAX_LANES_AT_FIRST);
        let lanes = lanes.await?;
        tracing::warn!(subscriber, lanes = lanes.len(), "backlog begins to return");
        let recalls = lanes.iter().map(|lane| lane.recall(now)).collect();
        Ok(self.deliveries.send(recalls).await?)
    }

    /// Sends a delivery that was set aside to the dead-letter queue, where the queue's own messages end as well.
    pub async fn give_up(&self, lane: &Lane, key: &str, body: &str) -> Result<(), BacklogError> {
        let message = Message {
            subscriber: lane.subscriber.clone(),
            fifo: Some(FifoAttributes {
                group_id: lane.group_id(),
                deduplication_id: fifo_id(key),
            }),
            body: body.to_owned(),
        };
        Ok(self.dead_letters.send(vec![message]).await?)
    }

    /// Remembers that a probe is sent to the subscriber now.
    pub fn record_probe(&self, subscriber: &str, now: Timestamp) {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes.insert(subscriber.to_owned(), now);
    }

    fn is_probe_due(&self, subscriber: &str, now: Timestamp) -> bool {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let last = probes.get(subscriber);
        last.is_none_or(|last| now.duration_since(*last) >= PROBE_INTERVAL)
    }

    /// True when this copy of the function knows of a backlog that does not return. Nearly always that saves a call.
    async fn is_known_as_kept(
        &self,
        subscriber: &str,
        now: Timestamp,
    ) -> Result<bool, BacklogError> {
        let known = self.store.find(subscriber, now).await?;
        Ok(known.is_some_and(|known| !known.is_returning()))
    }
}
