//! The decision, case by case.

use std::time::Duration;

use super::{Decision, History, Looks, Minute, Reason};

/// A database that paused at minute 0 and is paused until minute 3000, but for these minutes.
fn history(awake: &[(Minute, Minute)], looks: &[Minute], wakes: &[Minute]) -> History {
    let capacity = (0..3000).map(|minute| {
        let awake = awake
            .iter()
            .any(|(from, to)| (*from..*to).contains(&minute));
        (minute, if awake { 2.0 } else { 0.0 })
    });
    let look = Looks {
        count: 1.0,
        pending_seconds: 0.0,
    };
    History {
        pause: Duration::from_secs(300),
        step: 1,
        capacity: capacity.collect(),
        looks: looks.iter().map(|minute| (*minute, look)).collect(),
        wakes: wakes.iter().copied().collect(),
        looked_this_week: true,
    }
}

#[test]
fn each_trace_has_its_reason() {
    let an_hour_later = 1060;
    let a_day_later = 1000 + 18 * 60;
    let leave = Decision::LeaveAlone;
    #[rustfmt::skip]
    let table = [
        ("nobody, ever", history(&[], &[], &[]), leave, leave),
        ("somebody, no look", history(&[(1000, 1006)], &[], &[]), Decision::Look(Reason::NeverLooked), Decision::Look(Reason::NeverLooked)),
        ("a ring and its look", history(&[(990, 1006)], &[1000], &[]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a pause at the latest", history(&[(990, 1008)], &[1000], &[]), leave, Decision::Look(Reason::Unconfirmed)),
        ("somebody stayed", history(&[(990, 1009)], &[1000], &[]), Decision::Look(Reason::PausedLate), Decision::Look(Reason::PausedLate)),
        ("somebody came again", history(&[(990, 1006), (1040, 1046)], &[1000], &[]), Decision::Look(Reason::Woken), Decision::Look(Reason::Woken)),
        ("a sweep's wake", history(&[(1000, 1007)], &[1001], &[1000]), leave, leave),
        ("a sweep's wake, a late pause", history(&[(1000, 1016)], &[1001], &[1000]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a sweep's wake, somebody stayed", history(&[(1000, 1017)], &[1001], &[1000]), Decision::Look(Reason::PausedLate), Decision::Look(Reason::PausedLate)),
        ("a sweep that found somebody", history(&[(999, 1007)], &[1001], &[1000]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a ring after a sweep's wake", history(&[(1000, 1008)], &[1001, 1002], &[1000]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a zero too early", history(&[(1000, 1001), (1003, 1008)], &[1001], &[1000]), leave, leave),
        ("a look newer than the capacity", history(&[], &[2999], &[]), leave, leave),
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
fn two_looks_in_a_minute_are_not_a_sweeps_own() {
    let mut history = history(&[(1000, 1007)], &[1001], &[1000]);
    assert_eq!(history.decide(2999), Decision::LeaveAlone);
    history.looks.get_mut(&1001).unwrap().count = 2.0;
    assert_eq!(history.decide(2999), Decision::Look(Reason::Unconfirmed));
}

#[test]
fn what_a_look_has_left_pending_is_looked_at_again() {
    let mut history = history(&[(2900, 2906)], &[2900], &[2899]);
    assert_eq!(history.decide(2999), Decision::LeaveAlone);
    history.looks.get_mut(&2900).unwrap().pending_seconds = 0.1;
    assert_eq!(history.decide(2999), Decision::Look(Reason::LeftPending));
}

#[test]
fn a_look_an_hour_does_not_keep_a_database_with_a_long_time_out_awake() {
    let hours = |pause: u64, look: Minute| {
        let mut history = history(&[(2000, 3000)], &[look], &[]);
        history.pause = Duration::from_secs(pause * 3600);
        history.decide(3000)
    };
    assert_eq!(hours(2, 2870), Decision::LeaveAlone);
    assert_eq!(hours(2, 2869), Decision::Look(Reason::Awake));
    assert_eq!(hours(0, 2999), Decision::Look(Reason::Awake));
}

#[test]
fn datapoints_of_five_minutes_decide_the_same() {
    let mut history = history(&[(1000, 1310)], &[1000], &[1000]);
    history.pause = Duration::from_secs(5 * 3600);
    history.step = 5;
    history.capacity.retain(|minute, _| minute % 5 == 0);
    assert_eq!(history.decide(2999), Decision::LeaveAlone);
    history.wakes.clear();
    assert_eq!(history.decide(2999), Decision::Look(Reason::Unconfirmed));
    history.capacity.extend([(1310, 2.0), (1315, 2.0)]);
    assert_eq!(history.decide(2999), Decision::Look(Reason::PausedLate));
}
