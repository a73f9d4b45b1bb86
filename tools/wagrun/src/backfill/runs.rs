//! `wagrun replays`: the replays and snapshots of some time, and how far each is. By content-events' log, which wakes nothing.

use std::fmt;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::error::CommandError;
use crate::function::Function;
use crate::logs::{LogLine, LogSource, Window};
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;
use crate::time;

/// The arguments.
#[derive(Debug, Args)]
pub struct Runs {
    /// Beginning: a time, or the time since (15m, 3h, 2d)
    #[arg(long, default_value = "1d")]
    since: String,
}

/// The runs of some time, the oldest first.
#[derive(Debug, Serialize)]
struct RunList {
    runs: Vec<Run>,
    #[serde(skip)]
    since: String,
}

/// A replay or a snapshot.
#[derive(Debug, PartialEq, Serialize)]
struct Run {
    id: String,
    /// The payload that asked for it; none when that was before the time that was looked at.
    request: Option<Value>,
    state: RunState,
    /// The events that were published within the time that was looked at.
    published: u64,
    /// The time of the newest line about it.
    at: Timestamp,
    /// The newest error.
    error: Option<String>,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum RunState {
    /// It goes on, or waits for the next run of content-events.
    UnderWay,
    /// It is done.
    Done,
    /// An operator has ended it.
    Cancelled,
}

/// Shows the runs.
pub async fn runs(
    arguments: &Runs,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let since = time::parse("--since", &arguments.since, time::now())?;
    let window = Window {
        since,
        pattern: Some("backfill".to_owned()),
    };
    let mut source = LogSource::with(stack, &[Function::ContentEvents], window);
    output.report(&RunList {
        runs: of(&source.next().await?),
        since: time::second(since),
    })?;
    Ok(Verdict::Good)
}

/// Collects the runs from lines in the order of time.
fn of(lines: &[LogLine]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for line in lines {
        let Some(id) = line.text_of("backfill") else {
            // The error of an invocation names the run in its text.
            let error = line.text_of("error");
            let named = |run: &&mut Run| error.is_some_and(|error| error.contains(&run.id));
            if let Some(run) = runs.iter_mut().find(named) {
                run.error = error.map(str::to_owned);
            }
            continue;
        };
        let index = match runs.iter().position(|run| run.id == id) {
            Some(index) => index,
            None => {
                runs.push(Run {
                    id: id.to_owned(),
                    request: None,
                    state: RunState::UnderWay,
                    published: 0,
                    at: line.at,
                    error: None,
                });
                runs.len() - 1
            }
        };
        let run = &mut runs[index];
        run.at = line.at;
        match line.message() {
            Some("backfill requested") => {
                let request = line.text_of("request");
                run.request = request.and_then(|text| serde_json::from_str(text).ok());
            }
            Some("backfill cancelled") => run.state = RunState::Cancelled,
            Some("slice published") => {
                let published = line.field("published").and_then(Value::as_u64);
                run.published += published.unwrap_or_default();
                let is_last = line.field("finished") == Some(&Value::Bool(true));
                if is_last && run.state == RunState::UnderWay {
                    run.state = RunState::Done;
                }
                run.error = None;
            }
            _ => {}
        }
    }
    runs
}

impl fmt::Display for RunState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnderWay => "under way",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        })
    }
}

impl fmt::Display for RunList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.runs.is_empty() {
            let since = &self.since;
            return writeln!(
                formatter,
                "No replay and no snapshot since {since}. A longer time: --since 7d"
            );
        }
        let mut table = output::table(["ID", "STATE", "PUBLISHED", "NEWEST", "REQUEST"]);
        for run in &self.runs {
            let state = match &run.error {
                Some(error) => output::bad(format!("{}: {error}", run.state)),
                None => run.state.to_string(),
            };
            let request = run.request.as_ref();
            table.add_row([
                run.id.clone(),
                state,
                run.published.to_string(),
                time::second(run.at),
                request.map_or_else(|| "-".to_owned(), Value::to_string),
            ]);
        }
        formatter.write_str(&output::lines(&table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(second: u32, fields: Value) -> LogLine {
        let mut all = json!({"timestamp": format!("2026-11-26T11:00:{second:02}Z")});
        let more = fields.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(more);
        LogLine::new("content-events", Timestamp::UNIX_EPOCH, all.to_string())
    }

    fn slice(second: u32, id: &str, published: u64, finished: bool) -> LogLine {
        line(
            second,
            json!({"message": "slice published", "backfill": id, "published": published, "finished": finished}),
        )
    }

    #[test]
    fn each_run_has_its_request_its_events_and_its_state() {
        let request = json!({"snapshot": {"subscriber": "search"}});
        let lines = [
            line(
                0,
                json!({"message": "backfill requested", "backfill": "one", "request": request.to_string()}),
            ),
            slice(1, "one", 100, false),
            slice(2, "two", 100, false),
            slice(3, "one", 20, true),
            line(
                4,
                json!({"message": "invocation failed", "error": "backfill two cannot go on: locked"}),
            ),
            line(
                5,
                json!({"message": "backfill cancelled", "backfill": "three"}),
            ),
            // It was on its way, and was the last one.
            slice(6, "three", 7, true),
        ];
        let runs = of(&lines);
        let facts: Vec<_> = runs
            .iter()
            .map(|run| (&*run.id, run.state, run.published, run.error.as_deref()))
            .collect();
        assert_eq!(
            facts,
            [
                ("one", RunState::Done, 120, None),
                (
                    "two",
                    RunState::UnderWay,
                    100,
                    Some("backfill two cannot go on: locked")
                ),
                ("three", RunState::Cancelled, 7, None),
            ]
        );
        assert_eq!(runs[0].request, Some(request));
        assert_eq!(runs[0].at, lines[3].at);
    }
}
