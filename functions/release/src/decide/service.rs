//! Decides on the web service: a new deployment, one in progress, and a service that accepts none.

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Command, Decision, NextStep, Notification};
use crate::observation::{DeploymentStatus, ServiceStatus};
use crate::state::{Phase, Release};

/// The time that a deployment may take, and that another operation may keep the service busy.
const DEPLOYMENT_TIMEOUT: SignedDuration = SignedDuration::from_secs(60 * 60);
/// The time by which the platform's status may lag behind the platform's event.
const MAX_STATUS_DELAY: SignedDuration = SignedDuration::from_secs(60);

/// Decides on the state of the web service. `event_time` is the time of the event that is the reason for the check.
pub fn check(
    decision: &mut Decision,
    release: &Release,
    status: &ServiceStatus,
    event_time: Option<Timestamp>,
    now: Timestamp,
) {
    match status {
        ServiceStatus::Absent => decision.succeed(now),
        ServiceStatus::Unusable(reason) => decision.fail(reason, now),
        ServiceStatus::Deployment(status) => {
            check_deployment(decision, release, status, event_time, now);
        }
        ServiceStatus::Accepted { deployment_id } => {
            let deployment_id = Some(deployment_id.clone());
            decision.enter_phase(Phase::Deploying { deployment_id }, now);
            decision.next_step = NextStep::Check;
        }
        ServiceStatus::Ready => {
            let deployment_id = None;
            decision.enter_phase(Phase::Deploying { deployment_id }, now);
            let deploy = Command::DeployToService(release.image.clone());
            decision.next_step = NextStep::Execute(deploy);
        }
        ServiceStatus::Paused => {
            if release.phase != Phase::WaitingForResume {
                decision.enter_phase(Phase::WaitingForResume, now);
                let notification = Notification::ServicePaused(release.clone());
                decision.notifications.push(notification);
            }
        }
        ServiceStatus::Busy => wait_for_service(decision, release, now),
    }
}

fn check_deployment(
    decision: &mut Decision,
    release: &Release,
    status: &DeploymentStatus,
    event_time: Option<Timestamp>,
    now: Timestamp,
) {
    match (status, event_time) {
        (DeploymentStatus::Succeeded, _) => decision.succeed(now),
        (DeploymentStatus::Failed(reason), _) => decision.fail(reason, now),
        (DeploymentStatus::InProgress, _) if release.has_timed_out(DEPLOYMENT_TIMEOUT, now) => {
            let minutes = DEPLOYMENT_TIMEOUT.as_mins();
            let reason = format!("the deployment did not end within {minutes} minutes");
            decision.fail(&reason, now);
        }
        (DeploymentStatus::InProgress, Some(time))
            if now.duration_since(time) < MAX_STATUS_DELAY =>
        {
            decision.next_step = NextStep::RetryLater;
        }
        (DeploymentStatus::InProgress, Some(_)) => {
            decision.ignore("the deployment is still in progress");
        }
        (DeploymentStatus::InProgress, None) => {}
    }
}

fn wait_for_service(decision: &mut Decision, release: &Release, now: Timestamp) {
    let is_waiting = release.phase == Phase::WaitingForService;
    if is_waiting && release.has_timed_out(DEPLOYMENT_TIMEOUT, now) {
        let minutes = DEPLOYMENT_TIMEOUT.as_mins();
        let reason =
            format!("the web service was busy with another operation for {minutes} minutes");
        return decision.fail(&reason, now);
    }
    decision.enter_phase(Phase::WaitingForService, now);
}
