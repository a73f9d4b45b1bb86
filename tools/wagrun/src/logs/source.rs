//! Reads the log groups of several functions in the order of time, and goes on where it stopped.

use std::collections::HashSet;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata as _;
use jiff::{SignedDuration, Timestamp};

use super::line::LogLine;
use crate::call::explain;
use crate::error::CommandError;
use crate::function::Function;
use crate::stack::Stack;

/// CloudWatch Logs has some lines later than others. So each look begins this long before the newest line of the look before.
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);

/// A part of the logs.
#[derive(Debug, Clone)]
pub struct Window {
    /// The beginning.
    pub since: Timestamp,
    /// A filter of CloudWatch Logs, such as `"\"page/42\""`; none for all lines.
    pub pattern: Option<String>,
}

/// The logs of some functions, from a time on.
#[derive(Debug)]
pub struct LogSource {
    client: Client,
    groups: Vec<(&'static str, String)>,
    window: Window,
    /// The most lines of each log group that one look reads.
    limit: usize,
    /// The ids of the lines that were returned already, of those that a further look may see again.
    seen: HashSet<String>,
}

impl LogSource {
    /// Begins at a time.
    pub fn of(stack: &Stack, functions: &[Function], since: Timestamp) -> Self {
        let window = Window {
            since,
            pattern: None,
        };
        Self::with(stack, functions, window)
    }

    /// Begins at a time, and leaves out what a filter of CloudWatch Logs does not match.
    pub fn with(stack: &Stack, functions: &[Function], window: Window) -> Self {
        let groups = functions.iter().map(|function| {
            let name = function.name();
            (name, stack.log_group(name))
        });
        Self::of_groups(stack, groups.collect(), window)
    }

    /// Reads log groups, each with its short name.
    pub fn of_groups(stack: &Stack, groups: Vec<(&'static str, String)>, window: Window) -> Self {
        Self {
            client: Client::new(&stack.aws),
            groups,
            window,
            limit: usize::MAX,
            seen: HashSet::new(),
        }
    }

    /// Reads at most about this number of lines of each log group, the oldest.
    pub fn at_most(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Returns the lines since the last look, the oldest first. Metrics and Lambda's own lines about each invocation are left out.
    pub async fn next(&mut self) -> Result<Vec<LogLine>, CommandError> {
        let mut lines = self.all().await?;
        lines.retain(|line| !line.is_metric() && !line.is_of_lambda());
        Ok(lines)
    }

    /// Returns the lines since the last look with the metrics among them.
    pub async fn all(&mut self) -> Result<Vec<LogLine>, CommandError> {
        let mut lines = Vec::new();
        let mut newest = self.window.since;
        let mut seen = HashSet::new();
        for (function, group) in &self.groups {
            let request = self.client.filter_log_events().log_group_name(group);
            let request = request
                .start_time(self.window.since.as_millisecond())
                .set_filter_pattern(self.window.pattern.clone());
            let mut pages = request.into_paginator().send();
            let mut events = Vec::new();
            while events.len() < self.limit
                && let Some(page) = pages.next().await
            {
                match page {
                    Ok(page) => events.extend(page.events.unwrap_or_default()),
                    // A function that is not deployed has no group.
                    Err(error) if error.code() == Some("ResourceNotFoundException") => break,
                    Err(error) => return Err(explain("logs:FilterLogEvents")(error).into()),
                }
            }
            for event in events {
                let at = event.timestamp.unwrap_or_default();
                let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
                newest = newest.max(at);
                let Some(text) = event.message else { continue };
                let id = event.event_id.unwrap_or_else(|| format!("{at} {text}"));
                if !self.seen.contains(&id) {
                    lines.push(LogLine::new(function, at, text));
                }
                seen.insert(id);
            }
        }
        lines.sort_by_key(|line| line.at);
        self.seen = seen;
        let next = newest.checked_sub(OVERLAP).unwrap_or(newest);
        self.window.since = self.window.since.max(next);
        Ok(lines)
    }
}
