//! The step that finds log groups whose writer is gone.

use wagrun_lambda::telemetry::chain;

use super::{Found, OutOfTime, Run};
use crate::OPT_OUT_TAG;
use crate::answer::{Orphan, Outcome};
use crate::expiry::after;
use crate::pace::CallError;

impl Run<'_> {
    /// Whether a log group's writer is gone; then it is reported, and deleted where asked.
    pub(super) async fn is_orphan(&mut self, found: &Found) -> Result<bool, OutOfTime> {
        match self.writers.exists(&found.writer, &found.group).await {
            Ok(true) => return Ok(false),
            Ok(false) => {}
            Err(error) => {
                self.fail(&found.group.name, &chain(&error));
                return Ok(false);
            }
        }
        match self.orphan(found).await {
            Ok(orphan) => self.answer.orphans.push(orphan),
            Err(error) => self.failed(&found.group.name, error)?,
        }
        Ok(true)
    }

    async fn orphan(&mut self, Found { group, writer }: &Found) -> Result<Orphan, CallError> {
        let last_written = self.logs.last_written(group).await?;
        let expires = group.days.map(|days| after(last_written, days));
        let outcome = if !self.options.delete_orphans {
            Outcome::Reported
        } else if expires.is_none_or(|expires| expires > self.now) {
            Outcome::Waits
        } else if group.protected {
            Outcome::Protected
        } else if self.logs.has_tag(group, OPT_OUT_TAG).await? {
            Outcome::OptedOut
        } else {
            if !self.options.plan {
                self.logs.delete_group(group).await?;
            }
            Outcome::Deleted
        };
        tracing::info!(log_group = group.name, writer = %writer, ?outcome, plan = self.options.plan, "is an orphan");
        Ok(Orphan {
            log_group: group.name.clone(),
            writer: writer.to_string(),
            last_written,
            expires,
            outcome,
        })
    }
}
