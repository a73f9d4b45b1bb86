//! A simulation of a database with its visitors, metrics and sweeps over days, second by second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decision::{Decision, History, Minute, OutboxChecks, Reason};

/// Seconds since the start of the simulation, or a duration in seconds.
pub(super) type Second = i64;

pub(super) const HOUR: Second = 3600;
pub(super) const DAYS: Second = 4;
pub(super) const SWEEP_INTERVAL: Second = HOUR;
/// The time without a connection after which the database pauses.
const PAUSE_TIMEOUT: Second = 300;
/// The maximum delay of a datapoint.
const MAX_METRIC_DELAY: Second = 300;
/// The time after a check in which a visit leaves no trace in the pause: three minutes of tolerance, and one.
const TRACELESS_TIME: Second = 4 * 60;
/// The same after the check of a sweep: ten minutes of tolerance, and one.
const TRACELESS_TIME_AFTER_SWEEP: Second = 11 * 60;
/// The maximum delay of an event whose visit leaves a trace. A sweep before the datapoint of its minute leaves it to the
/// next sweep, and a database that resumes takes half a minute.
const MAX_DELAY: Second = SWEEP_INTERVAL + MAX_METRIC_DELAY + 60 + 30;
/// The maximum delay of an event whose visit leaves no trace.
pub(super) const MAX_TRACELESS_DELAY: Second =
    18 * HOUR + 60 + SWEEP_INTERVAL + MAX_METRIC_DELAY + 60 + 30;

/// A connection of another session, from the first attempt to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    pub from: Second,
    pub to: Second,
    pub commit: Option<Commit>,
}

/// A commit at the end of a visit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Commit {
    /// A doorbell has invoked content-events.
    Rang,
    /// Both doorbells failed.
    Unheard,
}

/// A commit whose doorbells both failed.
#[derive(Debug)]
pub(super) struct UnheardCommit {
    committed_at: Second,
    /// The maximum delay until it is found. `None` when only the check after a week finds it.
    pub max_delay: Option<Second>,
}

/// Behaviour of AWS that is not known exactly.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Platform {
    /// The maximum delay of a pause after its time-out.
    pub max_pause_delay: Second,
    /// The percentage of capacity datapoints that never appear.
    pub missing_percent: u8,
}

pub(super) const USUAL: Platform = Platform {
    max_pause_delay: 60,
    missing_percent: 0,
};

#[derive(Debug, Default)]
pub(super) struct Simulation {
    platform: Platform,
    awake: bool,
    pauses_at: Option<Second>,
    /// True when the database was awake at some moment of this minute.
    awake_this_minute: bool,
    /// Capacity datapoints, each with the second at which it appears.
    capacity: Vec<(Second, Minute, f64)>,
    /// Checks of the outbox, each with the second at which its datapoint appears.
    checks: Vec<(Second, Minute)>,
    /// Wakes by a sweep, each with the second at which its datapoint appears.
    wakes: Vec<(Second, Minute)>,
    /// The last check, and true when a sweep woke the database for it.
    last_check: Option<(Second, bool)>,
    /// The number of times that the database was awake with a visitor.
    pub used: usize,
    used_now: bool,
    /// The number of checks of a database that was paused according to CloudWatch.
    pub woken: usize,
    pub pending: Vec<UnheardCommit>,
    pub reasons: Vec<Reason>,
    /// The maximum delay of a commit whose visit left a trace.
    pub max_delay: Second,
}

/// Simulates the sweeps over these visits, which are in order. Asserts that each commit is found in time.
pub(super) fn simulate(
    visits: &[Visit],
    platform: Platform,
    random: &mut fastrand::Rng,
) -> Simulation {
    let mut simulation = Simulation {
        platform,
        ..Simulation::default()
    };
    let mut busy_until = 0;
    let mut coming = visits.iter().peekable();
    for now in 0..DAYS * 24 * HOUR {
        if coming.peek().is_some_and(|visit| visit.from <= now) {
            simulation.connect();
            simulation.used_now = true;
            busy_until = now + 1;
        }
        while let Some(visit) = coming.next_if(|visit| visit.to <= now) {
            match visit.commit {
                Some(Commit::Unheard) => {
                    simulation.pending.push(UnheardCommit {
                        committed_at: now,
                        max_delay: simulation.expected_max_delay(now),
                    });
                }
                Some(Commit::Rang) => {
                    simulation.connect();
                    simulation.check(now, false, random);
                    busy_until = now + 2;
                }
                None => {}
            }
        }
        if now > 0 && now % SWEEP_INTERVAL == 0 {
            let minute = now / 60;
            let history = simulation.history(now);
            if let Decision::Check(reason) = history.decide(minute) {
                simulation.reasons.push(reason);
                let marked = history.is_paused(minute);
                if marked {
                    simulation
                        .wakes
                        .push((now + 60 + random.i64(0..MAX_METRIC_DELAY), minute));
                }
                let resumes = if simulation.awake {
                    0
                } else {
                    random.i64(10..30)
                };
                simulation.woken += usize::from(marked);
                simulation.connect();
                simulation.check(now + resumes, marked, random);
                busy_until = now + resumes + 1;
            }
        }
        if now < busy_until {
            simulation.pauses_at =
                Some(now + PAUSE_TIMEOUT + random.i64(0..=platform.max_pause_delay));
        } else if simulation.pauses_at.is_some_and(|at| at <= now) {
            simulation.pause();
        }
        simulation.measure(now, random);
    }
    simulation.used += usize::from(simulation.used_now);
    simulation
}

impl Simulation {
    fn connect(&mut self) {
        self.awake = true;
        self.awake_this_minute = true;
    }

    /// Returns the maximum delay of a commit of now. It depends on the trace of its visit beside the last check.
    fn expected_max_delay(&self, now: Second) -> Option<Second> {
        match self.last_check {
            Some((check, true)) if now - check < TRACELESS_TIME => None,
            Some((check, true)) if now - check < TRACELESS_TIME_AFTER_SWEEP => {
                Some(MAX_TRACELESS_DELAY)
            }
            Some((check, false)) if now - check < TRACELESS_TIME => Some(MAX_TRACELESS_DELAY),
            _ => Some(MAX_DELAY),
        }
    }

    fn pause(&mut self) {
        self.awake = false;
        self.pauses_at = None;
        self.used += usize::from(std::mem::take(&mut self.used_now));
    }

    fn check(&mut self, now: Second, marked: bool, random: &mut fastrand::Rng) {
        for commit in self.pending.drain(..) {
            let delay = now - commit.committed_at;
            let max_delay = commit.max_delay.unwrap_or(Second::MAX);
            assert!(delay <= max_delay, "{commit:?} is found {delay} s late");
            if commit.max_delay == Some(MAX_DELAY) {
                self.max_delay = self.max_delay.max(delay);
            }
        }
        self.checks
            .push((now + 60 + random.i64(0..MAX_METRIC_DELAY), now / 60));
        self.last_check = Some((now, marked));
    }

    /// Adds the datapoint of a minute that is over. Its value is the last or the highest one of the minute, at random.
    fn measure(&mut self, now: Second, random: &mut fastrand::Rng) {
        if now % 60 < 59 {
            return;
        }
        let highest = std::mem::replace(&mut self.awake_this_minute, self.awake);
        if random.u8(0..100) >= self.platform.missing_percent {
            let awake = if random.bool() { highest } else { self.awake };
            let value = if awake { 2.0 } else { 0.0 };
            self.capacity
                .push((now + random.i64(0..MAX_METRIC_DELAY), now / 60, value));
        }
    }

    fn history(&self, now: Second) -> History {
        let since = now / 60 - 1430;
        let mut checks = BTreeMap::new();
        for (_, minute) in self.checks.iter().filter(|it| it.0 <= now && it.1 >= since) {
            let check = checks.entry(*minute).or_insert(OutboxChecks {
                count: 0.0,
                min_pending_seconds: 0.0,
            });
            check.count += 1.0;
        }
        let capacity = self
            .capacity
            .iter()
            .filter(|it| it.0 <= now && it.1 >= since);
        let wakes = self.wakes.iter().filter(|it| it.0 <= now && it.1 >= since);
        History {
            pause: Duration::from_secs(300),
            step: 1,
            capacity: capacity.map(|it| (it.1, it.2)).collect(),
            checks,
            wakes: wakes.map(|it| it.1).collect(),
            checked_this_week: true,
        }
    }
}
