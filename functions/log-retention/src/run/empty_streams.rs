//! The step that finds empty streams of functions, and deletes them on request.

use super::state::{OutOfTime, RunState};
use crate::answer::EmptyStreams;
use crate::expiry::{is_abandoned, is_deleted};
use crate::log_group::{LogGroup, LogStream, OPT_OUT_TAG};
use crate::rate_limit::CallError;

/// Reports the number of empty streams of a log group, and deletes them on request.
pub async fn delete_empty_streams(
    run: &mut RunState<'_>,
    group: &LogGroup,
) -> Result<(), OutOfTime> {
    let Some(days) = group.retention_days else {
        return Ok(());
    };
    // A log group that is younger than its retention has no empty stream.
    if !is_deleted(group.created, days, run.now) {
        return Ok(());
    }
    let streams = match find_empty_streams(run, group, days).await {
        Ok(streams) if streams.is_empty() => return Ok(()),
        Ok(streams) => streams,
        Err(error) => return run.record(&group.name, error),
    };
    let mut deleted = 0;
    let result = delete_streams(run, group, &streams, &mut deleted).await;
    run.answer.empty_streams.push(EmptyStreams {
        log_group: group.name.clone(),
        streams: streams.len(),
        deleted,
    });
    result.or_else(|error| run.record(&group.name, error))
}

async fn find_empty_streams(
    run: &mut RunState<'_>,
    group: &LogGroup,
    retention_days: i32,
) -> Result<Vec<LogStream>, CallError> {
    let mut empty = Vec::new();
    let mut token = None;
    loop {
        let (page, next_token) = run.logs.oldest_streams(group, token).await?;
        // The streams come in the order of their last write, so a page that ends with a newer stream is the last one needed.
        let needs_next_page = page
            .last()
            .is_some_and(|stream| is_deleted(stream.last_written, retention_days, run.now));
        empty.extend(
            page.into_iter()
                .filter(|stream| is_abandoned(stream, retention_days, run.now)),
        );
        token = next_token.filter(|_| needs_next_page);
        if token.is_none() {
            return Ok(empty);
        }
    }
}

/// Deletes streams, and counts them in `deleted` also when one of them fails.
async fn delete_streams(
    run: &mut RunState<'_>,
    group: &LogGroup,
    streams: &[LogStream],
    deleted: &mut usize,
) -> Result<(), CallError> {
    if !run.options.delete_orphans || run.logs.has_tag(group, OPT_OUT_TAG).await? {
        return Ok(());
    }
    for stream in streams {
        if !run.options.plan {
            match run.logs.delete_stream(group, stream).await {
                Ok(()) | Err(CallError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        *deleted += 1;
    }
    let deleted = *deleted;
    tracing::info!(log_group = group.name, deleted, "empty streams deleted");
    Ok(())
}
