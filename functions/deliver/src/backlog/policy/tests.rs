use std::sync::LazyLock;

use wagrun_delivery::subscriber::{InvalidSubscriber, Rules, Superseded};

use super::*;

static SUBSCRIBER: LazyLock<Subscriber> = LazyLock::new(|| {
    let json = r#"{"target": "eventbridge", "bus": "arn:aws:events:eu-central-1:111122223333:event-bus/news"}"#;
    Subscriber::parse("news", "/subscribers/news", json, Rules::LENIENT).unwrap()
});

static INVALID: LazyLock<InvalidSubscriber> = LazyLock::new(|| {
    Subscriber::parse("news", "/subscribers/news", "{}", Rules::LENIENT).unwrap_err()
});

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const SETTLING_TIME: SignedDuration = SignedDuration::from_secs(90);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const FIVE_DAYS: SignedDuration = SignedDuration::from_hours(120);
const NINE_MINUTES: SignedDuration = SignedDuration::from_mins(9);
const FOURTEEN_MINUTES: SignedDuration = SignedDuration::from_mins(14);

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn ago(time: SignedDuration) -> Timestamp {
    now() - time
}

fn begun(time: SignedDuration) -> Backlog {
    Backlog::begun(ago(time))
}

fn facts<'a>(backlog: &'a Backlog, subscriber: SubscriberStatus<'a>) -> SweepFacts<'a> {
    SweepFacts {
        backlog,
        subscriber,
        is_empty: false,
        is_crowded: false,
        at_once: false,
        settling_time: SETTLING_TIME,
        now: now(),
    }
}

fn enabled(backlog: &Backlog) -> SweepFacts<'_> {
    facts(backlog, SubscriberStatus::Enabled(&SUBSCRIBER))
}

#[test]
fn a_refused_delivery_of_the_bucket_is_kept_until_its_backlog_returns() {
    for (counts, is_last_attempt, expected) in [
        (false, false, RefusedDelivery::Keep),
        (false, true, RefusedDelivery::Keep),
        (true, false, RefusedDelivery::Retry),
        (true, true, RefusedDelivery::GiveUp),
    ] {
        assert_eq!(after_refusal(counts, is_last_attempt), expected);
    }
}

#[test]
fn an_empty_backlog_without_a_subscriber_is_removed_after_an_hour() {
    use SubscriberStatus::{Disabled, Gone, Invalid};
    for (subscriber, is_empty, age, expected) in [
        (Gone, true, HOUR, SweepAction::Remove),
        (Gone, true, HOUR - SECOND, SweepAction::Leave),
        (Gone, false, HOUR, SweepAction::Leave),
        (Disabled, true, HOUR, SweepAction::Leave),
        (Invalid(&INVALID), true, HOUR, SweepAction::Leave),
    ] {
        let backlog = Backlog {
            gone_since: (subscriber == Gone).then_some(ago(age)),
            ..begun(age)
        };
        let facts = SweepFacts {
            is_empty,
            ..facts(&backlog, subscriber)
        };
        assert_eq!(facts.decide(), (State::Waiting, expected), "{facts:?}");
    }
}

#[test]
fn a_subscriber_that_is_off_is_tried_at_once_when_it_is_on_again() {
    let tried = Backlog {
        tried_since: Some(ago(HOUR)),
        recalled_at: Some(ago(HOUR)),
        recalled_to: Some("page/7".to_owned()),
        ..begun(FIVE_DAYS)
    };
    let facts = facts(&tried, SubscriberStatus::Disabled);
    let expected = SweepAction::Write(begun(FIVE_DAYS));
    assert_eq!(facts.decide(), (State::Waiting, expected));
}

#[test]
fn a_parameter_that_is_there_again_ends_the_absence() {
    let missing = Backlog {
        gone_since: Some(ago(HOUR)),
        ..begun(HOUR)
    };
    let (on, off) = (
        SubscriberStatus::Enabled(&SUBSCRIBER),
        SubscriberStatus::Disabled,
    );
    for (subscriber, is_empty, expected) in [
        (on, true, begun(HOUR).returning(now())),
        (on, false, begun(HOUR)),
        (off, true, begun(HOUR)),
        (off, false, begun(HOUR)),
    ] {
        let facts = SweepFacts {
            is_empty,
            ..facts(&missing, subscriber)
        };
        let expected = (State::Found, SweepAction::Write(expected));
        assert_eq!(facts.decide(), expected, "{facts:?}");
    }
}

#[test]
fn a_slow_receiver_gets_turns_and_returns_when_nothing_is_left() {
    for (age, is_empty, gives_turns, returns) in [
        (SETTLING_TIME - SECOND, false, false, false),
        (SETTLING_TIME - SECOND, true, false, false),
        (SETTLING_TIME, false, true, false),
        (FIVE_DAYS, false, true, false),
        (NINE_MINUTES - SECOND, true, false, false),
        (NINE_MINUTES, true, false, true),
    ] {
        let backlog = Backlog {
            paced: true,
            ..begun(age)
        };
        let facts = SweepFacts {
            is_empty,
            ..enabled(&backlog)
        };
        let expected = match (gives_turns, returns) {
            (true, _) => SweepAction::GiveTurns(backlog.clone()),
            (_, true) => SweepAction::Write(begun(age).returning(now())),
            _ => SweepAction::Leave,
        };
        assert_eq!(facts.decide(), (State::Paced, expected), "{facts:?}");
    }
}

#[test]
fn a_subscriber_that_accepts_nothing_is_tried_four_times_an_hour() {
    // Time since the last recall, crowded, at once; whether it is tried.
    for (since_recall, is_crowded, at_once, is_tried) in [
        (None, false, false, true),
        (None, true, false, false),
        (None, true, true, false),
        (Some(FOURTEEN_MINUTES), false, false, true),
        (Some(FOURTEEN_MINUTES), true, false, false),
        (Some(FOURTEEN_MINUTES - SECOND), false, false, false),
        (Some(FOURTEEN_MINUTES - SECOND), false, true, true),
        (Some(FOURTEEN_MINUTES - SECOND), true, true, false),
    ] {
        for tried_since in [None, Some(ago(FIVE_DAYS - SECOND))] {
            let backlog = Backlog {
                tried_since,
                recalled_at: since_recall.map(ago),
                ..begun(FIVE_DAYS)
            };
            let facts = SweepFacts {
                is_crowded,
                at_once,
                ..enabled(&backlog)
            };
            let expected = match is_tried {
                true => (
                    State::Tried,
                    SweepAction::RecallSome(Backlog {
                        tried_since: tried_since.or(Some(now())),
                        ..backlog.clone()
                    }),
                ),
                false => (State::Kept, SweepAction::Leave),
            };
            assert_eq!(facts.decide(), expected, "{facts:?}");
        }
    }
}

#[test]
fn five_days_of_tries_switch_off_unless_the_parameter_cannot_be_written() {
    let superseded = Subscriber {
        superseded: Some(Box::new(Superseded {
            version: 1,
            fault: INVALID.clone(),
        })),
        ..SUBSCRIBER.clone()
    };
    let backlog = Backlog {
        tried_since: Some(ago(FIVE_DAYS)),
        ..begun(FIVE_DAYS)
    };
    let facts = enabled(&backlog);
    let expected = SweepAction::SwitchOff(&SUBSCRIBER);
    assert_eq!(facts.decide(), (State::Kept, expected));
    let facts = SweepFacts {
        subscriber: SubscriberStatus::Enabled(&superseded),
        ..facts
    };
    let expected = SweepAction::RecallSome(backlog.clone());
    assert_eq!(facts.decide(), (State::Tried, expected));
}

#[test]
fn a_backlog_with_nothing_in_the_bucket_returns_after_a_day() {
    let day = HOUR * 24;
    for (age, returns) in [(day - SECOND, false), (day, true)] {
        let backlog = begun(age);
        let facts = SweepFacts {
            is_empty: true,
            ..enabled(&backlog)
        };
        let expected = match returns {
            true => SweepAction::Write(begun(age).returning(now())),
            false => SweepAction::Leave,
        };
        assert_eq!(facts.decide(), (State::Kept, expected));
    }
}

#[test]
fn a_returning_backlog_is_recalled_until_its_bucket_is_empty() {
    let pass = HOUR * 2;
    let next = Some("page/7".to_owned());
    // Since it returns, since the last recall, lanes left of this pass, at once; whether lanes are recalled.
    for (since, since_recall, recalled_to, at_once, is_recalled) in [
        (SETTLING_TIME - SECOND, None, next.clone(), true, false),
        (SETTLING_TIME, None, None, false, true),
        (SETTLING_TIME, Some(SECOND), next.clone(), false, true),
        (SETTLING_TIME, Some(SECOND), None, true, true),
        (pass, Some(pass), None, false, true),
        (pass, Some(pass - SECOND), None, false, false),
    ] {
        let backlog = Backlog {
            // Set aside as that of a slow receiver before.
            paced: true,
            returning_since: Some(ago(since)),
            recalled_at: since_recall.map(ago),
            recalled_to,
            ..begun(FIVE_DAYS)
        };
        let decide = |is_empty, is_crowded| {
            let facts = SweepFacts {
                is_empty,
                is_crowded,
                at_once,
                ..enabled(&backlog)
            };
            facts.decide()
        };
        let recalls = match is_recalled {
            true => SweepAction::RecallNext(backlog.clone()),
            false => SweepAction::Leave,
        };
        let empties = match since < SETTLING_TIME {
            true => SweepAction::Leave,
            false => SweepAction::Remove,
        };
        assert_eq!(decide(false, false), (State::Returning, recalls));
        assert_eq!(decide(false, true), (State::Returning, SweepAction::Leave));
        assert_eq!(decide(true, false), (State::Returning, empties));
    }
}
