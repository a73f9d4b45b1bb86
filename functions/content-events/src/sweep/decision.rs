//! The decision of a sweep, from what CloudWatch has recorded. Pure.
//!
//! A commit whose two doorbells both failed is known to nobody but the database, and asking the database wakes it. The
//! pause itself is the witness: Aurora pauses only when nobody was connected for [`History::pause`]. So whoever was there
//! after our last look has left one of two traces: the database woke again, or it paused later than our look explains.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Minutes since 1970, in which CloudWatch counts.
pub type Minute = i64;

/// Age of the newest datapoint above which the present capacity is unknown: one comes each minute, some minutes late.
const LONGEST_SILENCE: Minute = 15;
/// Minutes that a pause may come later than the time-out alone says. In AWS's own example of a connection that ends at once
/// it is two: one is the metric's, one the pausing itself.
const PAUSING: Minute = 3;
/// The same after the look of a sweep that woke the database. Should the platform pause later than is known, such a look
/// would otherwise be the reason for the next one, for ever.
const SLOW_PAUSING: Minute = 10;
/// Longest time in minutes from a sweep's mark to its look: a database that resumes, and the tries until it does.
const LONGEST_RESUME: Minute = 3;
/// Age in minutes at which a look that others may have followed within [`PAUSING`] is confirmed by one more. A night is
/// shorter, so that on a site that is edited every day the next ring does it for nothing; a sweep an hour fits behind it
/// into the day that is remembered.
const UNCONFIRMED: Minute = 18 * 60;
/// The time-out from which a look is not repeated while the database is still awake because of the last one.
const LONG_PAUSE: Duration = Duration::from_secs(30 * 60);

/// CloudWatch's records.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The time without a connection after which the database pauses (`SecondsUntilAutoPause`).
    pub pause: Duration,
    /// Minutes in one datapoint.
    pub step: Minute,
    /// The database's capacity, which is zero only while it is paused.
    pub capacity: BTreeMap<Minute, f64>,
    /// The runs of content-events that have looked into the outbox.
    pub looks: BTreeMap<Minute, Looks>,
    /// The minutes in which a sweep began to wake the database.
    pub wakes: BTreeSet<Minute>,
    /// True when there was a look within a week. Asked only when there is none in `looks`.
    pub looked_this_week: bool,
}

/// The looks of one datapoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Looks {
    /// Their number.
    pub count: f64,
    /// The age in seconds of the oldest event that they left pending, by the look that left least.
    pub pending_seconds: f64,
}

/// The sweep's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing can have been committed that was not looked at, or a later sweep will know.
    LeaveAlone,
    /// Connect, which wakes a paused database.
    Look(Reason),
}

/// The reason for which a sweep connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The database is awake, or nothing says that it is paused.
    Awake,
    /// The last look left events pending.
    LeftPending,
    /// The database was awake and nobody has looked since.
    NeverLooked,
    /// Somebody has woken the database after the last look.
    Woken,
    /// The database paused later after the last look than the look explains: somebody was there.
    PausedLate,
    /// Somebody may have come and gone in the moments after the last look.
    Unconfirmed,
    /// Nobody has looked for a week.
    Forgotten,
    /// A schedule did not do its work, which CloudWatch does not know.
    MissedSchedule,
}

impl History {
    /// Returns true when the newest datapoint says that the database is paused.
    ///
    /// Without a recent one the answer is no: a look that was not needed costs minutes of a database awake, a look that
    /// was left out costs somebody's event.
    pub fn is_paused(&self, now: Minute) -> bool {
        self.capacity
            .last_key_value()
            .is_some_and(|(newest, capacity)| {
                *capacity == 0.0 && now - newest <= LONGEST_SILENCE + self.step
            })
    }

    /// Returns true when the decision depends on more than the capacity.
    pub fn needs_looks(&self, now: Minute) -> bool {
        self.is_paused(now) || self.pause >= LONG_PAUSE
    }

    /// Decides whether to connect.
    pub fn decide(&self, now: Minute) -> Decision {
        let last = self.looks.last_key_value();
        if !self.is_paused(now) {
            return match last {
                // With a long time-out a look an hour would keep it awake for ever. Later sweeps see when it pauses.
                Some((look, seen)) if self.pause >= LONG_PAUSE && seen.pending_seconds == 0.0 => {
                    if now - look <= self.latest_pause(SLOW_PAUSING) {
                        Decision::LeaveAlone
                    } else {
                        Decision::Look(Reason::Awake)
                    }
                }
                _ => Decision::Look(Reason::Awake),
            };
        }
        let Some((&look, seen)) = last else {
            return if self.capacity.values().any(|capacity| *capacity > 0.0) {
                Decision::Look(Reason::NeverLooked)
            } else if self.looked_this_week {
                Decision::LeaveAlone
            } else {
                Decision::Look(Reason::Forgotten)
            };
        };
        if seen.pending_seconds > 0.0 {
            return Decision::Look(Reason::LeftPending);
        }
        let Some(paused) = self.paused_after(look) else {
            // The look is newer than what CloudWatch knows of the database.
            return Decision::LeaveAlone;
        };
        if self.capacity.range(paused..).any(|(_, it)| *it > 0.0) {
            return Decision::Look(Reason::Woken);
        }
        let alone = self.was_alone(look);
        let tolerance = if alone { SLOW_PAUSING } else { PAUSING };
        if paused - look > self.latest_pause(tolerance) {
            return Decision::Look(Reason::PausedLate);
        }
        let confirmed = alone && paused - look <= self.latest_pause(PAUSING);
        if !confirmed && now - look >= UNCONFIRMED {
            return Decision::Look(Reason::Unconfirmed);
        }
        Decision::LeaveAlone
    }

    /// The first datapoint of the pause after a look. A zero that comes sooner than a pause can is the metric's.
    fn paused_after(&self, look: Minute) -> Option<Minute> {
        let earliest = look + self.pause_minutes();
        self.capacity
            .range(earliest..)
            .find(|(_, capacity)| **capacity == 0.0)
            .map(|(minute, _)| *minute)
    }

    /// The latest distance of a pause from a look that nobody followed.
    fn latest_pause(&self, tolerance: Minute) -> Minute {
        self.pause_minutes() + tolerance + 2 * (self.step - 1)
    }

    fn pause_minutes(&self) -> Minute {
        Minute::try_from(self.pause.as_secs() / 60).unwrap_or(Minute::MAX / 4)
    }

    /// Returns true for a look of a sweep that found the database paused, and of nobody else.
    fn was_alone(&self, look: Minute) -> bool {
        let woke = |wake: Minute| {
            let others = self.looks.range(wake..look).next().is_some();
            !others && self.capacity.get(&(wake - self.step)) == Some(&0.0)
        };
        let begun = look - LONGEST_RESUME - (self.step - 1);
        self.looks[&look].count == 1.0 && self.wakes.range(begun..=look).any(|wake| woke(*wake))
    }
}
