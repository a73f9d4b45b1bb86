//! Decides what becomes of a release after a signal. These functions are pure: they make no call and read no clock.

mod migrate;
mod requested_image;
mod service;

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Decision, NextStep};
use crate::observation::Observation;
use crate::signal::Signal;
use crate::state::{Phase, State};

/// The time for which AWS may defer a command.
const COMMAND_TIMEOUT: SignedDuration = SignedDuration::from_secs(10 * 60);

/// Decides on a signal. The observation shows what the current phase waits for.
pub fn decide(
    state: State,
    signal: &Signal,
    observation: &Observation,
    now: Timestamp,
) -> Decision {
    let mut decision = Decision::unchanged(state);
    match signal {
        Signal::ImagePushed(requested) => {
            requested_image::pushed(&mut decision, requested, now);
        }
        Signal::ImageRequested(requested) => {
            requested_image::requested_by_hand(&mut decision, requested, now);
        }
        Signal::MigrateEnded { digest, result } => {
            migrate::ended(&mut decision, digest, result, now);
        }
        Signal::ServiceChanged { occurred_at, .. } => {
            service_changed(&mut decision, *occurred_at, observation, now);
        }
        Signal::Check => check(&mut decision, observation, None, now),
        Signal::MigrateUpdateAccepted => {
            let update_accepted = true;
            decision.enter_phase(Phase::UpdatingMigrate { update_accepted }, now);
            decision.next_step = NextStep::Check;
        }
        Signal::MigrateInvocationAccepted => migrate::invocation_accepted(&mut decision, now),
        Signal::DeploymentAccepted { deployment_id } => {
            let deployment_id = Some(deployment_id.clone());
            decision.enter_phase(Phase::Deploying { deployment_id }, now);
        }
        Signal::CommandDeferred(reason) => command_deferred(&mut decision, reason, now),
        Signal::CommandRefused(reason) => decision.fail(reason, now),
    }
    decision
}

fn service_changed(
    decision: &mut Decision,
    occurred_at: Timestamp,
    observation: &Observation,
    now: Timestamp,
) {
    match &decision.state.current {
        Some(release) if release.phase.depends_on_service() => {
            check(decision, observation, Some(occurred_at), now);
        }
        Some(_) => decision.ignore("the release does not wait for the web service"),
        None => decision.ignore("no release is under way"),
    }
}

/// Checks the current release. `event_time` is the time of the platform's event that is the reason for the check.
fn check(
    decision: &mut Decision,
    observation: &Observation,
    event_time: Option<Timestamp>,
    now: Timestamp,
) {
    let Some(release) = decision.state.current.clone() else {
        return decision.ignore("no release is under way");
    };
    match (&release.phase, observation) {
        (Phase::UpdatingMigrate { update_accepted }, Observation::Migrate(status)) => {
            migrate::check_update(decision, &release, *update_accepted, status, now);
        }
        (Phase::Migrating { attempts }, _) => {
            migrate::check_run(decision, &release, *attempts, now);
        }
        (phase, Observation::Service(status)) if phase.depends_on_service() => {
            service::check(decision, &release, status, event_time, now);
        }
        // Only a caller that observed something else than the phase needs gets here.
        _ => decision.next_step = NextStep::Check,
    }
}

fn command_deferred(decision: &mut Decision, reason: &str, now: Timestamp) {
    match &decision.state.current {
        Some(release) if release.has_timed_out(COMMAND_TIMEOUT, now) => decision.fail(reason, now),
        Some(_) => decision.next_step = NextStep::RetryLater,
        None => {}
    }
}

#[cfg(test)]
mod tests;
