use super::*;

fn request_by_hand(digest: &str, seconds: i64) -> Signal {
    Signal::ImageRequested(requested(digest, seconds))
}

#[test]
fn a_request_starts_a_release() {
    for signal in [push(A, 0), request_by_hand(A, 0)] {
        let decision = on_signal(State::default(), &signal, 0);
        assert_eq!(decision.state, updating(false));
        assert_eq!(decision.next_step, NextStep::Check);
        assert!(matches!(decision.log[..], [LogEntry::ReleaseStarted(_)]));
    }
}

#[test]
fn a_second_push_waits_and_the_newest_wins() {
    for state in [updating(true), migrating(1), deploying(Some("op"))] {
        let first = on_signal(state.clone(), &push(B, 1), 2);
        assert_eq!(first.state, with_next(state.clone()));
        assert!(superseded(&first).is_empty());
        let second = on_signal(first.state, &push(C, 3), 4);
        assert_eq!(second.state.current, state.current);
        assert_eq!(second.state.next, Some(requested(C, 3)));
        assert_eq!(superseded(&second), [(B, C)]);
    }
}

#[test]
fn a_release_that_waits_for_the_service_makes_room_for_a_newer_one() {
    for phase in [Phase::WaitingForResume, Phase::WaitingForService] {
        let decision = on_signal(releasing(phase), &push(B, 1), 2);
        assert_eq!(superseded(&decision), [(A, B)]);
        let current = Release::start(2, image(B), at(2));
        assert_eq!(decision.state.current, Some(current));
        assert_eq!(decision.notifications, []);
        assert_eq!(decision.next_step, NextStep::Check);
    }
}

#[test]
fn repeated_and_older_requests_change_nothing() {
    let waiting = with_next(migrating(1));
    let done = deployed_at_second_5();
    let repeated = "the request was handled before";
    let older = "the image is older than the newest requested image";
    let table = [
        (waiting.clone(), push(B, 1), repeated),
        (waiting, push(C, 0), older),
        (done.clone(), push(A, 5), repeated),
        (done.clone(), request_by_hand(A, 5), repeated),
        (done, push(B, 4), older),
    ];
    for (state, signal, reason) in table {
        let decision = on_signal(state.clone(), &signal, 200);
        assert_eq!(
            (&decision.state, ignored(&decision)),
            (&state, vec![reason])
        );
        assert_eq!(decision.next_step, NextStep::Done);
    }
}

#[test]
fn the_deployed_image_is_deployed_again_by_hand_and_not_by_a_push() {
    let mut done = deployed_at_second_5();
    let pushed = on_signal(done.clone(), &push(A, 6), 200);
    assert_eq!(
        ignored(&pushed),
        ["the image is the newest that was deployed"]
    );
    done.newest_request = Some(requested(A, 6));
    assert_eq!(pushed.state, done);
    let by_hand = on_signal(done, &request_by_hand(A, 7), 200);
    assert_eq!(by_hand.state.current.unwrap().sequence, 2);
}

/// Returns the state after release 1 of image A, which was requested at second 5.
fn deployed_at_second_5() -> State {
    State {
        sequence: 1,
        newest_request: Some(requested(A, 5)),
        deployed: Some(DeployedImage {
            image: image(A),
            deployed_at: at(100),
        }),
        ..State::default()
    }
}

#[test]
fn the_message_of_the_release_under_way_goes_on_with_it() {
    let decision = on_signal(updating(true), &push(A, 0), 5);
    assert_eq!(decision.state, updating(true));
    assert_eq!(decision.log, []);
    assert_eq!(decision.next_step, NextStep::Check);
}

#[test]
fn a_new_request_of_the_current_image_removes_the_next_one() {
    let decision = on_signal(with_next(migrating(1)), &push(A, 2), 3);
    assert_eq!(superseded(&decision), [(B, A)]);
    assert_eq!(ignored(&decision), ["the image is already being released"]);
    assert_eq!(decision.state.next, None);
    assert_eq!(decision.state.newest_request, Some(requested(A, 2)));
    assert_eq!(decision.state.current.unwrap().sequence, 1);
}

#[test]
fn an_image_that_failed_may_be_pushed_again() {
    let failed = on_signal(migrating(1), &migrate_ended(A, Err("broken")), 9);
    let again = on_signal(failed.state, &push(A, 10), 11);
    assert_eq!(again.state.current.unwrap().sequence, 2);
}
