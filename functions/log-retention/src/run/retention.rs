//! The step that sets the missing retentions.

use super::state::{OutOfTime, RunState};
use crate::answer::{KeptRetention, PolicyRetention, RetentionChange};
use crate::log_group::{LogGroup, OPT_OUT_TAG};
use crate::rate_limit::CallError;
use crate::retention_action::{RetentionAction, decide};

/// Sets the retention of a log group, if it has to be set. Afterwards `group` has the retention that is in force.
pub async fn set_retention(run: &mut RunState<'_>, group: &mut LogGroup) -> Result<(), OutOfTime> {
    let log_group = group.name.clone();
    match decide(group, run.config.retention, run.options.enforce) {
        RetentionAction::None => run.answer.up_to_date += 1,
        RetentionAction::Keep => run.answer.kept.push(KeptRetention {
            log_group,
            days: group.retention_days,
        }),
        RetentionAction::LeaveToPolicy(policy) => run.answer.under_policy.push(PolicyRetention {
            log_group,
            policy,
            days: group.retention_days,
        }),
        RetentionAction::Set => match set_unless_opted_out(run, group).await {
            Ok(true) => {
                let days = run.config.retention.days();
                run.answer.set.push(RetentionChange {
                    log_group,
                    from_days: group.retention_days.replace(days),
                });
            }
            Ok(false) => run.answer.opted_out.push(log_group),
            Err(error) => run.record(&log_group, error)?,
        },
    }
    Ok(())
}

/// Sets the retention, and returns false when the log group has the tag that forbids it.
async fn set_unless_opted_out(run: &mut RunState<'_>, group: &LogGroup) -> Result<bool, CallError> {
    if run.logs.has_tag(group, OPT_OUT_TAG).await? {
        return Ok(false);
    }
    let days = run.config.retention.days();
    if !run.options.plan {
        run.logs.put_retention(group, days).await?;
    }
    tracing::info!(
        log_group = group.name,
        from_days = group.retention_days,
        days,
        "retention set"
    );
    Ok(true)
}
