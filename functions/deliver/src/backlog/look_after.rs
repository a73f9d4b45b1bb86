//! By the clock: whoever may take something again is tried, whoever does is given the rest, and what is over is forgotten.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use wagrun::{
    metric::Unit,
    subscriber::{Found, Subscribers},
    telemetry::chain,
};

use super::{Backlog, BacklogError, lane::Lane};
use crate::{
    DeliverError, Deliverer,
    health::{FAILED_TOO_LONG, PATIENCE},
};

/// As many lanes of one subscriber are recalled in one look.
const MOST_LANES: usize = 1000;
/// After this, the next look goes on: the function has half a minute.
const MOST_TIME: Duration = Duration::from_secs(20);
/// A subscriber that takes nothing is tried once in a quarter of an hour; a minute less, as looks are not to the second.
const BETWEEN_TRIES: SignedDuration = SignedDuration::from_mins(14);
/// So many of its lanes, by chance: one that is refused for what is in it must not stand for all.
const TRIED_LANES: usize = 3;
/// What comes back is recalled lane by lane, and from the front again after this time: for recalls that came while the
/// subscriber was off, or that are dead letters.
const BETWEEN_PASSES: SignedDuration = SignedDuration::from_hours(2);
/// A backlog of which nothing was set aside is of a subscriber with few events. Its next is to be tried once more, not to
/// wait for its next hour.
const EMPTY: SignedDuration = SignedDuration::from_hours(24);
/// The backlog of nobody, and of nothing.
const GONE: SignedDuration = SignedDuration::from_hours(1);
/// What is forgotten must have been looked at this short a time ago, so that nothing was set aside since.
const SHORT: SignedDuration = SignedDuration::from_secs(5);

/// How a subscriber's backlog fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LookedAfter {
    /// Whose.
    pub subscriber: String,
    /// Since when its deliveries are set aside.
    pub since: Timestamp,
    /// How many lanes have some, a thousand at most are counted.
    pub lanes: usize,
    /// How many of them were recalled.
    pub recalled: usize,
    /// What becomes of it.
    pub state: State,
}

/// What becomes of a backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its subscriber is switched off, gone, or can't be used.
    Waiting,
    /// Its subscriber takes nothing.
    Kept,
    /// Its subscriber has taken nothing for five days, and was switched off.
    SwitchedOff,
    /// Its subscriber takes what comes.
    ComingBack,
    /// Nothing is left of it.
    Over,
}

/// One look.
struct Look {
    subscribers: std::sync::Arc<Subscribers>,
    crowded: bool,
    at_once: bool,
    clock: fn() -> Timestamp,
}

impl Deliverer {
    /// Looks after every backlog; an error when that could not be done for one of them, after the others were seen to.
    ///
    /// `at_once` tries those too that were tried a short time ago.
    pub async fn look_after_backlogs(
        &self,
        clock: fn() -> Timestamp,
        at_once: bool,
    ) -> Result<Vec<LookedAfter>, DeliverError> {
        let started = Instant::now();
        let now = clock();
        let known = self.backlogs.store.all(now).await;
        let known = known.map_err(BacklogError::from)?;
        let mut backlogs: Vec<_> = known
            .iter()
            .map(|(name, one)| (name.clone(), Some(one.clone())))
            .collect();
        // Somebody may have deleted a parameter of ours.
        let holding = self.backlogs.bucket.subscribers().await;
        let holding = holding.map_err(BacklogError::from)?.into_iter();
        backlogs.extend(
            holding
                .filter(|name| !known.contains_key(name))
                .map(|name| (name, None)),
        );
        if backlogs.is_empty() {
            // Nearly always; to read the subscribers would decrypt their secrets, which costs something.
            return Ok(Vec::new());
        }
        let look = Look {
            subscribers: self.subscribers.loaded_after(now, clock()).await?,
            crowded: self.backlogs.is_crowded(now).await?,
            at_once,
            clock,
        };
        // Nobody is always last when the time is up.
        fastrand::shuffle(&mut backlogs);
        let mut looked_after = Vec::new();
        let mut problem = None;
        for (subscriber, backlog) in backlogs {
            if started.elapsed() > MOST_TIME {
                tracing::warn!(subscriber, "left for the next look");
                continue;
            }
            match self.look_after(&look, &subscriber, backlog).await {
                Ok(looked_at) => {
                    self.tell(&looked_at, now);
                    looked_after.push(looked_at);
                }
                Err(error) => {
                    let text = chain(&error);
                    tracing::error!(subscriber, error = text, "cannot look after its backlog");
                    problem = Some(error);
                }
            }
        }
        problem.map_or(Ok(looked_after), Err)
    }

    async fn look_after(
        &self,
        look: &Look,
        subscriber: &str,
        backlog: Option<Backlog>,
    ) -> Result<LookedAfter, DeliverError> {
        let now = (look.clock)();
        let backlog = match backlog {
            Some(backlog) => backlog,
            None => {
                self.backlogs.begin(subscriber, now).await?;
                Backlog::begun(now)
            }
        };
        let lanes = self.lanes(subscriber, &backlog).await?;
        let mut looked_at = LookedAfter {
            subscriber: subscriber.to_owned(),
            since: backlog.since,
            lanes: lanes.len(),
            recalled: 0,
            state: State::Waiting,
        };
        let found = look.subscribers.find(subscriber);
        let Found::Enabled(receiver) = found else {
            let is_nobodys = found == Found::Gone && lanes.is_empty();
            if is_nobodys && now.duration_since(backlog.since) >= GONE {
                self.forget(subscriber).await?;
                looked_at.state = State::Over;
            } else if backlog.recalled_at.is_some() {
                // Then whoever switches it on again need not wait, and its five days begin anew.
                self.note(
                    subscriber,
                    Backlog {
                        tried_since: None,
                        recalled_at: None,
                        recalled_to: None,
                        ..backlog
                    },
                )
                .await?;
            }
            return Ok(looked_at);
        };
        let since_recall = backlog
            .recalled_at
            .map_or(SignedDuration::MAX, |at| now.duration_since(at));
        let Some(returning_since) = backlog.returning_since else {
            looked_at.state = State::Kept;
            let tried = backlog.tried_since.map(|since| now.duration_since(since));
            if lanes.is_empty() {
                if now.duration_since(backlog.since) >= EMPTY {
                    self.note(subscriber, backlog.returning(now)).await?;
                }
            } else if tried.is_some_and(|tried| tried >= PATIENCE) {
                let off = self.health.disable(receiver, FAILED_TOO_LONG, now).await;
                off.map_err(|source| DeliverError::Disable {
                    subscriber: subscriber.to_owned(),
                    source,
                })?;
                looked_at.state = State::SwitchedOff;
            } else if !look.crowded && (look.at_once || since_recall >= BETWEEN_TRIES) {
                let tried_since = backlog.tried_since.or(Some(now));
                let backlog = Backlog {
                    tried_since,
                    ..backlog
                };
                looked_at.recalled = self
                    .recall(subscriber, backlog, some_of(lanes), now)
                    .await?;
            }
            return Ok(looked_at);
        };
        looked_at.state = State::ComingBack;
        if now.duration_since(returning_since) < self.backlogs.grace {
            // Somebody may not know it yet, and set more aside.
            return Ok(looked_at);
        }
        if lanes.is_empty() {
            if (look.clock)().duration_since(now) < SHORT {
                self.forget(subscriber).await?;
                looked_at.state = State::Over;
            }
        } else if !look.crowded
            && (backlog.recalled_to.is_some() || look.at_once || since_recall >= BETWEEN_PASSES)
        {
            let is_full = lanes.len() >= MOST_LANES;
            let recalled_to = lanes
                .last()
                .filter(|_| is_full)
                .map(|last| last.subject.clone());
            let backlog = Backlog {
                recalled_to,
                ..backlog
            };
            looked_at.recalled = self.recall(subscriber, backlog, lanes, now).await?;
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

    /// Recalls lanes, and notes it; how many.
    async fn recall(
        &self,
        subscriber: &str,
        backlog: Backlog,
        lanes: Vec<Lane>,
        now: Timestamp,
    ) -> Result<usize, BacklogError> {
        let recalls = lanes.iter().map(|lane| lane.recall_by_look(now)).collect();
        self.backlogs.deliveries.send(recalls).await?;
        self.note(
            subscriber,
            Backlog {
                recalled_at: Some(now),
                ..backlog
            },
        )
        .await?;
        Ok(lanes.len())
    }

    async fn note(&self, subscriber: &str, backlog: Backlog) -> Result<(), BacklogError> {
        Ok(self.backlogs.store.write(subscriber, backlog).await?)
    }

    async fn forget(&self, subscriber: &str) -> Result<(), BacklogError> {
        Ok(self.backlogs.store.remove(subscriber).await?)
    }

    fn tell(&self, looked_at: &LookedAfter, now: Timestamp) {
        let LookedAfter {
            subscriber,
            since,
            lanes,
            recalled,
            state,
        } = looked_at;
        tracing::info!(subscriber, %since, lanes, recalled, ?state, "backlog looked after");
        if matches!(state, State::Kept | State::ComingBack) && *lanes > 0 {
            // Nothing of it is in the queue, whose age would tell.
            let waiting = now.duration_since(*since).as_secs_f64();
            let waiting = ("WaitingDeliverySeconds", waiting, Unit::Seconds);
            self.metrics.emit(&[], &[waiting]);
        }
    }
}

fn some_of(mut lanes: Vec<Lane>) -> Vec<Lane> {
    fastrand::shuffle(&mut lanes);
    lanes.truncate(TRIED_LANES);
    lanes
}
