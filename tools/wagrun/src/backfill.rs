//! `wagrun replay`, `snapshot` and `cancel`: what a subscriber missed, or the present state. A plan comes first, then the progress.
//!
//! content-events does the work, slice by slice, also when this command is interrupted. `wagrun replays` shows the progress then.

mod plan;
mod runs;

use std::fmt;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::CommandError;
use crate::filter::FilterArguments;
use crate::function::{Function, invoke};
use crate::output::{Output, Verdict, counted};
use crate::stack::Stack;
use crate::time;

pub use runs::{Runs, runs};

/// The wait between two questions for the progress. Each is an invocation of content-events.
const POLL: Duration = Duration::from_secs(2);

/// The arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Name of the subscriber; all subscribers and queues get the events again if left out
    #[arg(long)]
    subscriber: Option<String>,
    /// Beginning: a time, or the time since (15m, 3h, 2d)
    #[arg(long)]
    since: Option<String>,
    /// End: a time, or the time since
    #[arg(long)]
    until: Option<String>,
    /// Type of the events, such as 'wagtail.page.*'
    #[arg(long = "type", visible_alias = "types", value_name = "PATTERN")]
    kind: Option<String>,
    /// One object, such as page/4
    #[arg(long, visible_alias = "object")]
    subject: Option<String>,
    /// Path of a URL: only pages at and below it
    #[arg(long)]
    under: Option<String>,
    #[command(flatten)]
    run: Run,
}

/// The arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct Snapshot {
    /// Name of the subscriber
    #[arg(long)]
    subscriber: String,
    #[command(flatten)]
    filter: FilterArguments,
    #[command(flatten)]
    run: Run,
}

/// The way in which a request is run.
#[derive(Debug, Args)]
pub struct Run {
    /// Show the plan, and do nothing but count the events; wakes the database
    #[arg(long)]
    plan: bool,
    /// Leave the count out of the plan, so that no database is woken
    #[arg(long, requires = "plan")]
    no_count: bool,
    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The arguments of `cancel`.
#[derive(Debug, Args)]
pub struct Cancel {
    /// Id of the replay or snapshot; `wagrun replays` shows it
    id: Uuid,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The progress of a request.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    id: Uuid,
    published: u64,
    finished: bool,
    /// The way in which it ended: `done` or `cancelled`.
    #[serde(default)]
    outcome: Option<String>,
}

/// A run that was cancelled.
#[derive(Debug, Serialize)]
struct Cancelled {
    #[serde(flatten)]
    progress: Progress,
}

/// The part of content-events' answer that is about the request.
#[derive(Debug, Deserialize)]
struct Answer {
    backfill: Progress,
}

/// Publishes events again.
pub async fn replay(
    arguments: &Replay,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let now = time::now();
    let mut fields = Map::new();
    let times = [
        ("since", "--since", &arguments.since),
        ("until", "--until", &arguments.until),
    ];
    for (field, flag, text) in times {
        if let Some(text) = text {
            let at = time::parse(flag, text, now)?;
            fields.insert(field.to_owned(), at.to_string().into());
        }
    }
    let texts = [
        ("subscriber", &arguments.subscriber),
        ("type", &arguments.kind),
        ("subject", &arguments.subject),
        ("under", &arguments.under),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            fields.insert(field.to_owned(), text.as_str().into());
        }
    }
    if !fields.keys().any(|field| field != "subscriber") {
        return Err(CommandError::argument(
            "replay",
            "at least one of --since, --until, --type, --subject and --under is needed; everything is --since 1970-01-01T00:00:00Z",
        ));
    }
    let plan = plan::of_replay(stack, arguments.subscriber.as_deref()).await?;
    start(
        &json!({"replay": fields}),
        plan,
        &arguments.run,
        stack,
        output,
    )
    .await
}

/// Sends the present state.
pub async fn snapshot(
    arguments: &Snapshot,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let plan = plan::of_snapshot(stack, &arguments.subscriber).await?;
    let mut fields = Map::new();
    arguments.filter.add_to(&mut fields);
    let subscriber = arguments.subscriber.as_str();
    fields.insert("subscriber".to_owned(), subscriber.into());
    start(
        &json!({"snapshot": fields}),
        plan,
        &arguments.run,
        stack,
        output,
    )
    .await
}

/// Ends a replay or snapshot.
pub async fn cancel(
    arguments: &Cancel,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    stack.consent_to_wake(output, arguments.yes)?;
    let progress = ask(stack, &json!({"cancel": arguments.id})).await?;
    output.report(&Cancelled { progress })?;
    Ok(Verdict::Good)
}

/// Shows the plan, asks, requests the work, and waits for its end.
async fn start(
    payload: &Value,
    mut plan: plan::Plan,
    run: &Run,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    if run.plan {
        if !run.no_count {
            stack.consent_to_wake(output, run.yes)?;
            let wait = output.wait("counting the events");
            let count = plan.count(stack, payload).await;
            wait.finish_and_clear();
            count?;
        }
        output.report(&plan)?;
        return Ok(Verdict::Good);
    }
    output.consent(&plan.question(), run.yes)?;
    let wait = output.wait("asking content-events, which wakes a sleeping database");
    // It answers as soon as the request is stored, so that it has an id from then on.
    let mut request = payload.clone();
    request["wait"] = false.into();
    let mut progress = ask(stack, &request).await;
    if let Ok(begun) = &progress
        && !run.no_wait
    {
        wait.suspend(|| {
            output.tell(format!("{} {} is under way", plan.kind(), begun.id));
        });
    }
    while let Ok(now) = &progress
        && !now.finished
        && !run.no_wait
    {
        wait.set_message(format!(
            "{} events published; Ctrl-C leaves it running, `wagrun cancel {}` ends it",
            now.published, now.id
        ));
        tokio::time::sleep(POLL).await;
        progress = ask(stack, &json!({"progress": now.id})).await;
    }
    wait.finish_and_clear();
    let progress = progress?;
    let is_cancelled = progress.is_cancelled();
    output.report(&progress)?;
    Ok(Verdict::good_if(!is_cancelled))
}

async fn ask(stack: &Stack, payload: &Value) -> Result<Progress, CommandError> {
    let answer = invoke(stack, Function::ContentEvents, payload).await?;
    let answer = Answer::deserialize(answer).map_err(|source| CommandError::Answer {
        what: "the answer of content-events",
        source,
    })?;
    Ok(answer.backfill)
}

impl Progress {
    fn is_cancelled(&self) -> bool {
        self.outcome.as_deref() == Some("cancelled")
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { id, published, .. } = &self.progress;
        let published = counted(*published, "event was", "events were");
        writeln!(
            formatter,
            "It is cancelled. {published} published before. ({id})"
        )
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, published, .. } = self;
        if self.is_cancelled() {
            let published = counted(*published, "event was", "events were");
            return writeln!(
                formatter,
                "It was cancelled by somebody. {published} published before. ({id})"
            );
        }
        match (self.finished, published) {
            (true, 0) => writeln!(formatter, "Nothing matched; no event was published. ({id})"),
            (true, &published) => writeln!(
                formatter,
                "{} published; a subscriber gets those that its filter lets pass. ({id})",
                counted(published, "event was", "events were")
            ),
            (false, &published) => writeln!(
                formatter,
                "{} published so far; it goes on by itself. Its progress: wagrun replays. End it: wagrun cancel {id}",
                counted(published, "event was", "events were")
            ),
        }
    }
}
