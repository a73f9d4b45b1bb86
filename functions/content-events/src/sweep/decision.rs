//! The decision of a sweep from CloudWatch's records, as a pure function.
//!
//! A commit whose two doorbells both failed is visible in the database alone, and a query wakes the database. The pause
//! itself shows activity: Aurora pauses only when no session was connected for [`History::pause`]. So a session that came
//! after our last check has left one of two traces. The database woke again, or it paused later than our check explains.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Minutes since 1970, the resolution of CloudWatch's metrics.
pub(super) type Minute = i64;

/// The age of the newest datapoint above which the present capacity is unknown. There is one each minute, with a delay of
/// some minutes.
const MAX_METRIC_DELAY: Minute = 15;
/// The minutes that a pause may come later than its time-out. In AWS's own example of a connection that ends at once it is
/// two: one for the metric and one for the pausing itself.
const PAUSE_TOLERANCE: Minute = 3;
/// The same after the check of a sweep that woke the database. It is larger, because the platform may pause later than is
/// known. Such a check would otherwise be the reason for the next one, without end.
const SWEEP_PAUSE_TOLERANCE: Minute = 10;
/// The maximum time in minutes from a sweep's wake metric to its check: a database that resumes, with repeated attempts.
const MAX_RESUME_TIME: Minute = 3;
/// The age in minutes at which a check is confirmed by another one, when others may have come within [`PAUSE_TOLERANCE`].
///
/// It is longer than a night. So on a site that is edited every day, the next ring confirms the check at no cost. It is
/// shorter than the remembered day by more than the hour between two sweeps.
const CONFIRMATION_AGE: Minute = 18 * 60;
/// The pause time-out from which a check is not repeated while the database is still awake because of the last one.
const MIN_LONG_PAUSE: Duration = Duration::from_secs(30 * 60);

/// CloudWatch's records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct History {
    /// The time without a connection after which the database pauses (`SecondsUntilAutoPause`).
    pub pause: Duration,
    /// The number of minutes in one datapoint.
    pub step: Minute,
    /// The database's capacity, which is zero only while it is paused.
    pub capacity: BTreeMap<Minute, f64>,
    /// The runs of content-events that have checked the outbox.
    pub checks: BTreeMap<Minute, OutboxChecks>,
    /// The minutes in which a sweep began to wake the database.
    pub wakes: BTreeSet<Minute>,
    /// True when there was a check within a week. It is read only when `checks` is empty.
    pub checked_this_week: bool,
}

/// The checks of the outbox in one datapoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OutboxChecks {
    /// The number of checks.
    pub count: f64,
    /// The age of the oldest event that was pending after a check, in seconds: the minimum of all checks.
    pub min_pending_seconds: f64,
}

/// The decision of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Leave the database asleep. There can be no unseen commit, or a later sweep will know.
    LeaveAsleep,
    /// Connect and check the outbox, which wakes a paused database.
    Check(Reason),
}

/// The reason for which a sweep checks the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The database is awake, or no datapoint shows that it is paused.
    DatabaseAwake,
    /// The last check left events pending.
    EventsPending,
    /// The database was awake and there was no check since.
    NeverChecked,
    /// Another session has woken the database after the last check.
    WokenByOthers,
    /// The database paused later than the last check explains, so another session was connected.
    PausedLate,
    /// Another session may have come and gone in the moments after the last check.
    Unconfirmed,
    /// There was no check for a week.
    NoCheckForAWeek,
    /// A schedule did not do its work, which CloudWatch does not show.
    MissedSchedule,
}

impl Reason {
    /// Returns the name of the reason for log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DatabaseAwake => "database_awake",
            Self::EventsPending => "events_pending",
            Self::NeverChecked => "never_checked",
            Self::WokenByOthers => "woken_by_others",
            Self::PausedLate => "paused_late",
            Self::Unconfirmed => "unconfirmed",
            Self::NoCheckForAWeek => "no_check_for_a_week",
            Self::MissedSchedule => "missed_schedule",
        }
    }
}

impl History {
    /// Returns true when the newest datapoint says that the database is paused.
    ///
    /// Returns false without a recent datapoint. An unnecessary check costs minutes of a database that is awake. A check that
    /// is left out would cost an event.
    pub fn is_paused(&self, now: Minute) -> bool {
        self.capacity
            .last_key_value()
            .is_some_and(|(newest, capacity)| {
                *capacity == 0.0 && now - newest <= MAX_METRIC_DELAY + self.step
            })
    }

    /// Returns true when the decision depends on more than the capacity.
    pub fn needs_checks(&self, now: Minute) -> bool {
        self.is_paused(now) || self.pause >= MIN_LONG_PAUSE
    }

    /// Decides if the sweep checks the outbox.
    pub fn decide(&self, now: Minute) -> Decision {
        let last_check = self.checks.last_key_value();
        if !self.is_paused(now) {
            return match last_check {
                // With a long time-out, a check every hour would keep the database awake for ever. Later sweeps see when it
                // pauses.
                Some((check, checks))
                    if self.pause >= MIN_LONG_PAUSE && checks.min_pending_seconds == 0.0 =>
                {
                    if now - check <= self.latest_pause(SWEEP_PAUSE_TOLERANCE) {
                        Decision::LeaveAsleep
                    } else {
                        Decision::Check(Reason::DatabaseAwake)
                    }
                }
                _ => Decision::Check(Reason::DatabaseAwake),
            };
        }
        let Some((&check, checks)) = last_check else {
            return if self.capacity.values().any(|capacity| *capacity > 0.0) {
                Decision::Check(Reason::NeverChecked)
            } else if self.checked_this_week {
                Decision::LeaveAsleep
            } else {
                Decision::Check(Reason::NoCheckForAWeek)
            };
        };
        if checks.min_pending_seconds > 0.0 {
            return Decision::Check(Reason::EventsPending);
        }
        let Some(paused) = self.paused_after(check) else {
            // The check is newer than the datapoints of the database.
            return Decision::LeaveAsleep;
        };
        if self.capacity.range(paused..).any(|(_, it)| *it > 0.0) {
            return Decision::Check(Reason::WokenByOthers);
        }
        let was_alone = self.was_alone(check);
        let tolerance = if was_alone {
            SWEEP_PAUSE_TOLERANCE
        } else {
            PAUSE_TOLERANCE
        };
        if paused - check > self.latest_pause(tolerance) {
            return Decision::Check(Reason::PausedLate);
        }
        let is_confirmed = was_alone && paused - check <= self.latest_pause(PAUSE_TOLERANCE);
        if !is_confirmed && now - check >= CONFIRMATION_AGE {
            return Decision::Check(Reason::Unconfirmed);
        }
        Decision::LeaveAsleep
    }

    /// Returns the first datapoint of the pause after a check.
    ///
    /// A zero earlier than a pause can begin is an artefact of the metric.
    fn paused_after(&self, check: Minute) -> Option<Minute> {
        let earliest = check + self.pause_minutes();
        self.capacity
            .range(earliest..)
            .find(|(_, capacity)| **capacity == 0.0)
            .map(|(minute, _)| *minute)
    }

    /// Returns the maximum time from a check to the pause, when no other session follows the check.
    fn latest_pause(&self, tolerance: Minute) -> Minute {
        self.pause_minutes() + tolerance + 2 * (self.step - 1)
    }

    fn pause_minutes(&self) -> Minute {
        Minute::try_from(self.pause.as_secs() / 60).unwrap_or(Minute::MAX / 4)
    }

    /// Returns true for the check of a sweep that found the database paused, without a check of another run beside it.
    fn was_alone(&self, check: Minute) -> bool {
        let woke_paused_database = |wake: Minute| {
            let others = self.checks.range(wake..check).next().is_some();
            !others && self.capacity.get(&(wake - self.step)) == Some(&0.0)
        };
        let earliest_wake = check - MAX_RESUME_TIME - (self.step - 1);
        self.checks[&check].count == 1.0
            && self
                .wakes
                .range(earliest_wake..=check)
                .any(|wake| woke_paused_database(*wake))
    }
}
