//! The decision of a sweep, case by case.

use std::time::Duration;

use super::decision::{Decision, History, Minute, OutboxChecks, Reason};

/// Returns the history of a database that is paused from minute 0 to minute 3000, except in the minutes `awake`.
fn history(awake: &[(Minute, Minute)], checks: &[Minute], wakes: &[Minute]) -> History {
    let capacity = (0..3000).map(|minute| {
        let awake = awake
            .iter()
            .any(|(from, to)| (*from..*to).contains(&minute));
        (minute, if awake { 2.0 } else { 0.0 })
    });
    let check = OutboxChecks {
        count: 1.0,
        min_pending_seconds: 0.0,
    };
    History {
        pause: Duration::from_secs(300),
        step: 1,
        capacity: capacity.collect(),
        checks: checks.iter().map(|minute| (*minute, check)).collect(),
        wakes: wakes.iter().copied().collect(),
        checked_this_week: true,
    }
}

#[test]
fn each_trace_has_its_reason() {
    let an_hour_later = 1060;
    let a_day_later = 1000 + 18 * 60;
    let leave = Decision::LeaveAsleep;
    #[rustfmt::skip]
    let table = [
        ("no session ever", history(&[], &[], &[]), leave, leave),
        ("a session, no check", history(&[(1000, 1006)], &[], &[]), Decision::Check(Reason::NeverChecked), Decision::Check(Reason::NeverChecked)),
        ("a ring and its check", history(&[(990, 1006)], &[1000], &[]), leave, Decision::Check(Reason::Unconfirmed)),
        ("the latest explained pause", history(&[(990, 1008)], &[1000], &[]), leave, Decision::Check(Reason::Unconfirmed)),
        ("a session that stayed", history(&[(990, 1009)], &[1000], &[]), Decision::Check(Reason::PausedLate), Decision::Check(Reason::PausedLate)),
        ("a second session", history(&[(990, 1006), (1040, 1046)], &[1000], &[]), Decision::Check(Reason::WokenByOthers), Decision::Check(Reason::WokenByOthers)),
        ("a sweep's wake", history(&[(1000, 1007)], &[1001], &[1000]), leave, leave),
        ("a sweep's wake, a late pause", history(&[(1000, 1016)], &[1001], &[1000]), leave, Decision::Check(Reason::Unconfirmed)),
        ("a sweep's wake, a session that stayed", history(&[(1000, 1017)], &[1001], &[1000]), Decision::Check(Reason::PausedLate), Decision::Check(Reason::PausedLate)),
        ("a sweep that found a session", history(&[(999, 1007)], &[1001], &[1000]), leave, Decision::Check(Reason::Unconfirmed)),
        ("a ring after a sweep's wake", history(&[(1000, 1008)], &[1001, 1002], &[1000]), leave, Decision::Check(Reason::Unconfirmed)),
        ("a zero too early", history(&[(1000, 1001), (1003, 1008)], &[1001], &[1000]), leave, leave),
        ("a check newer than the capacity", history(&[], &[2999], &[]), leave, leave),
    ];
    for (case, history, soon, later) in table {
        let until = |end| History {
            capacity: history.capacity.range(..end - 2).map(copied).collect(),
            ..history.clone()
        };
        assert_eq!(until(an_hour_later).decide(an_hour_later), soon, "{case}");
        assert_eq!(
            until(a_day_later + 5).decide(a_day_later + 5),
            later,
            "{case}, later"
        );
    }
}

fn copied((minute, capacity): (&Minute, &f64)) -> (Minute, f64) {
    (*minute, *capacity)
}

#[test]
fn two_checks_in_a_minute_are_not_a_sweeps_own() {
    let mut history = history(&[(1000, 1007)], &[1001], &[1000]);
    assert_eq!(history.decide(2999), Decision::LeaveAsleep);
    history.checks.get_mut(&1001).unwrap().count = 2.0;
    assert_eq!(history.decide(2999), Decision::Check(Reason::Unconfirmed));
}

#[test]
fn a_check_beside_which_others_may_have_come_is_confirmed_after_eighteen_hours() {
    let history = history(&[(990, 1006)], &[1000], &[]);
    let confirmed = 1000 + 18 * 60;
    assert_eq!(history.decide(confirmed - 1), Decision::LeaveAsleep);
    assert_eq!(
        history.decide(confirmed),
        Decision::Check(Reason::Unconfirmed)
    );
}

#[test]
fn a_check_is_a_sweeps_own_when_it_follows_its_wake_within_the_time_to_resume() {
    // Minutes of one datapoint, the last minute of the check after a wake in minute 1000.
    for (step, last) in [(1, 1003), (5, 1007)] {
        for (check, expected) in [
            (last, Decision::LeaveAsleep),
            (last + 1, Decision::Check(Reason::Unconfirmed)),
        ] {
            let mut history = history(&[(1000, last + 7)], &[check], &[1000]);
            history.step = step;
            assert_eq!(history.decide(2999), expected, "{step} {check}");
        }
    }
}

#[test]
fn events_that_a_check_left_pending_are_checked_again() {
    let mut history = history(&[(2900, 2906)], &[2900], &[2899]);
    assert_eq!(history.decide(2999), Decision::LeaveAsleep);
    history.checks.get_mut(&2900).unwrap().min_pending_seconds = 0.1;
    assert_eq!(history.decide(2999), Decision::Check(Reason::EventsPending));
}

#[test]
fn a_pause_is_known_for_a_quarter_of_an_hour_after_its_last_datapoint() {
    let mut history = history(&[], &[], &[]);
    for (step, latest) in [(1, 2999 + 16), (5, 2999 + 20)] {
        history.step = step;
        assert!(history.is_paused(latest), "{step}");
        assert!(!history.is_paused(latest + 1), "{step}");
    }
}

#[test]
fn a_check_an_hour_does_not_keep_a_database_with_a_long_time_out_awake() {
    let hours = |pause: u64, check: Minute| {
        let mut history = history(&[(2000, 3000)], &[check], &[]);
        history.pause = Duration::from_secs(pause * 3600);
        history.decide(3000)
    };
    assert_eq!(hours(2, 2870), Decision::LeaveAsleep);
    assert_eq!(hours(2, 2869), Decision::Check(Reason::DatabaseAwake));
    assert_eq!(hours(0, 2999), Decision::Check(Reason::DatabaseAwake));
}

#[test]
fn a_time_out_is_long_from_half_an_hour_on() {
    let mut history = history(&[(2000, 3000)], &[2999], &[]);
    for (seconds, expected) in [
        (1799, Decision::Check(Reason::DatabaseAwake)),
        (1800, Decision::LeaveAsleep),
    ] {
        history.pause = Duration::from_secs(seconds);
        assert_eq!(history.decide(3000), expected, "{seconds}");
        assert_eq!(history.needs_checks(3000), seconds == 1800);
    }
}

#[test]
fn datapoints_of_five_minutes_decide_the_same() {
    let mut history = history(&[(1000, 1310)], &[1000], &[1000]);
    history.pause = Duration::from_secs(5 * 3600);
    history.step = 5;
    history.capacity.retain(|minute, _| minute % 5 == 0);
    assert_eq!(history.decide(2999), Decision::LeaveAsleep);
    history.wakes.clear();
    assert_eq!(history.decide(2999), Decision::Check(Reason::Unconfirmed));
    history.capacity.extend([(1310, 2.0), (1315, 2.0)]);
    assert_eq!(history.decide(2999), Decision::Check(Reason::PausedLate));
}
