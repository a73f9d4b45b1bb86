//! Decides on the function migrate: its update, its invocation and its result.

use jiff::{SignedDuration, Timestamp};

use crate::decision::{Command, Decision, LogEntry, NextStep};
use crate::observation::{MigrateStatus, Readiness};
use crate::state::{Phase, Release};

/// The time that migrate may take to become active with its new image.
const MIGRATE_UPDATE_TIMEOUT: SignedDuration = SignedDuration::from_secs(10 * 60);
/// The time until the result of migrate must have arrived: the 15 minutes of the function, and a margin.
const MIGRATE_RESULT_TIMEOUT: SignedDuration = SignedDuration::from_secs(20 * 60);
/// The number of invocations for one release. Lambda may lose an asynchronous event, and a second run finds nothing to do.
const MAX_MIGRATE_ATTEMPTS: u8 = 2;

/// Decides on migrate's state while it gets the image.
pub fn check_update(
    decision: &mut Decision,
    release: &Release,
    update_accepted: bool,
    status: &MigrateStatus,
    now: Timestamp,
) {
    let has_image = status.digest.as_ref() == Some(&release.image.digest);
    let state = match &status.readiness {
        Readiness::Ready if has_image => {
            let invoke = Command::InvokeMigrate(release.image.clone());
            decision.next_step = NextStep::Execute(invoke);
            return;
        }
        Readiness::Failed(reason) if update_accepted => {
            let reason = format!("migrate's image cannot be changed: {reason}");
            return decision.fail(&reason, now);
        }
        Readiness::Ready => "has another image",
        Readiness::Inactive => "is inactive",
        Readiness::Busy(state) => state,
        Readiness::Failed(reason) => reason,
    };
    let is_busy = matches!(status.readiness, Readiness::Busy(_));
    if release.has_timed_out(MIGRATE_UPDATE_TIMEOUT, now) {
        let minutes = MIGRATE_UPDATE_TIMEOUT.as_mins();
        let reason = format!("migrate did not become active within {minutes} minutes; it {state}");
        decision.fail(&reason, now);
    } else if update_accepted || is_busy {
        decision.next_step = NextStep::RetryLater;
    } else {
        let update = Command::UpdateMigrate(release.image.clone());
        decision.next_step = NextStep::Execute(update);
    }
}

/// Decides on a migrate that was invoked: it is invoked again, or given up, when its result does not arrive in time.
pub fn check_run(decision: &mut Decision, release: &Release, attempts: u8, now: Timestamp) {
    if !release.has_timed_out(MIGRATE_RESULT_TIMEOUT, now) {
        return;
    }
    if attempts < MAX_MIGRATE_ATTEMPTS {
        let invoke = Command::InvokeMigrate(release.image.clone());
        decision.next_step = NextStep::Execute(invoke);
    } else {
        decision.fail("migrate was invoked twice and reported no result", now);
    }
}

/// Counts an invocation that Lambda accepted.
pub fn invocation_accepted(decision: &mut Decision, now: Timestamp) {
    let Some(release) = &mut decision.state.current else {
        return;
    };
    let attempts = match release.phase {
        Phase::Migrating { attempts } => attempts + 1,
        _ => 1,
    };
    release.phase = Phase::Migrating { attempts };
    // The second invocation has the whole time again.
    release.phase_started_at = now;
    decision.log.push(LogEntry::PhaseEntered(release.clone()));
}

/// Decides on the result of migrate.
pub fn ended(
    decision: &mut Decision,
    digest: &str,
    result: &Result<usize, String>,
    now: Timestamp,
) {
    let Some(release) = &mut decision.state.current else {
        return decision.ignore("no release is under way");
    };
    if release.image.digest != digest {
        return decision.ignore("the migration belongs to another release");
    }
    if !matches!(release.phase, Phase::Migrating { .. }) {
        return decision.ignore("the release does not wait for migrate");
    }
    match result {
        Ok(applied) => {
            release.migrations_applied = Some(*applied);
            let deployment_id = None;
            decision.enter_phase(Phase::Deploying { deployment_id }, now);
            decision.next_step = NextStep::Check;
        }
        Err(reason) => decision.fail(reason, now),
    }
}
