//! The scenarios in which delivery is checked, and the safeguards that are taken out of them.

use crate::delivery::{
    A_REPETITION, ALL_DELIVERED, COMES_BACK, Delivery, Faults, NEWEST_LAST, NOTHING_LOST,
    NOTHING_OVERTAKES, Safeguards, Scenario,
};

/// A scenario with its name, and all safeguards in place.
pub type Case = (&'static str, Delivery);

/// A safeguard that is taken out, delivery without it, and the promise that this breaks.
pub type Removal = (&'static str, Delivery, &'static str);

/// Returns a scenario with events of one object.
fn one_lane(events: u8, crashes: u8, refusals: u8, switches: u8) -> Scenario {
    Scenario {
        events: vec![events],
        copies: 2,
        faults: Faults {
            crashes,
            refusals,
            switches,
        },
    }
}

fn with_all(scenario: Scenario, examples: &[&'static str]) -> Delivery {
    Delivery {
        scenario,
        safeguards: Safeguards::ALL,
        examples: examples.to_vec(),
    }
}

/// Returns the scenarios of `cargo test`.
pub fn cases() -> Vec<Case> {
    let refused = one_lane(2, 1, 2, 1);
    let switched = one_lane(2, 0, 1, 2);
    let three = one_lane(3, 1, 1, 1);
    vec![
        (
            "two refusals, a crash, a switch",
            with_all(refused, &[COMES_BACK, A_REPETITION]),
        ),
        (
            "a refusal, switched off and on",
            with_all(switched, &[COMES_BACK]),
        ),
        (
            "three events, a fault of each kind",
            with_all(three, &[COMES_BACK]),
        ),
    ]
}

/// Returns the larger scenarios of `make model`.
pub fn larger_cases() -> Vec<Case> {
    let two_lanes = Scenario {
        events: vec![2, 1],
        ..one_lane(0, 1, 1, 1)
    };
    let three_copies = Scenario {
        copies: 3,
        ..one_lane(2, 1, 2, 1)
    };
    vec![
        (
            "three events, two refusals, two switches, a crash",
            with_all(one_lane(3, 1, 2, 2), &[]),
        ),
        (
            "three copies, two refusals, a crash, a switch",
            with_all(three_copies, &[]),
        ),
        ("two lanes, a fault of each kind", with_all(two_lanes, &[])),
    ]
}

/// Returns each safeguard that is taken out, in a scenario in which it is needed.
pub fn removals() -> Vec<Removal> {
    let mut removals = Vec::new();
    macro_rules! without {
        ($safeguard:ident, $scenario:expr, $promise:expr) => {
            let safeguards = Safeguards {
                $safeguard: false,
                ..Safeguards::ALL
            };
            let delivery = Delivery {
                safeguards,
                ..with_all($scenario, &[])
            };
            removals.push((stringify!($safeguard), delivery, $promise));
        };
    }
    let (one_refusal, crash) = (one_lane(2, 0, 1, 0), one_lane(2, 1, 0, 0));
    let refused = || one_refusal.clone();
    without!(grace_before_setting_aside, refused(), NOTHING_OVERTAKES);
    without!(
        grace_before_removal,
        one_lane(2, 0, 1, 1),
        NOTHING_OVERTAKES
    );
    without!(
        return_adds_to_no_empty_lane,
        one_lane(2, 0, 1, 2),
        NOTHING_OVERTAKES
    );
    without!(only_holder_touches_lane, one_lane(2, 0, 1, 1), NEWEST_LAST);
    without!(
        sends_only_behind_empty_bucket,
        one_lane(2, 0, 1, 2),
        NOTHING_OVERTAKES
    );
    without!(lane_has_one_message_out, crash.clone(), NOTHING_OVERTAKES);
    without!(hidden_while_function_runs, crash.clone(), NEWEST_LAST);
    without!(deleted_after_work, crash.clone(), NOTHING_LOST);
    without!(removed_after_acceptance, one_lane(2, 1, 1, 0), NOTHING_LOST);
    without!(failed_message_holds_group, crash, NOTHING_OVERTAKES);
    without!(sweeps, one_lane(2, 0, 0, 2), ALL_DELIVERED);
    removals
}
