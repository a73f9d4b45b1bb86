//! `wagrun release` and `releases`: brings an image into service and follows it to the end.

use std::fmt;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;
use crate::status::{Image, ReleaseState};
use crate::time;

/// The wait between two looks at the state.
const POLL: Duration = Duration::from_secs(5);

/// The arguments of `release`.
#[derive(Debug, Args)]
pub struct Release {
    /// Tag or digest (sha256:…) of the image
    image: String,
    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,
}

/// The state of the releases.
#[derive(Debug, Serialize)]
struct Releases {
    #[serde(flatten)]
    state: ReleaseState,
}

/// A release that was requested.
#[derive(Debug, Serialize)]
struct Requested {
    #[serde(flatten)]
    answer: Value,
}

/// Releases an image.
pub async fn release(
    arguments: &Release,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    Function::Release.deployed(stack)?;
    let before = ReleaseState::read(stack).await?;
    let kind = match arguments.image.starts_with("sha256:") {
        true => "digest",
        false => "tag",
    };
    let payload = json!({"deploy": {kind: arguments.image}});
    let answer = invoke(stack, Function::Release, &payload).await?;
    if arguments.no_wait {
        output.report(&Requested { answer })?;
        return Ok(Verdict::Good);
    }
    let digest = find_digest(&answer).unwrap_or_else(|| arguments.image.clone());
    let wait = output.wait(format!("{digest} waits for its turn"));
    let state = loop {
        let state = ReleaseState::read(stack).await?;
        if let Some(current) = state
            .current
            .as_ref()
            .filter(|one| one.image.digest == digest)
        {
            let since = time::clock(current.phase_started_at);
            wait.set_message(format!(
                "release {} {} since {since}",
                current.sequence, current.phase
            ));
        } else if state.is_over(&digest, &before) {
            break state;
        }
        tokio::time::sleep(POLL).await;
    };
    wait.finish_and_clear();
    let succeeded = state.deployed_digest() == Some(&digest) && !state.has_failed_since(&before);
    output.report(&Releases { state })?;
    Ok(Verdict::good_if(succeeded))
}

/// Shows the state of the releases.
pub async fn releases(stack: &Stack, output: &Output) -> Result<Verdict, CommandError> {
    Function::Release.deployed(stack)?;
    let state = ReleaseState::read(stack).await?;
    output.report(&Releases { state })?;
    Ok(Verdict::Good)
}

/// Returns the digest in the answer of release, wherever it stands.
fn find_digest(answer: &Value) -> Option<String> {
    match answer {
        Value::Object(fields) => match fields.get("digest").and_then(Value::as_str) {
            Some(digest) => Some(digest.to_owned()),
            None => fields.values().find_map(find_digest),
        },
        _ => None,
    }
}

impl fmt::Display for Requested {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = find_digest(&self.answer).unwrap_or_default();
        writeln!(
            formatter,
            "{digest} is queued. Its progress: wagrun releases"
        )
    }
}

impl fmt::Display for Releases {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, value: &dyn fmt::Display| writeln!(formatter, "{name:<11} {value}");
        let image = |image: &Image| match &image.tag {
            Some(tag) => format!("{tag} ({})", image.digest),
            None => image.digest.clone(),
        };
        let state = &self.state;
        match &state.current {
            None => line("under way", &"nothing")?,
            Some(current) => line(
                "under way",
                &format_args!(
                    "release {} of {}, {} since {}",
                    current.sequence,
                    image(&current.image),
                    current.phase,
                    time::second(current.phase_started_at)
                ),
            )?,
        }
        if let Some(next) = &state.next {
            line("next", &image(next))?;
        }
        if let Some(deployed) = &state.deployed {
            let at = time::second(deployed.deployed_at);
            line(
                "in service",
                &format_args!("{} since {at}", image(&deployed.image)),
            )?;
        }
        if let Some(failure) = &state.last_failure {
            let text = format!(
                "release {} of {} failed while {} at {}: {}",
                failure.sequence,
                image(&failure.image),
                failure.phase,
                time::second(failure.failed_at),
                failure.reason
            );
            line("failed", &output::bad(text))?;
        }
        Ok(())
    }
}
