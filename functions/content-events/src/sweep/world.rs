//! Days of a database, its visitors, its metrics and its sweeps, second by second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

/// Seconds.
pub(super) type Second = i64;

pub(super) const HOUR: Second = 3600;
pub(super) const DAYS: Second = 4;
pub(super) const SWEEPS: Second = HOUR;
/// The time-out of the pause.
const PAUSE: Second = 300;
/// The longest that a datapoint takes to appear.
const LAG: Second = 300;
/// Within this time after a look, the pause can't tell who came and went: three minutes that it may be late, and one.
const UNSEEN: Second = 4 * 60;
/// And after the look of a sweep: ten, and one.
const UNSEEN_BY_SWEEP: Second = 11 * 60;
/// How late an event is at most that is seen: a sweep that comes before its minute's datapoint leaves it to the next,
/// which takes a database that resumes half a minute.
const BOUND: Second = SWEEPS + LAG + 60 + 30;
/// And one that is not seen.
pub(super) const UNSEEN_BOUND: Second = 18 * HOUR + 60 + SWEEPS + LAG + 60 + 30;

/// Somebody's connection, from the first try to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    pub from: Second,
    pub to: Second,
    pub commit: Option<Commit>,
}

/// A commit at the end of a visit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Commit {
    /// A doorbell has brought content-events.
    Rang,
    /// Both doorbells failed.
    Unheard,
}

/// A commit that nobody heard.
#[derive(Debug)]
pub(super) struct Event {
    committed: Second,
    /// The longest delay until it is found; none for the one that only the look of the week finds.
    pub bound: Option<Second>,
}

/// What is not known of AWS.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Platform {
    /// The longest delay of a database's pause after its time-out.
    pub slowest_pause: Second,
    /// Percent of the capacity's datapoints that never appear.
    pub missing: u8,
}

pub(super) const USUAL: Platform = Platform {
    slowest_pause: 60,
    missing: 0,
};

#[derive(Debug, Default)]
pub(super) struct World {
    platform: Platform,
    awake: bool,
    pauses_at: Option<Second>,
    /// The database was awake at some moment of this minute.
    awake_this_minute: bool,
    /// Datapoints, with the second at which each appears.
    capacity: Vec<(Second, Minute, f64)>,
    looks: Vec<(Second, Minute)>,
    wakes: Vec<(Second, Minute)>,
    last_look: Option<(Second, bool)>,
    /// Each time that the database was awake and others were there.
    pub used: usize,
    used_now: bool,
    /// Looks at a database that CloudWatch called paused.
    pub woken: usize,
    pub pending: Vec<Event>,
    pub reasons: Vec<Reason>,
    pub latest: Second,
}

/// Runs the sweeps over these visits, which follow each other, and asserts that each event is found in time.
pub(super) fn days(visits: &[Visit], platform: Platform, random: &mut fastrand::Rng) -> World {
    let mut world = World {
        platform,
        ..World::default()
    };
    let mut busy_until = 0;
    let mut coming = visits.iter().peekable();
    for now in 0..DAYS * 24 * HOUR {
        if coming.peek().is_some_and(|visit| visit.from <= now) {
            world.connect();
            world.used_now = true;
            busy_until = now + 1;
        }
        while let Some(visit) = coming.next_if(|visit| visit.to <= now) {
            match visit.commit {
                Some(Commit::Unheard) => {
                    world.pending.push(Event {
                        committed: now,
                        bound: world.bound(now),
                    });
                }
                Some(Commit::Rang) => {
                    world.connect();
                    world.look(now, false, random);
                    busy_until = now + 2;
                }
                None => {}
            }
        }
        if now > 0 && now % SWEEPS == 0 {
            let minute = now / 60;
            let history = world.history(now);
            if let Decision::Look(reason) = history.decide(minute) {
                world.reasons.push(reason);
                let marked = history.is_paused(minute);
                if marked {
                    world.wakes.push((now + 60 + random.i64(0..LAG), minute));
                }
                let resumes = if world.awake { 0 } else { random.i64(10..30) };
                world.woken += usize::from(marked);
                world.connect();
                world.look(now + resumes, marked, random);
                busy_until = now + resumes + 1;
            }
        }
        if now < busy_until {
            world.pauses_at = Some(now + PAUSE + random.i64(0..=platform.slowest_pause));
        } else if world.pauses_at.is_some_and(|at| at <= now) {
            world.pause();
        }
        world.measure(now, random);
    }
    world.used += usize::from(world.used_now);
    world
}

impl World {
    fn connect(&mut self) {
        self.awake = true;
        self.awake_this_minute = true;
    }

    /// How late an event of now may be found, which depends on whether its visit can leave a trace beside the last look.
    fn bound(&self, now: Second) -> Option<Second> {
        match self.last_look {
            Some((look, true)) if now - look < UNSEEN => None,
            Some((look, true)) if now - look < UNSEEN_BY_SWEEP => Some(UNSEEN_BOUND),
            Some((look, false)) if now - look < UNSEEN => Some(UNSEEN_BOUND),
            _ => Some(BOUND),
        }
    }

    fn pause(&mut self) {
        self.awake = false;
        self.pauses_at = None;
        self.used += usize::from(std::mem::take(&mut self.used_now));
    }

    fn look(&mut self, now: Second, marked: bool, random: &mut fastrand::Rng) {
        for event in self.pending.drain(..) {
            let late = now - event.committed;
            let bound = event.bound.unwrap_or(Second::MAX);
            assert!(late <= bound, "{event:?} is found {late} s late");
            if event.bound == Some(BOUND) {
                self.latest = self.latest.max(late);
            }
        }
        self.looks.push((now + 60 + random.i64(0..LAG), now / 60));
        self.last_look = Some((now, marked));
    }

    /// Adds the datapoint of a minute that is over: by the value at its end or by its highest, as the platform likes.
    fn measure(&mut self, now: Second, random: &mut fastrand::Rng) {
        if now % 60 < 59 {
            return;
        }
        let highest = std::mem::replace(&mut self.awake_this_minute, self.awake);
        if random.u8(0..100) >= self.platform.missing {
            let awake = if random.bool() { highest } else { self.awake };
            let value = if awake { 2.0 } else { 0.0 };
            self.capacity
                .push((now + random.i64(0..LAG), now / 60, value));
        }
    }

    fn history(&self, now: Second) -> History {
        let since = now / 60 - 1430;
        let mut looks = BTreeMap::new();
        for (_, minute) in self.looks.iter().filter(|it| it.0 <= now && it.1 >= since) {
            let look = looks.entry(*minute).or_insert(Looks {
                count: 0.0,
                pending_seconds: 0.0,
            });
            look.count += 1.0;
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
            looks,
            wakes: wakes.map(|it| it.1).collect(),
            looked_this_week: true,
        }
    }
}
