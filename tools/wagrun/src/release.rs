//! `wagrun release` and `releases`: brings an image into service and follows it to the end.

mod progress;

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

use progress::Progress;

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

/// The state of releases that a stack does not have.
#[derive(Debug, Serialize)]
struct SwitchedOff {
    enabled: bool,
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
    let digest = digest_of(&answer)?;
    let (state, verdict) = follow(stack, output, &digest, &before, POLL).await?;
    output.report(&Releases { state })?;
    Ok(verdict)
}

/// Waits until the release of this image has ended. Returns the last state that was seen.
async fn follow(
    stack: &Stack,
    output: &Output,
    digest: &str,
    before: &ReleaseState,
    poll: Duration,
) -> Result<(ReleaseState, Verdict), CommandError> {
    let requested_at = time::now();
    let wait = output.wait(format!("{digest} waits for its turn"));
    loop {
        let state = ReleaseState::read(stack).await?;
        let verdict = match Progress::of(&state, digest, before, requested_at) {
            Progress::Waits => None,
            Progress::UnderWay(current) => {
                let since = time::clock(current.phase_started_at);
                wait.set_message(format!(
                    "release {} {} since {since}",
                    current.sequence, current.phase
                ));
                None
            }
            Progress::InService => Some(Verdict::Good),
            Progress::Failed(_) => Some(Verdict::Bad),
            Progress::Superseded(newer) => {
                output.tell(format!(
                    "{digest} is not released, because {newer} was requested after it"
                ));
                Some(Verdict::Bad)
            }
        };
        if let Some(verdict) = verdict {
            wait.finish_and_clear();
            return Ok((state, verdict));
        }
        tokio::time::sleep(poll).await;
    }
}

/// Shows the state of the releases.
pub async fn releases(stack: &Stack, output: &Output) -> Result<Verdict, CommandError> {
    if stack.optional("ReleaseFunctionName").is_none() {
        output.report(&SwitchedOff { enabled: false })?;
        return Ok(Verdict::Good);
    }
    let state = ReleaseState::read(stack).await?;
    output.report(&Releases { state })?;
    Ok(Verdict::Good)
}

/// Returns the digest of the image that release has put on its queue.
fn digest_of(answer: &Value) -> Result<String, CommandError> {
    let digest = answer["queued"]["deploy"]["digest"].as_str();
    digest.map(str::to_owned).ok_or_else(|| {
        CommandError::argument("the answer of release", format!("{answer} names no digest"))
    })
}

impl fmt::Display for SwitchedOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "Releases are switched off (ReleaseTag, docs/releases.md)."
        )
    }
}

impl fmt::Display for Requested {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.answer["queued"]["deploy"]["digest"].as_str();
        writeln!(
            formatter,
            "{} is queued. Its progress: wagrun releases",
            digest.unwrap_or_default()
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

#[cfg(test)]
mod tests;
