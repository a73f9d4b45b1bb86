use super::*;

fn migrate(digest: &str, readiness: Readiness) -> Observation {
    Observation::Migrate(MigrateStatus {
        digest: Some(digest.to_owned()),
        readiness,
    })
}

fn invoke_migrate() -> NextStep {
    NextStep::Execute(Command::InvokeMigrate(image(A)))
}

/// Each row: the update was accepted, migrate's image and readiness, and the step that follows.
#[test]
fn migrate_gets_the_image_and_is_invoked_when_it_is_active() {
    let update = NextStep::Execute(Command::UpdateMigrate(image(A)));
    let busy = || Readiness::Busy("is Pending".to_owned());
    let failed = || Readiness::Failed("ImageDeleted".to_owned());
    let table = [
        (false, B, Readiness::Ready, update.clone()),
        (false, B, Readiness::Inactive, update.clone()),
        (false, B, failed(), update.clone()),
        (false, A, Readiness::Inactive, update.clone()),
        (false, A, failed(), update),
        (false, B, busy(), NextStep::RetryLater),
        (false, A, busy(), NextStep::RetryLater),
        (true, B, busy(), NextStep::RetryLater),
        (true, A, busy(), NextStep::RetryLater),
        (true, A, Readiness::Inactive, NextStep::RetryLater),
        (true, B, Readiness::Ready, NextStep::RetryLater),
        (false, A, Readiness::Ready, invoke_migrate()),
        (true, A, Readiness::Ready, invoke_migrate()),
    ];
    for (update_accepted, digest, readiness, next_step) in table {
        let row = format!("{update_accepted} {digest} {readiness:?}");
        let state = updating(update_accepted);
        let decision = on_check(state.clone(), &migrate(digest, readiness), 599);
        assert_eq!(decision.next_step, next_step, "{row}");
        assert_eq!(decision.state, state, "{row}");
    }
}

#[test]
fn what_lambda_accepted_is_saved() {
    let accepted = on_signal(updating(false), &Signal::MigrateUpdateAccepted, 3);
    assert_eq!(accepted.state, updating(true));
    assert_eq!(accepted.next_step, NextStep::Check);

    let invoked = on_signal(accepted.state, &Signal::MigrateInvocationAccepted, 9);
    assert_eq!(phase(&invoked), Some(&Phase::Migrating { attempts: 1 }));
    assert_eq!(invoked.state.current.unwrap().phase_started_at, at(9));
    assert_eq!(invoked.next_step, NextStep::Done);
}

#[test]
fn a_migrate_that_does_not_become_active_fails_the_release() {
    let busy = migrate(A, Readiness::Busy("is Pending".to_owned()));
    let failed = migrate(A, Readiness::Failed("ImageDeleted".to_owned()));
    let table = [
        (
            busy,
            600,
            "migrate did not become active within 10 minutes; it is Pending",
        ),
        (failed, 1, "migrate's image cannot be changed: ImageDeleted"),
    ];
    for (observation, seconds, reason) in table {
        let decision = on_check(updating(true), &observation, seconds);
        let failure = decision.state.last_failure.clone().unwrap();
        assert_eq!(
            (failure.phase.as_str(), failure.reason.as_str()),
            ("updating-migrate", reason)
        );
        assert_eq!(notified(&decision), [("failed", 1)]);
        assert_eq!(phase(&decision), None);
        assert_eq!(decision.next_step, NextStep::Done);
    }
}

#[test]
fn only_its_own_migration_lets_a_release_go_on() {
    let decision = on_signal(migrating(1), &migrate_ended(A, Ok(3)), 60);
    let deployment_id = None;
    assert_eq!(phase(&decision), Some(&Phase::Deploying { deployment_id }));
    let release = decision.state.current.unwrap();
    assert_eq!(release.migrations_applied, Some(3));
    assert_eq!(release.phase_started_at, at(60));
    assert_eq!(decision.next_step, NextStep::Check);
}

#[test]
fn old_and_foreign_results_of_migrate_change_nothing() {
    let other = "the migration belongs to another release";
    let not_waiting = "the release does not wait for migrate";
    let none = "no release is under way";
    let table = [
        (State::default(), A, none, NextStep::Done),
        (migrating(1), B, other, NextStep::Done),
        // Only messages drive this phase, so it is checked although the message was about something else.
        (updating(true), B, other, NextStep::Check),
        (updating(true), A, not_waiting, NextStep::Check),
        (deploying(Some("op")), A, not_waiting, NextStep::Done),
        (
            releasing(Phase::WaitingForResume),
            A,
            not_waiting,
            NextStep::Done,
        ),
    ];
    for (state, digest, reason, next_step) in table {
        for result in [Ok(1), Err("broken")] {
            let decision = on_signal(state.clone(), &migrate_ended(digest, result), 9);
            assert_eq!(decision.state, state);
            assert_eq!(ignored(&decision), [reason]);
            assert_eq!(decision.notifications, []);
            assert_eq!(decision.next_step, next_step);
        }
    }
}

#[test]
fn a_failed_migration_is_notified_and_the_next_image_follows() {
    let ended = migrate_ended(A, Err("line 1\nno such column"));
    let decision = on_signal(with_next(migrating(1)), &ended, 60);
    let Notification::Failed { release, reason } = &decision.notifications[0] else {
        panic!("{:?}", decision.notifications);
    };
    assert_eq!(
        (release.sequence, release.phase.name(), reason.as_str()),
        (1, "migrating", "line 1\nno such column")
    );
    let failure = decision.state.last_failure.unwrap();
    assert_eq!(
        (failure.phase.as_str(), failure.failed_at),
        ("migrating", at(60))
    );
    assert_eq!(decision.state.deployed, None);
    let current = Release::start(2, image(B), at(60));
    assert_eq!(decision.state.current, Some(current));
    assert_eq!(decision.state.next, None);
    assert_eq!(decision.next_step, NextStep::Check);
}

#[test]
fn a_migration_without_a_result_is_invoked_once_more() {
    let not_needed = Observation::NotNeeded;
    let waiting = on_check(migrating(1), &not_needed, 1199);
    assert_eq!(waiting.next_step, NextStep::Done);
    let timed_out = on_check(migrating(1), &not_needed, 1200);
    assert_eq!(timed_out.next_step, invoke_migrate());

    let again = on_signal(migrating(1), &Signal::MigrateInvocationAccepted, 1200);
    assert_eq!(phase(&again), Some(&Phase::Migrating { attempts: 2 }));
    let waiting = on_check(again.state.clone(), &not_needed, 2399);
    assert_eq!(waiting.next_step, NextStep::Done);
    let given_up = on_check(again.state, &not_needed, 2400);
    assert_eq!(notified(&given_up), [("failed", 1)]);
}
