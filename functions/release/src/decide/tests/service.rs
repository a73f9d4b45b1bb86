use super::*;

fn service(status: ServiceStatus) -> Observation {
    Observation::Service(status)
}

fn deployment(status: DeploymentStatus) -> Observation {
    service(ServiceStatus::Deployment(status))
}

/// Returns the platform's event that something ended at second 100.
fn service_changed(event: &str) -> Signal {
    Signal::ServiceChanged {
        event: event.to_owned(),
        occurred_at: at(100),
    }
}

#[test]
fn an_image_is_deployed_when_the_service_accepts_it() {
    let deploy = NextStep::Execute(Command::DeployToService(image(A)));
    let waiting = [
        deploying(None),
        releasing(Phase::WaitingForResume),
        releasing(Phase::WaitingForService),
    ];
    for state in waiting {
        let decision = on_check(state.clone(), &service(ServiceStatus::Ready), 9);
        let deployment_id = None;
        assert_eq!(phase(&decision), Some(&Phase::Deploying { deployment_id }));
        assert_eq!(decision.next_step, deploy);

        let deployment_id = "op".to_owned();
        let accepted = service(ServiceStatus::Accepted { deployment_id });
        let decision = on_check(state, &accepted, 9);
        let deployment_id = Some("op".to_owned());
        assert_eq!(phase(&decision), Some(&Phase::Deploying { deployment_id }));
        assert_eq!(decision.next_step, NextStep::Check);
    }
    let accepted = on_signal(deploying(None), &deployment_accepted("op"), 9);
    assert_eq!(accepted.state, deploying(Some("op")));
    assert_eq!(accepted.next_step, NextStep::Done);
}

#[test]
fn a_paused_service_is_notified_once_and_waited_for() {
    let paused = service(ServiceStatus::Paused);
    let decision = on_check(deploying(None), &paused, 9);
    assert_eq!(phase(&decision), Some(&Phase::WaitingForResume));
    assert_eq!(notified(&decision), [("paused", 1)]);
    assert_eq!(decision.next_step, NextStep::Done);
    // There is no timeout.
    let later = on_check(decision.state.clone(), &paused, 1_000_000);
    assert_eq!(later.state, decision.state);
    assert_eq!(later.notifications, []);
    assert_eq!(later.next_step, NextStep::Done);
}

#[test]
fn a_busy_service_is_waited_for_until_a_timeout() {
    let busy = service(ServiceStatus::Busy);
    let decision = on_check(deploying(None), &busy, 9);
    assert_eq!(phase(&decision), Some(&Phase::WaitingForService));
    assert_eq!(decision.next_step, NextStep::Done);
    let waiting = on_check(decision.state.clone(), &busy, 9 + 3599);
    assert_eq!(waiting.state, decision.state);
    let timed_out = on_check(decision.state, &busy, 9 + 3600);
    assert_eq!(notified(&timed_out), [("failed", 1)]);
}

#[test]
fn the_status_of_the_deployment_ends_the_release() {
    let signal = service_changed("UpdateServiceCompletedSuccessfully");
    let succeeded = deployment(DeploymentStatus::Succeeded);
    let decision = decide(deploying(Some("op")), &signal, &succeeded, at(101));
    assert_eq!(notified(&decision), [("deployed", 1)]);
    let deployed = DeployedImage {
        image: image(A),
        deployed_at: at(101),
    };
    assert_eq!(decision.state.deployed, Some(deployed));
    assert_eq!(phase(&decision), None);
    assert_eq!(decision.next_step, NextStep::Done);

    let failed = deployment(DeploymentStatus::Failed("rolled back".to_owned()));
    let state = with_next(deploying(Some("op")));
    let decision = decide(state, &signal, &failed, at(101));
    assert_eq!(notified(&decision), [("failed", 1)]);
    assert_eq!(decision.state.last_failure.unwrap().reason, "rolled back");
    assert_eq!(decision.state.current.unwrap().image, image(B));
    assert_eq!(decision.next_step, NextStep::Check);

    let absent = on_check(deploying(None), &service(ServiceStatus::Absent), 9);
    assert_eq!(notified(&absent), [("deployed", 1)]);
    let unusable = service(ServiceStatus::Unusable("DELETED".to_owned()));
    let failed = on_check(deploying(None), &unusable, 9);
    assert_eq!(notified(&failed), [("failed", 1)]);
}

#[test]
fn an_event_of_a_deployment_in_progress_waits_a_minute_and_is_then_ignored() {
    let in_progress = deployment(DeploymentStatus::InProgress);
    let signal = service_changed("DeploymentCompletedSuccessfully");
    let on_event = |seconds| decide(deploying(Some("op")), &signal, &in_progress, at(seconds));
    assert_eq!(on_event(159).next_step, NextStep::RetryLater);
    let late = on_event(160);
    assert_eq!(ignored(&late), ["the deployment is still in progress"]);
    assert_eq!(late.next_step, NextStep::Done);
    assert_eq!(late.state, deploying(Some("op")));
}

#[test]
fn a_check_leaves_a_deployment_in_progress_until_a_timeout() {
    let in_progress = deployment(DeploymentStatus::InProgress);
    let check = |seconds| on_check(deploying(Some("op")), &in_progress, seconds);
    assert_eq!(check(3599).next_step, NextStep::Done);
    assert_eq!(notified(&check(3600)), [("failed", 1)]);
}

#[test]
fn the_platforms_events_at_other_times_change_nothing() {
    let signal = service_changed("ResumeServiceCompletedSuccessfully");
    let none = "no release is under way";
    let not_waiting = "the release does not wait for the web service";
    let table = [
        (State::default(), none),
        (updating(true), not_waiting),
        (migrating(1), not_waiting),
    ];
    for (state, reason) in table {
        let decision = on_signal(state.clone(), &signal, 100);
        assert_eq!(
            (&decision.state, ignored(&decision)),
            (&state, vec![reason])
        );
    }
    let check = on_check(State::default(), &Observation::NotNeeded, 9);
    assert_eq!(ignored(&check), [none]);
}
