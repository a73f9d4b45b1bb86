//! The step that finds the stack's log groups.

use std::collections::BTreeMap;

use super::state::{OutOfTime, RunState};
use crate::log_group::{LogGroup, STACK_TAG};
use crate::writer::Writer;

/// A log group of the stack and its writer.
pub struct FoundGroup {
    /// The log group.
    pub group: LogGroup,
    /// The writer.
    pub writer: Writer,
}

/// Returns every log group of the stack once, in the order of the names.
pub async fn find_log_groups(run: &mut RunState<'_>) -> Result<Vec<FoundGroup>, OutOfTime> {
    let selection = &run.config.selection;
    let mut found = BTreeMap::new();
    for prefix in selection.prefixes() {
        match run.logs.with_prefix(&prefix).await {
            Ok(groups) => found.extend(groups.into_iter().filter_map(|group| {
                let writer = selection.writer(&group.name)?;
                Some((group.name.clone(), FoundGroup { group, writer }))
            })),
            Err(error) => run.record(&prefix, error)?,
        }
    }
    if run.config.by_tag {
        match run.logs.tagged(STACK_TAG, selection.stack()).await {
            Ok(groups) => {
                for group in groups {
                    // A log group that was found by its name is kept, because the name tells the writer.
                    found.entry(group.name.clone()).or_insert(FoundGroup {
                        group,
                        writer: Writer::Unknown,
                    });
                }
            }
            Err(error) => run.record(STACK_TAG, error)?,
        }
    }
    Ok(found.into_values().collect())
}
