//! The scenarios in which the drain is checked, and the safeguards that are taken out of them.

use crate::drain::{
    A_REPETITION, A_RUN_LEAVES, ALL_DRAINED, Drain, Faults, IN_ORDER, NEWEST_LAST, NO_LOCK,
    NOTHING_LOST, RING_IS_ENOUGH, SAME_ID, Safeguards, Scenario,
};

/// No fault happens.
const NONE: Faults = Faults {
    crashes: 0,
    lost_rings: 0,
    doubled_rings: 0,
    refusals: 0,
    lost_answers: 0,
    time_overs: 0,
    forgotten_ids: 0,
};

/// A scenario with its name, and all safeguards in place.
pub type Case = (&'static str, Drain);

/// A safeguard that is taken out, the drain without it, and the promise that this breaks.
pub type Removal = (&'static str, Drain, &'static str);

/// Two transactions change one object, and their runs meet nobody else.
fn two_edits() -> Scenario {
    Scenario {
        transactions: vec![vec![0], vec![0]],
        rollbacks: false,
        copies: 2,
        operator_runs: 0,
        window: u8::MAX,
        faults: NONE,
    }
}

/// Three runs meet at the locks, one of them an operator's, and one of them crashes.
fn three_runs() -> Scenario {
    Scenario {
        copies: 3,
        operator_runs: 1,
        faults: Faults { crashes: 1, ..NONE },
        ..two_edits()
    }
}

/// The topic refuses, its answers are lost, it forgets ids, and a run crashes.
fn publication() -> Scenario {
    Scenario {
        faults: Faults {
            crashes: 1,
            refusals: 1,
            lost_answers: 1,
            forgotten_ids: 1,
            ..NONE
        },
        ..two_edits()
    }
}

/// A ring is lost and another one comes twice, and the time of a run is over.
fn rings() -> Scenario {
    Scenario {
        faults: Faults {
            lost_rings: 1,
            doubled_rings: 1,
            time_overs: 1,
            ..NONE
        },
        ..two_edits()
    }
}

/// One transaction changes a part of a page and then the page, another one the page alone. They wait for each other, or roll back.
fn locks_of_rows() -> Scenario {
    Scenario {
        transactions: vec![vec![1, 0], vec![0]],
        rollbacks: true,
        ..two_edits()
    }
}

/// A pass takes several claims, and transactions commit meanwhile.
fn passes() -> Scenario {
    Scenario {
        transactions: vec![vec![0], vec![2], vec![0]],
        window: 2,
        copies: 1,
        ..two_edits()
    }
}

/// Returns the scenarios of `cargo test`.
pub fn cases() -> Vec<Case> {
    let case = |scenario, examples: &[&'static str]| Drain {
        scenario,
        safeguards: Safeguards::ALL,
        examples: examples.to_vec(),
    };
    vec![
        (
            "three runs at the locks",
            case(three_runs(), &[A_RUN_LEAVES]),
        ),
        ("faults of the topic", case(publication(), &[A_REPETITION])),
        ("faults of rings", case(rings(), &[])),
        ("locks of rows", case(locks_of_rows(), &[])),
        ("claims of a pass", case(passes(), &[])),
    ]
}

/// Returns the larger scenarios of `make model`.
pub fn larger_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name, scenario| {
        cases.push((
            name,
            Drain {
                scenario,
                safeguards: Safeguards::ALL,
                examples: Vec::new(),
            },
        ));
    };
    let faults = Faults {
        time_overs: 1,
        ..three_runs().faults
    };
    let scenario = Scenario {
        faults,
        ..three_runs()
    };
    add("three runs, a time-out", scenario);
    let transactions = vec![vec![0], vec![0], vec![2]];
    let scenario = Scenario {
        transactions,
        copies: 1,
        ..publication()
    };
    add("faults of the topic, one run, three edits", scenario);
    let faults = Faults {
        crashes: 2,
        ..publication().faults
    };
    let scenario = Scenario {
        faults,
        ..publication()
    };
    add("faults of the topic, two crashes", scenario);
    let scenario = Scenario {
        transactions: vec![vec![1, 0], vec![0], vec![1]],
        ..locks_of_rows()
    };
    add("locks of rows, three edits of one object", scenario);
    let scenario = Scenario {
        copies: 2,
        faults: Faults { crashes: 1, ..NONE },
        ..passes()
    };
    add("claims of a pass, two runs, a crash", scenario);
    cases
}

/// Returns each safeguard that is taken out, in a scenario in which it is needed.
pub fn removals() -> Vec<Removal> {
    let all = Safeguards::ALL;
    let mut removals = Vec::new();
    let mut remove = |name, scenario, safeguards, promise| {
        let examples = Vec::new();
        let drain = Drain {
            scenario,
            safeguards,
            examples,
        };
        removals.push((name, drain, promise));
    };
    macro_rules! without {
        ($safeguard:ident, $scenario:expr, $promise:expr) => {
            let safeguards = Safeguards {
                $safeguard: false,
                ..all
            };
            remove(stringify!($safeguard), $scenario, safeguards, $promise);
        };
    }
    without!(looks_after_unlock, three_runs(), RING_IS_ENOUGH);
    without!(one_stands_by, three_runs(), RING_IS_ENOUGH);
    without!(leaves_beside_two_others, three_runs(), RING_IS_ENOUGH);
    without!(waits_for_commit, two_edits(), RING_IS_ENOUGH);
    without!(checks_before_looking, two_edits(), RING_IS_ENOUGH);
    let out_of_time = Scenario {
        transactions: vec![vec![0]],
        faults: Faults {
            time_overs: 1,
            ..three_runs().faults
        },
        ..three_runs()
    };
    without!(rings_after_unlock, out_of_time, RING_IS_ENOUGH);
    without!(lock_ends_with_session, three_runs(), NO_LOCK);
    without!(numbers_under_lock, two_edits(), IN_ORDER);
    without!(place_is_last_change, locks_of_rows(), IN_ORDER);
    without!(pass_has_one_snapshot, passes(), IN_ORDER);
    without!(id_with_number, publication(), SAME_ID);
    without!(one_event_in_flight, publication(), IN_ORDER);
    without!(settles_before_the_next, publication(), NEWEST_LAST);
    without!(refusal_blocks_object, publication(), IN_ORDER);
    without!(settles_after_acceptance, publication(), NOTHING_LOST);
    without!(sweeps, rings(), ALL_DRAINED);
    removals
}
