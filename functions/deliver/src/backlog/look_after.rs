//! By the clock: whoever may take something again is tried, whoever does is given the rest, and what is over is forgotten.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use wagrun_delivery::subscriber::Subscribers;
use wagrun_lambda::metric::Unit;
use wagrun_lambda::telemetry::chain;

use super::{
    Backlog, BacklogError,
    lane::Lane,
    verdict::{Seen, State, Step},
};
use crate::{DeliverError, Deliverer, health::FAILED_TOO_LONG};

/// As many lanes of one subscriber are recalled in one look.
const MOST_LANES: usize = 1000;
/// After this, the next look goes on: the function has half a minute.
const MOST_TIME: Duration = Duration::from_secs(20);
/// So many of its lanes, by chance: one that is refused for what is in it must not stand for all.
const TRIED_LANES: usize = 3;
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

/// One look.
struct Look {
    subscribers: Arc<Subscribers>,
    crowded: bool,
    at_once: bool,
    clock: fn() -> Timestamp,
}

impl Deliverer {
    /// Looks after every backlog; an error when it is not known which there are or who subscribes, or when one of them could
    /// not be looked after, which is after the others were seen to.
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
        let seen = Seen {
            backlog: &backlog,
            subscriber: look.subscribers.find(subscriber),
            is_empty: lanes.is_empty(),
            crowded: look.crowded,
            at_once: look.at_once,
            grace: self.backlogs.grace,
            now,
        };
        let (state, step) = seen.verdict();
        looked_at.state = state;
        match step {
            Step::Leave => {}
            Step::Forget if (look.clock)().duration_since(now) < SHORT => {
                let gone = self.backlogs.store.remove(subscriber).await;
                gone.map_err(BacklogError::from)?;
                looked_at.state = State::Over;
            }
            Step::Forget => {}
            Step::Note(backlog) => self.note(subscriber, backlog).await?,
            Step::SwitchOff(receiver) => {
                let off = self.health.disable(receiver, FAILED_TOO_LONG, now).await;
                off.map_err(|source| DeliverError::Disable {
                    subscriber: subscriber.to_owned(),
                    source,
                })?;
                looked_at.state = State::SwitchedOff;
            }
            Step::TrySome(backlog) => {
                let lanes = some_of(lanes);
                looked_at.recalled = self.recall(subscriber, backlog, lanes, now).await?;
            }
            Step::RecallNext(backlog) => {
                // Where to go on, if there may be more.
                let last = lanes.last().filter(|_| lanes.len() >= MOST_LANES);
                let recalled_to = last.map(|last| last.subject.clone());
                let backlog = Backlog {
                    recalled_to,
                    ..backlog
                };
                looked_at.recalled = self.recall(subscriber, backlog, lanes, now).await?;
            }
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

    fn tell(&self, looked_at: &LookedAfter, now: Timestamp) {
        let LookedAfter {
            subscriber,
            since,
            lanes,
            recalled,
            state,
        } = looked_at;
        let word: &str = (*state).into();
        tracing::info!(subscriber, %since, lanes, recalled, state = word, "backlog looked after");
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
