//! The first step of a sweep: the decision to leave a paused database asleep.
//!
//! # Promise
//! An event may miss both of its doorbells. The first sweep for which CloudWatch shows the activity looks for it: one hour
//! (`SweepSchedule`) and the delay of the metrics after the commit.
//!
//! CloudWatch does not show a session that came and went within four minutes after another check. The event of such a
//! session is looked for when that check is 18 hours old. Nothing shows a session that came and went beside a sweep's own
//! check. After a week without any check there is one.
//!
//! # Cost
//! One activity of others without a check after it costs one wake, and a sweep wakes the database once at most. A sweep's
//! own check is no reason for the next one, with two exceptions: after 18 hours when others were present or the database
//! paused late, and after a week.

mod cloudwatch;
mod decision;

#[cfg(test)]
mod decision_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod simulation_tests;

use aws_sdk_cloudwatch::Client;
use jiff::Timestamp;
use wagrun_lambda::metric::Unit;

use crate::config::Config;
use crate::schedules::{ScheduleError, ScheduleGroup};
use cloudwatch::{CloudWatch, WAKES_METRIC};
use decision::{Decision, Reason};

pub use cloudwatch::MetricError;

/// A sweep could not decide about the connection.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// CloudWatch did not return the metrics of the database or of wagrun.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// EventBridge Scheduler did not return the schedules.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// Returns true when the sweep leaves the database asleep. Emits a metric when it is about to wake a paused one.
pub(crate) async fn leaves_asleep(
    config: &Config,
    client: &Client,
    schedule_group: Option<&ScheduleGroup>,
    now: Timestamp,
) -> Result<bool, SweepError> {
    let Some(instance) = &config.database_instance else {
        return Ok(false);
    };
    let minute = now.as_second().div_euclid(60);
    let cloudwatch = CloudWatch {
        client,
        instance,
        namespace: config.metrics.namespace(),
    };
    let history = cloudwatch.history(minute, config.database_pause).await?;
    let mut decision = history.decide(minute);
    if decision == Decision::LeaveAsleep
        && let Some(group) = schedule_group
        && group.has_missed(now).await?
    {
        decision = Decision::Check(Reason::MissedSchedule);
    }
    let is_paused = history.is_paused(minute);
    let Decision::Check(reason) = decision else {
        tracing::info!(
            database.paused = is_paused,
            "sweep leaves the database asleep"
        );
        return Ok(true);
    };
    tracing::info!(
        database.paused = is_paused,
        reason = reason.as_str(),
        "sweep checks the outbox"
    );
    if is_paused {
        config
            .metrics
            .emit(&[], &[(WAKES_METRIC, 1.0, Unit::Count)]);
    }
    Ok(false)
}
