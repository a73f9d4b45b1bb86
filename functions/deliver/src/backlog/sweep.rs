//! The sweep, which runs by a schedule: it tries subscribers that accept nothing, recalls backlogs that return, and removes
//! those that are empty.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use wagrun_delivery::queue::Message;
use wagrun_delivery::subscriber::{LoadError, SubscriberStatus, SubscriberStore, Subscribers};
use wagrun_lambda::metric::{Metrics, Unit};
use wagrun_lambda::telemetry::chain;

use super::backlogs::{BacklogError, Backlogs};
use super::lane::Lane;
use super::policy::{State, SweepAction, SweepFacts};
use super::store::Backlog;
use super::swept::{SweepError, SweptBacklog};
use super::turn::Turn;
use crate::subscriber_health::{FAILED_TOO_LONG, SubscriberHealth};

/// Number of lanes of one subscriber that one sweep recalls.
const MAX_LANES: usize = 1000;
/// Time after which the remaining backlogs are left to the next sweep: the function has thirty seconds.
const MAX_TIME: SignedDuration = SignedDuration::from_secs(20);
/// Number of lanes by which a subscriber is tried. They are chosen at random, because one delivery may be refused for its
/// content.
const TRIAL_LANES: usize = 3;
/// Time after the bucket was listed within which an empty backlog may be removed. Nothing was set aside meanwhile.
const MAX_LISTING_AGE: SignedDuration = SignedDuration::from_secs(5);

/// The parts that a sweep uses.
#[derive(Debug, Clone, Copy)]
pub struct Sweep<'a> {
    /// The backlogs.
    pub backlogs: &'a Backlogs,
    /// The subscribers.
    pub subscribers: &'a SubscriberStore,
    /// Switches subscribers off.
    pub health: &'a SubscriberHealth,
    /// Receives the age of each backlog.
    pub metrics: &'a Metrics,
    /// Returns the current time.
    pub clock: fn() -> Timestamp,
    /// Tries subscribers that were tried a short time ago as well.
    pub at_once: bool,
}

/// The facts that all backlogs of one sweep share.
struct SharedFacts {
    started: Timestamp,
    subscribers: Arc<Subscribers>,
    /// True when the subscribers were read after the backlogs.
    is_current: bool,
    is_crowded: bool,
    /// Number of subscribers that are paced.
    paced: usize,
}

/// Handles every backlog.
///
/// # Errors
/// Fails if the backlogs or the subscribers cannot be read. An error of one backlog is logged and returned after the others were
/// handled.
pub async fn sweep(sweep: &Sweep<'_>) -> Result<Vec<SweptBacklog>, SweepError> {
    let started = (sweep.clock)();
    let mut backlogs = sweep.all(started).await?;
    if backlogs.is_empty() {
        // Nearly always.
        return Ok(Vec::new());
    }
    let listed = sweep.subscribers.listed(started, (sweep.clock)());
    let (subscribers, is_current) = listed.await?;
    let shared = SharedFacts {
        started,
        subscribers,
        is_current,
        is_crowded: sweep.backlogs.crowding.is_crowded(started).await?,
        paced: backlogs.iter().filter(|(_, one)| is_paced(one)).count(),
    };
    // A sweep that is cut short must not always skip the same subscribers.
    fastrand::shuffle(&mut backlogs);
    let mut swept = Vec::new();
    let mut problem = None;
    for (subscriber, backlog) in backlogs {
        if (sweep.clock)().duration_since(started) > MAX_TIME {
            tracing::warn!(subscriber, "backlog left to the next sweep");
            continue;
        }
        match sweep.one(&shared, &subscriber, backlog).await {
            Ok(one) => {
                sweep.report(&one, started);
                swept.push(one);
            }
            Err(error) => {
                let text = chain(&error);
                tracing::error!(subscriber, error = text, "cannot sweep the backlog");
                problem = Some(error);
            }
        }
    }
    problem.map_or(Ok(swept), Err)
}

fn is_paced(backlog: &Option<Backlog>) -> bool {
    backlog.as_ref().is_some_and(Backlog::is_paced)
}

impl Sweep<'_> {
    /// Returns every backlog with its subscriber's name; none for deliveries in the bucket whose parameter was deleted.
    async fn all(&self, now: Timestamp) -> Result<Vec<(String, Option<Backlog>)>, BacklogError> {
        let known = self.backlogs.store.all(now).await?;
        let mut holders = self.backlogs.bucket.subscribers().await?;
        holders.retain(|subscriber| !known.contains_key(subscriber));
        let known = known.into_iter().map(|(name, one)| (name, Some(one)));
        Ok(known
            .chain(holders.into_iter().map(|name| (name, None)))
            .collect())
    }

    async fn one(
        &self,
        shared: &SharedFacts,
        subscriber: &str,
        backlog: Option<Backlog>,
    ) -> Result<SweptBacklog, SweepError> {
        let now = (self.clock)();
        let backlog = match backlog {
            Some(backlog) => backlog,
            None => {
                self.backlogs.begin(subscriber, now).await?;
                Backlog::begun(now)
            }
        };
        let lanes = self.lanes(subscriber, &backlog).await?;
        let subscribers = self.subscribers(shared, subscriber, &backlog).await?;
        let facts = SweepFacts {
            backlog: &backlog,
            subscriber: subscribers.find(subscriber),
            is_empty: lanes.is_empty(),
            is_crowded: shared.is_crowded,
            at_once: self.at_once,
            settling_time: self.backlogs.settling_time,
            now,
        };
        let (state, action) = facts.decide();
        let mut swept = SweptBacklog {
            subscriber: subscriber.to_owned(),
            since: backlog.since,
            lanes: lanes.len(),
            recalled: 0,
            state,
        };
        match action {
            SweepAction::Leave => {}
            SweepAction::Remove => {
                if (self.clock)().duration_since(now) < MAX_LISTING_AGE {
                    let removed = self.backlogs.store.remove(subscriber).await;
                    removed.map_err(BacklogError::from)?;
                    swept.state = State::Removed;
                }
            }
            SweepAction::Write(backlog) => self.write(subscriber, backlog).await?,
            SweepAction::SwitchOff(receiver) => {
                let disabled = self.health.disable(receiver, FAILED_TOO_LONG, now).await;
                disabled.map_err(|source| SweepError::Disable {
                    subscriber: subscriber.to_owned(),
                    source,
                })?;
                swept.state = State::SwitchedOff;
            }
            SweepAction::RecallSome(backlog) => {
                let mut lanes = lanes;
                fastrand::shuffle(&mut lanes);
                lanes.truncate(TRIAL_LANES);
                swept.recalled = lanes.len();
                let recalls = lanes.iter().map(|lane| lane.recall_by_sweep(now)).collect();
                self.recall(subscriber, backlog, recalls, now).await?;
            }
            SweepAction::GiveTurns(backlog) => {
                let turns = self.backlogs.pacing.limits.turns(shared.paced);
                let recalls: Vec<_> = Turn::all(now, turns)
                    .filter_map(|turn| {
                        let lane = lanes.iter().find(|lane| turn.has(&lane.subject))?;
                        Some(lane.recall_in_turn(&turn, &now.to_string()))
                    })
                    .collect();
                swept.recalled = recalls.len();
                self.recall(subscriber, backlog, recalls, now).await?;
            }
            SweepAction::RecallNext(backlog) => {
                // A full listing may have more lanes behind it.
                let last = lanes.last().filter(|_| lanes.len() >= MAX_LANES);
                let recalled_to = last.map(|last| last.subject.clone());
                let backlog = Backlog {
                    recalled_to,
                    ..backlog
                };
                swept.recalled = lanes.len();
                let recalls = lanes.iter().map(|lane| lane.recall_by_sweep(now)).collect();
                self.recall(subscriber, backlog, recalls, now).await?;
            }
        }
        Ok(swept)
    }

    /// Returns subscribers among which that of the backlog is, if it exists.
    ///
    /// A directory may be older than the backlog's record. So the absence of a parameter, and the end of an absence, count only when
    /// that parameter was read.
    async fn subscribers(
        &self,
        shared: &SharedFacts,
        subscriber: &str,
        backlog: &Backlog,
    ) -> Result<Arc<Subscribers>, LoadError> {
        let is_gone = shared.subscribers.find(subscriber) == SubscriberStatus::Gone;
        if shared.is_current || !(is_gone || backlog.gone_since.is_some()) {
            return Ok(Arc::clone(&shared.subscribers));
        }
        let (store, now) = (self.subscribers, (self.clock)());
        store
            .loaded_one_after(subscriber, shared.started, now)
            .await
    }

    /// Returns the lanes to recall next: those behind the last that was recalled, otherwise the first.
    async fn lanes(&self, subscriber: &str, backlog: &Backlog) -> Result<Vec<Lane>, BacklogError> {
        let bucket = &self.backlogs.bucket;
        if let Some(last) = &backlog.recalled_to {
            let next = bucket.lanes(subscriber, Some(last), MAX_LANES).await?;
            if !next.is_empty() {
                return Ok(next);
            }
        }
        Ok(bucket.lanes(subscriber, None, MAX_LANES).await?)
    }

    /// Sends the recalls, and writes the parameter.
    async fn recall(
        &self,
        subscriber: &str,
        backlog: Backlog,
        recalls: Vec<Message>,
        now: Timestamp,
    ) -> Result<(), BacklogError> {
        self.backlogs.deliveries.send(recalls).await?;
        let backlog = Backlog {
            recalled_at: Some(now),
            ..backlog
        };
        self.write(subscriber, backlog).await
    }

    async fn write(&self, subscriber: &str, backlog: Backlog) -> Result<(), BacklogError> {
        Ok(self.backlogs.store.write(subscriber, backlog).await?)
    }

    fn report(&self, swept: &SweptBacklog, now: Timestamp) {
        let SweptBacklog {
            subscriber,
            since,
            lanes,
            recalled,
            state,
        } = swept;
        let text: &str = (*state).into();
        tracing::info!(subscriber, %since, lanes, recalled, state = text, "backlog swept");
        if matches!(
            state,
            State::Kept | State::Tried | State::Paced | State::Returning
        ) && *lanes > 0
        {
            // These deliveries are not in the queue, whose own age would show them.
            let age = now.duration_since(*since).as_secs_f64();
            let age = ("WaitingDeliverySeconds", age, Unit::Seconds);
            self.metrics.emit(&[], &[age]);
        }
    }
}
