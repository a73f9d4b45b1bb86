//! By the clock: whoever may take something again is tried, whoever does is given the rest, and what is over is forgotten.

use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use wagrun::{
    metric::Unit,
    subscriber::{Found, Subscribers},
    telemetry::chain,
};

use super::{Backlog, BacklogError, last_of, recall::Lane};
use crate::{DeliverError, Deliverer};

/// As many lanes of one subscriber are recalled in one look.
const MOST_LANES: usize = 5000;
/// A subscriber whose deliveries are set aside is tried once in this time.
const BETWEEN_TRIES: SignedDuration = SignedDuration::from_mins(15);
/// So many of its lanes, by chance: one that is refused for what is in it must not stand for all.
const TRIED_LANES: usize = 3;
/// For so long, every look recalls all lanes of a subscriber whose deliveries come back; some may have been set aside by
/// whoever had not heard of it.
const RECALLED_AGAIN: SignedDuration = SignedDuration::from_mins(15);
/// After that, once in this time, which is longer than a recall is tried: it is in the queue, which loses none.
const BETWEEN_RECALLS: SignedDuration = SignedDuration::from_hours(36);
/// What is forgotten must have been looked at this short a time ago, so that nothing was set aside since.
const SHORT: SignedDuration = SignedDuration::from_secs(5);

/// How a subscriber's backlog fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookedAfter {
    /// Whose.
    pub subscriber: String,
    /// Since when its deliveries are set aside.
    pub since: Timestamp,
    /// How many lanes have some, as far as was counted.
    pub lanes: usize,
    /// How many of them are recalled.
    pub recalled: usize,
    /// What becomes of it: `kept`, `coming back`, `over`, or `waiting` for its owner to switch it on.
    pub state: &'static str,
}

impl Deliverer {
    /// Looks after every backlog; an error when that could not be done for one of them, after the others were seen to.
    pub async fn look_after_backlogs(
        &self,
        clock: fn() -> Timestamp,
    ) -> Result<Vec<LookedAfter>, DeliverError> {
        let now = clock();
        let backlogs = self.backlogs.store.all(now).await;
        let mut backlogs = backlogs.map_err(BacklogError::from)?;
        // Somebody may have deleted a parameter of ours.
        let subscribers = self.backlogs.bucket.subscribers().await;
        for subscriber in subscribers.map_err(BacklogError::from)? {
            if let Entry::Vacant(unknown) = backlogs.entry(subscriber) {
                self.backlogs.begin(unknown.key(), now).await?;
                unknown.insert(Backlog::begun(now));
            }
        }
        if backlogs.is_empty() {
            // Nearly always; to read the subscribers would decrypt their secrets, which costs something.
            return Ok(Vec::new());
        }
        let subscribers = self.subscribers.loaded_after(now, clock()).await?;
        let crowded = self.backlogs.is_crowded(now).await?;
        let mut looked_after = Vec::new();
        let mut problem = None;
        for (subscriber, backlog) in backlogs {
            match self
                .look_after(&subscribers, &subscriber, backlog, crowded, clock)
                .await
            {
                Ok(looked_at) => {
                    self.tell(&looked_at, now);
                    looked_after.push(looked_at);
                }
                Err(error) => {
                    tracing::error!(
                        subscriber,
                        error = chain(&error),
                        "cannot look after its backlog"
                    );
                    problem = Some(error);
                }
            }
        }
        match problem {
            Some(error) => Err(error.into()),
            None => Ok(looked_after),
        }
    }

    async fn look_after(
        &self,
        subscribers: &Subscribers,
        subscriber: &str,
        backlog: Backlog,
        crowded: bool,
        clock: fn() -> Timestamp,
    ) -> Result<LookedAfter, BacklogError> {
        let now = clock();
        let lanes = self.lanes(subscriber, &backlog).await?;
        let mut looked_at = LookedAfter {
            subscriber: subscriber.to_owned(),
            since: backlog.since,
            lanes: lanes.len(),
            recalled: 0,
            state: "waiting",
        };
        if !matches!(subscribers.find(subscriber), Found::Enabled(_)) {
            if backlog.recalled_at.is_some() {
                // Whoever switches it on again need not wait for the next try.
                let recalled_at = None;
                let backlog = Backlog {
                    recalled_at,
                    ..backlog
                };
                self.backlogs.store.write(subscriber, backlog).await?;
            }
            return Ok(looked_at);
        }
        let since_recall = backlog
            .recalled_at
            .map_or(SignedDuration::MAX, |at| now.duration_since(at));
        let Some(returning_since) = backlog.returning_since else {
            looked_at.state = "kept";
            if lanes.is_empty() {
                let backlog = backlog.returning(now);
                self.backlogs.store.write(subscriber, backlog).await?;
            } else if !crowded && since_recall >= BETWEEN_TRIES {
                looked_at.recalled = self.recall(backlog, some_of(lanes), now).await?;
            }
            return Ok(looked_at);
        };
        looked_at.state = "coming back";
        let returning = now.duration_since(returning_since);
        let is_due = backlog.recalled_to.is_some()
            || returning < RECALLED_AGAIN
            || since_recall >= BETWEEN_RECALLS;
        if lanes.is_empty() {
            if returning >= self.backlogs.grace && clock().duration_since(now) < SHORT {
                self.backlogs.store.remove(subscriber).await?;
                looked_at.state = "over";
            }
        } else if !crowded && is_due {
            let recalled_to = last_of(&lanes, MOST_LANES);
            let backlog = Backlog {
                recalled_to,
                ..backlog
            };
            looked_at.recalled = self.recall(backlog, lanes, now).await?;
        }
        Ok(looked_at)
    }

    /// The lanes to recall next: those after the last, and when there are none, the first.
    async fn lanes(&self, subscriber: &str, backlog: &Backlog) -> Result<Vec<Lane>, BacklogError> {
        let bucket = &self.backlogs.bucket;
        if let Some(last) = &backlog.recalled_to {
            let next = bucket.lanes(subscriber, Some(last), MOST_LANES).await?;
            if !next.is_empty() {
                return Ok(next);
            }
        }
        Ok(bucket.lanes(subscriber, None, MOST_LANES).await?)
    }

    /// Recalls lanes of one subscriber, and notes it; how many.
    async fn recall(
        &self,
        backlog: Backlog,
        lanes: Vec<Lane>,
        now: Timestamp,
    ) -> Result<usize, BacklogError> {
        let Some(Lane { subscriber, .. }) = lanes.first() else {
            return Ok(0);
        };
        self.backlogs.recall(&lanes, now).await?;
        let recalled_at = Some(now);
        let backlog = Backlog {
            recalled_at,
            ..backlog
        };
        self.backlogs.store.write(subscriber, backlog).await?;
        Ok(lanes.len())
    }

    fn tell(&self, looked_at: &LookedAfter, now: Timestamp) {
        let LookedAfter {
            subscriber,
            since,
            lanes,
            recalled,
            state,
        } = looked_at;
        tracing::info!(subscriber, %since, lanes, recalled, state, "backlog looked after");
        if *lanes > 0 {
            // Nothing of it is in the queue, whose age would tell.
            let waiting = now.duration_since(*since).as_secs_f64();
            self.metrics
                .emit(&[], &[("WaitingDeliverySeconds", waiting, Unit::Seconds)]);
        }
    }
}

fn some_of(mut lanes: Vec<Lane>) -> Vec<Lane> {
    fastrand::shuffle(&mut lanes);
    lanes.truncate(TRIED_LANES);
    lanes
}
