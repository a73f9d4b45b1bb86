//! A sweep's first question: can the database be left alone?
//!
//! # Promise
//! An event whose doorbells both failed is looked for by the first sweep that CloudWatch lets know of it: that is an hour
//! (`SweepSchedule`) and the metrics' lag after the commit. CloudWatch does not show who came and went within four minutes
//! after another look; that event is looked for when the look is 18 hours old. Nothing at all shows who came and went beside
//! a sweep's own look; after a week without any look there is one.
//!
//! # Cost
//! One activity of others that no look has followed is one wake, and a sweep wakes once at most. A look of a sweep is not a
//! reason for the next one, but after 18 hours when others were there or the database paused late, and after a week.

mod cloudwatch;
mod decision;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod day;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatch::Client;
use jiff::Timestamp;
use wagrun_lambda::metric::Unit;

pub use cloudwatch::MetricError;
pub use decision::{Decision, History, Looks, Minute, Reason};

use crate::config::Config;
use crate::schedules::{ScheduleError, Schedules};
use cloudwatch::CloudWatch;

/// The metric by which a later sweep knows that a look was ours alone.
const WAKES: &str = "SweepWakes";

/// A sweep can't tell whether the database can be left alone.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// CloudWatch does not say what the database did.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// Scheduler does not say whether a schedule was missed.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// Decides if a sweep can end without a connection. Marks it when a paused database is to be woken.
pub(crate) async fn can_be_left_alone(
    config: &Config,
    client: &Client,
    schedules: Option<&Schedules>,
) -> Result<bool, SweepError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.map_or(0, |it| it.as_secs() / 60);
    let now = Minute::try_from(now).unwrap_or(Minute::MAX);
    let Some(instance) = &config.database_instance else {
        return Ok(false);
    };
    let cloudwatch = CloudWatch {
        client,
        instance,
        namespace: config.metrics.namespace(),
    };
    let history = cloudwatch.history(now, config.database_pause).await?;
    let mut decision = history.decide(now);
    if decision == Decision::LeaveAlone
        && let Some(schedules) = schedules
        && schedules.was_missed(Timestamp::now()).await?
    {
        decision = Decision::Look(Reason::MissedSchedule);
    }
    let paused = history.is_paused(now);
    tracing::info!(paused, ?decision, "decided about a sweep");
    let Decision::Look(_) = decision else {
        return Ok(true);
    };
    if paused {
        config.metrics.emit(&[], &[(WAKES, 1.0, Unit::Count)]);
    }
    Ok(false)
}
