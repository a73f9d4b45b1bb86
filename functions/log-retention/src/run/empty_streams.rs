//! The step that finds streams of functions with nothing in them.

use super::{OutOfTime, Run};
use crate::OPT_OUT_TAG;
use crate::answer::StreamsOfGroup;
use crate::expiry::{is_gone, is_over};
use crate::logs::{Group, Stream};
use crate::pace::CallError;

impl Run<'_> {
    /// Counts the empty streams of a log group, and deletes them where asked.
    pub(super) async fn look_into(&mut self, group: &Group) -> Result<(), OutOfTime> {
        let Some(days) = group.days else {
            return Ok(());
        };
        // A log group that is younger than its retention has none.
        if !is_gone(group.created, days, self.now) {
            return Ok(());
        }
        let mut deleted = 0;
        let looked = self.empty_streams(group, days).await;
        let streams = match looked {
            Ok(streams) if streams.is_empty() => return Ok(()),
            Ok(streams) => streams,
            Err(error) => return self.failed(&group.name, error),
        };
        let ended = self.delete_streams(group, &streams, &mut deleted).await;
        self.answer.empty_streams.push(StreamsOfGroup {
            log_group: group.name.clone(),
            streams: streams.len(),
            deleted,
        });
        match ended {
            Ok(()) => Ok(()),
            Err(error) => self.failed(&group.name, error),
        }
    }

    async fn empty_streams(&mut self, group: &Group, days: i32) -> Result<Vec<Stream>, CallError> {
        let mut empty = Vec::new();
        let mut token = None;
        loop {
            let (page, next) = self.logs.oldest_streams(group, token).await?;
            let goes_on = page
                .last()
                .is_some_and(|stream| is_gone(stream.last_written, days, self.now));
            empty.extend(
                page.into_iter()
                    .filter(|stream| is_over(stream, days, self.now)),
            );
            token = next.filter(|_| goes_on);
            if token.is_none() {
                return Ok(empty);
            }
        }
    }

    async fn delete_streams(
        &mut self,
        group: &Group,
        streams: &[Stream],
        deleted: &mut usize,
    ) -> Result<(), CallError> {
        if !self.options.delete_orphans || self.logs.has_tag(group, OPT_OUT_TAG).await? {
            return Ok(());
        }
        for stream in streams {
            if !self.options.plan {
                match self.logs.delete_stream(group, stream).await {
                    Ok(()) | Err(CallError::Gone(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            *deleted += 1;
        }
        tracing::info!(
            log_group = group.name,
            streams = *deleted,
            plan = self.options.plan,
            "deletes empty streams"
        );
        Ok(())
    }
}
