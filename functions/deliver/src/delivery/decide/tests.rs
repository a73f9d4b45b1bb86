use std::sync::LazyLock;

use wagrun_delivery::subscriber::Rules;

use super::*;

static SUBSCRIBER: LazyLock<Subscriber> = LazyLock::new(|| {
    let json = r#"{"target": "eventbridge", "bus": "arn:aws:events:eu-central-1:111122223333:event-bus/news"}"#;
    Subscriber::parse("news", "/subscribers/news", json, Rules::LENIENT).unwrap()
});

static INVALID: LazyLock<InvalidSubscriber> = LazyLock::new(|| {
    Subscriber::parse("news", "/subscribers/news", "{}", Rules::LENIENT).unwrap_err()
});

const BEGUN: BacklogFacts = BacklogFacts {
    is_settled: false,
    is_returning: false,
    is_paced: false,
    absence: Absence::Unknown,
    is_probe_due: true,
};
const SETTLED: BacklogFacts = BacklogFacts {
    is_settled: true,
    ..BEGUN
};
const PROBED: BacklogFacts = BacklogFacts {
    is_probe_due: false,
    ..SETTLED
};
const RETURNING: BacklogFacts = BacklogFacts {
    is_returning: true,
    ..SETTLED
};

const PACED: BacklogFacts = BacklogFacts {
    is_paced: true,
    ..SETTLED
};

fn facts(subscriber: SubscriberStatus<'_>) -> Facts<'_> {
    Facts {
        subscriber,
        is_wanted: true,
        has_attempt: true,
        is_ordered: true,
        backlog: None,
        lane_is_set_aside: false,
    }
}

#[test]
fn a_delivery_to_a_subscriber_that_is_on() {
    let subscriber = &*SUBSCRIBER;
    let (send, probe) = (Action::Send(subscriber), Action::Probe(subscriber));
    // Backlog, whether the lane has objects, action.
    let cases = [
        (None, false, send),
        (Some(BEGUN), false, send),
        (Some(BEGUN), true, Action::Skip(Skip::SetAside)),
        (Some(SETTLED), false, probe),
        (Some(SETTLED), true, Action::Skip(Skip::SetAside)),
        (Some(PROBED), false, Action::Skip(Skip::SetAside)),
        (Some(PROBED), true, Action::Skip(Skip::SetAside)),
        (Some(PACED), false, Action::Skip(Skip::SetAside)),
        (Some(PACED), true, Action::Skip(Skip::SetAside)),
        (Some(RETURNING), false, send),
        (Some(RETURNING), true, Action::Skip(Skip::SetAside)),
    ];
    for (backlog, lane_is_set_aside, expected) in cases {
        let facts = Facts {
            backlog,
            lane_is_set_aside,
            ..facts(SubscriberStatus::Enabled(subscriber))
        };
        assert_eq!(before_attempt(&facts), expected, "{facts:?}");
        let without_attempt = Facts {
            has_attempt: false,
            ..facts
        };
        let action = before_attempt(&without_attempt);
        assert_eq!(
            action,
            Action::Skip(Skip::GiveUp(subscriber)),
            "{without_attempt:?}"
        );
    }
}

#[test]
fn a_delivery_to_a_subscriber_that_is_off() {
    let invalid = &*INVALID;
    for (subscriber, reason) in [
        (SubscriberStatus::Disabled, OffReason::Disabled),
        (
            SubscriberStatus::Invalid(invalid),
            OffReason::Invalid(invalid),
        ),
    ] {
        let cases = [
            (None, false, Action::Skip(Skip::BeginBacklog(reason))),
            (Some(BEGUN), false, Action::Skip(Skip::Defer(reason))),
            (Some(SETTLED), false, Action::Skip(Skip::SetAside)),
            (Some(PROBED), false, Action::Skip(Skip::SetAside)),
            (
                Some(RETURNING),
                false,
                Action::Skip(Skip::BeginBacklog(reason)),
            ),
            (Some(RETURNING), true, Action::Skip(Skip::SetAside)),
        ];
        for (backlog, lane_is_set_aside, expected) in cases {
            let facts = Facts {
                backlog,
                lane_is_set_aside,
                ..facts(subscriber)
            };
            assert_eq!(before_attempt(&facts), expected, "{facts:?}");
        }
    }
}

#[test]
fn a_delivery_of_a_standard_queue_to_a_subscriber_that_is_off() {
    let cases = [
        (
            SubscriberStatus::Disabled,
            Action::Skip(Skip::Drop(DropReason::Disabled)),
        ),
        (
            SubscriberStatus::Invalid(&INVALID),
            Action::Skip(Skip::Retry(&INVALID)),
        ),
    ];
    for (subscriber, expected) in cases {
        let facts = Facts {
            is_ordered: false,
            ..facts(subscriber)
        };
        assert_eq!(before_attempt(&facts), expected);
    }
}

#[test]
fn an_event_that_the_filter_does_not_let_pass_is_dropped_and_kept_while_the_filter_is_unknown() {
    let unwanted = |subscriber, backlog| Facts {
        is_wanted: false,
        backlog,
        ..facts(subscriber)
    };
    for backlog in [None, Some(SETTLED), Some(RETURNING)] {
        let facts = unwanted(SubscriberStatus::Enabled(&SUBSCRIBER), backlog);
        let dropped = Action::Skip(Skip::Drop(DropReason::Filtered));
        assert_eq!(before_attempt(&facts), dropped, "{facts:?}");
    }
    for subscriber in [
        SubscriberStatus::Disabled,
        SubscriberStatus::Invalid(&INVALID),
    ] {
        let facts = unwanted(subscriber, Some(SETTLED));
        assert_eq!(before_attempt(&facts), Action::Skip(Skip::SetAside));
    }
}

#[test]
fn a_delivery_is_dropped_when_its_subscriber_has_been_missing_for_some_time() {
    let missing = |absence| Some(BacklogFacts { absence, ..SETTLED });
    let cases = [
        (None, Skip::RecordAbsence),
        // The backlog of a subscriber that accepted nothing is old. Its parameter is missing for the first time.
        (missing(Absence::Unknown), Skip::RecordAbsence),
        (missing(Absence::Recent), Skip::Defer(OffReason::Gone)),
        (missing(Absence::Certain), Skip::Drop(DropReason::Gone)),
    ];
    for is_ordered in [true, false] {
        for (backlog, expected) in cases {
            let facts = Facts {
                is_ordered,
                backlog,
                ..facts(SubscriberStatus::Gone)
            };
            assert_eq!(before_attempt(&facts), Action::Skip(expected), "{facts:?}");
        }
    }
}

/// Every combination of facts, held against the two invariants that keep the order of a lane.
#[test]
fn no_combination_of_facts_breaks_the_order_of_a_lane() {
    let subscribers = [
        SubscriberStatus::Enabled(&SUBSCRIBER),
        SubscriberStatus::Disabled,
        SubscriberStatus::Invalid(&INVALID),
        SubscriberStatus::Gone,
    ];
    let all = [true, false];
    let mut combinations = 0;
    for subscriber in subscribers {
        for bits in 0..128_u8 {
            let bit = |number: u8| bits & (1 << number) != 0;
            for has_backlog in all {
                let backlog = BacklogFacts {
                    is_settled: bit(0),
                    is_returning: bit(1),
                    is_paced: bit(6),
                    absence: if bit(2) {
                        Absence::Certain
                    } else {
                        Absence::Unknown
                    },
                    is_probe_due: bit(2),
                };
                let facts = Facts {
                    subscriber,
                    is_wanted: bit(6),
                    has_attempt: bit(3),
                    is_ordered: bit(4),
                    backlog: has_backlog.then_some(backlog),
                    lane_is_set_aside: bit(5) && has_backlog,
                };
                combinations += 1;
                let action = before_attempt(&facts);
                let sends = matches!(action, Action::Send(_) | Action::Probe(_));
                assert!(
                    !(sends && facts.lane_is_set_aside),
                    "overtakes what is in the bucket: {facts:?}"
                );
                let everyone_knows = facts.backlog.is_some_and(|backlog| backlog.is_settled);
                let is_first = action == Action::Skip(Skip::SetAside) && !facts.lane_is_set_aside;
                assert!(
                    !is_first || everyone_knows,
                    "another copy may send a later delivery: {facts:?}"
                );
                let is_returning = facts.backlog.is_some_and(|backlog| backlog.is_returning);
                assert!(
                    !(is_first && is_returning),
                    "the sweep may remove the backlog: {facts:?}"
                );
                // A probe that fails is set aside as the first of its lane.
                let probes = matches!(action, Action::Probe(_));
                assert!(!probes || everyone_knows, "{facts:?}");
            }
        }
    }
    assert_eq!(combinations, 4 * 128 * 2);
}

#[test]
fn after_a_failure() {
    use Condition::{Alive, Dead, Off};
    use NextStep::{Defer, Retry, SetAside};
    // Condition, probe, attempt, crowded; whether the backlog begins, next step.
    let cases = [
        (Alive, false, 1, false, false, Retry),
        (Alive, false, 1, true, false, Retry),
        (Alive, false, 2, false, false, Retry),
        (Alive, false, 2, true, true, Retry),
        (Alive, true, 1, false, false, SetAside),
        (Alive, true, 2, true, true, SetAside),
        (Dead, false, 1, false, true, Retry),
        (Dead, true, 1, false, true, SetAside),
        (Off, false, 1, false, true, Defer),
        (Off, true, 1, false, true, Defer),
    ];
    for (condition, is_probe, attempt, is_crowded, begins_backlog, next) in cases {
        let facts = FailureFacts {
            condition,
            is_probe,
            attempt,
            is_crowded,
        };
        let expected = AfterFailure {
            begins_backlog,
            next,
        };
        assert_eq!(after_failure(&facts), expected, "{facts:?}");
    }
}

#[test]
fn the_reason_of_a_drop_is_named_in_the_log_as_documented() {
    let document = include_str!("../../../../../docs/subscribers.md");
    let reasons = [DropReason::Disabled, DropReason::Gone, DropReason::Filtered];
    let outcomes = reasons.map(DropReason::outcome);
    assert_eq!(
        outcomes,
        ["dropped_disabled", "dropped_gone", "dropped_filtered"]
    );
    for outcome in outcomes {
        assert!(document.contains(&format!("`{outcome}`")), "{outcome}");
    }
}
