//! The step that finds log groups whose writer no longer exists, and deletes them on request.

use super::find::FoundGroup;
use super::state::{OutOfTime, RunState};
use crate::answer::{Orphan, OrphanOutcome};
use crate::expiry::expires_at;
use crate::log_group::OPT_OUT_TAG;
use crate::rate_limit::CallError;

/// Reports a log group whose writer no longer exists, and deletes it on request. Returns false when the writer exists.
pub async fn delete_orphan(run: &mut RunState<'_>, found: &FoundGroup) -> Result<bool, OutOfTime> {
    match run.writers.exists(&found.writer, &found.group).await {
        Ok(true) => return Ok(false),
        Ok(false) => {}
        Err(error) => {
            run.failures.push(&found.group.name, error.into());
            return Ok(false);
        }
    }
    match delete_if_expired(run, found).await {
        Ok(orphan) => run.answer.orphans.push(orphan),
        Err(error) => run.record(&found.group.name, error)?,
    }
    Ok(true)
}

async fn delete_if_expired(
    run: &mut RunState<'_>,
    FoundGroup { group, writer }: &FoundGroup,
) -> Result<Orphan, CallError> {
    let last_written = run.logs.last_written(group).await?;
    let expires = group
        .retention_days
        .map(|days| expires_at(last_written, days));
    let outcome = if !run.options.delete_orphans {
        OrphanOutcome::Reported
    } else if expires.is_none_or(|expires| expires > run.now) {
        OrphanOutcome::NotExpired
    } else if group.is_protected {
        OrphanOutcome::Protected
    } else if run.logs.has_tag(group, OPT_OUT_TAG).await? {
        OrphanOutcome::OptedOut
    } else {
        if !run.options.plan {
            run.logs.delete_group(group).await?;
        }
        OrphanOutcome::Deleted
    };
    tracing::info!(
        log_group = group.name,
        %writer,
        outcome = outcome.as_str(),
        "orphan found"
    );
    Ok(Orphan {
        log_group: group.name.clone(),
        writer: writer.to_string(),
        last_written,
        expires,
        outcome,
    })
}
