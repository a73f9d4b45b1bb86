//! Sweeps over simulated days: every event is found in time, and each use by others causes at most one wake.

use super::decision::Reason;
use super::simulation::{
    Commit, DAYS, HOUR, MAX_TRACELESS_DELAY, Platform, SWEEP_INTERVAL, Second, USUAL, Visit,
    simulate,
};

fn visit(from: Second, seconds: Second, commit: Option<Commit>) -> Visit {
    Visit {
        from,
        to: from + seconds,
        commit,
    }
}

/// Returns sessions of some visits each. Half of the visits only read, and the doorbells of some commits fail.
fn visits(random: &mut fastrand::Rng) -> Vec<Visit> {
    let mut visits = Vec::new();
    let mut now = random.i64(0..4 * HOUR);
    let most = random.choice([2, 12]).unwrap();
    while now < DAYS * 24 * HOUR - MAX_TRACELESS_DELAY - HOUR {
        for _ in 0..random.i64(1..most) {
            let commit = match random.u8(0..6) {
                0 => Some(Commit::Unheard),
                1 | 2 => Some(Commit::Rang),
                _ => None,
            };
            let resume_and_work = random.i64(20..40) + random.choice([1, 1, 1, 60, 600]).unwrap();
            visits.push(visit(now, resume_and_work, commit));
            now += resume_and_work + random.choice([1, 5, 60, 200, 400]).unwrap();
        }
        let longest = random.choice([HOUR, 3 * HOUR, 30 * HOUR]).unwrap();
        now += random.i64(600..longest);
    }
    visits
}

// In two halves, because they take the longest of the unit tests and run beside each other.
#[test]
fn every_event_is_found_in_time_and_each_use_by_others_wakes_once_at_most() {
    let seed = std::env::var("SEED").ok().map(|it| it.parse().unwrap());
    assert_found_in_time(seed.map_or(0..100, |seed: u64| seed..seed + 1));
}

#[test]
fn every_event_is_found_in_time_on_other_days_too() {
    assert_found_in_time(100..200);
}

/// With every second seed some datapoints are missing, which costs checks but delays no event.
fn assert_found_in_time(seeds: std::ops::Range<u64>) {
    let (mut woken, mut used, mut max_delay, mut unfound) = (0, 0, 0, 0);
    for seed in seeds {
        println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let visits = visits(&mut random);
        let platform = Platform {
            missing_percent: if seed % 2 == 0 { 0 } else { 5 },
            ..USUAL
        };
        let simulation = simulate(&visits, platform, &mut random);
        max_delay = max_delay.max(simulation.max_delay);
        for commit in &simulation.pending {
            assert_eq!(commit.max_delay, None, "{commit:?} is not found");
            unfound += 1;
        }
        if platform.missing_percent == 0 {
            assert!(
                simulation.woken <= simulation.used,
                "{:?}",
                simulation.reasons
            );
            woken += simulation.woken;
            used += simulation.used;
        }
    }
    println!(
        "{woken} wakes after {used} uses; maximum delay {max_delay} s; {unfound} left for the week"
    );
}

#[test]
fn one_unheard_commit_is_one_wake_whenever_it_comes_before_a_sweep() {
    let mut left_alone = 0;
    for before in 0..720 {
        let mut random = fastrand::Rng::with_seed(before);
        let from = 30 * HOUR - 5 * Second::try_from(before).unwrap();
        let visits = [visit(from, 30, Some(Commit::Unheard))];
        let simulation = simulate(&visits, USUAL, &mut random);
        assert_eq!(simulation.pending.len(), 0);
        // A sweep that finds the database awake, or seems to, cannot tell that it was alone. A later wake confirms it.
        assert_eq!(simulation.woken, 1, "{before}: {:?}", simulation.reasons);
        assert!(
            simulation.reasons.len() == 1
                || simulation.reasons == [Reason::DatabaseAwake, Reason::Unconfirmed]
        );
        left_alone += usize::from(simulation.max_delay > SWEEP_INTERVAL);
    }
    assert!(left_alone > 5, "no sweep came before its datapoint");
}

#[test]
fn a_visit_that_rang_is_confirmed_once_and_an_unused_database_is_not_woken() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let rang = [visit(10 * HOUR + 1800, 30, Some(Commit::Rang))];
        let simulation = simulate(&rang, USUAL, &mut random);
        assert_eq!(simulation.reasons, [Reason::Unconfirmed]);
        let simulation = simulate(&[], USUAL, &mut random);
        assert_eq!(simulation.reasons, []);
    }
}

#[test]
fn a_platform_that_pauses_later_than_is_known_causes_no_check_an_hour() {
    let mut random = fastrand::Rng::with_seed(1);
    let visits = [visit(HOUR + 1800, 30, Some(Commit::Unheard))];
    let slow = Platform {
        max_pause_delay: 9 * 60,
        ..USUAL
    };
    let simulation = simulate(&visits, slow, &mut random);
    let most = 2 + usize::try_from(DAYS * 24 / 18).unwrap();
    assert!(simulation.reasons.len() <= most, "{:?}", simulation.reasons);
}
