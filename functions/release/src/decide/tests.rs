mod migrate;
mod requested_image;
mod service;

use super::*;
use crate::decision::{Command, LogEntry, Notification};
use crate::image::{Image, RequestedImage};
use crate::observation::{DeploymentStatus, MigrateStatus, Readiness, ServiceStatus};
use crate::state::{DeployedImage, Release};

/// The digests of three images. Release 1 is of image A; B and C are requested later.
const A: &str = "sha256:aaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbb";
const C: &str = "sha256:cccccccccccccccc";

/// Returns the time this many seconds after release 1 started.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn image(digest: &str) -> Image {
    Image {
        digest: digest.to_owned(),
        tag: Some("prod".to_owned()),
    }
}

fn requested(digest: &str, seconds: i64) -> RequestedImage {
    RequestedImage {
        image: image(digest),
        requested_at: at(seconds),
    }
}

fn push(digest: &str, seconds: i64) -> Signal {
    Signal::ImagePushed(requested(digest, seconds))
}

/// Returns the state in which release 1 of image A entered this phase at second 0.
fn releasing(phase: Phase) -> State {
    let mut release = Release::start(1, image(A), at(0));
    release.phase = phase;
    State {
        sequence: 1,
        newest_request: Some(requested(A, 0)),
        current: Some(release),
        ..State::default()
    }
}

fn updating(update_accepted: bool) -> State {
    releasing(Phase::UpdatingMigrate { update_accepted })
}

fn migrating(attempts: u8) -> State {
    releasing(Phase::Migrating { attempts })
}

fn deploying(deployment_id: Option<&str>) -> State {
    let deployment_id = deployment_id.map(str::to_owned);
    releasing(Phase::Deploying { deployment_id })
}

/// Returns the same state with image B as the next one.
fn with_next(mut state: State) -> State {
    state.next = Some(requested(B, 1));
    state.newest_request = Some(requested(B, 1));
    state
}

/// Decides on a signal that needs no observation.
fn on_signal(state: State, signal: &Signal, seconds: i64) -> Decision {
    decide(state, signal, &Observation::NotNeeded, at(seconds))
}

/// Decides on a check.
fn on_check(state: State, observation: &Observation, seconds: i64) -> Decision {
    decide(state, &Signal::Check, observation, at(seconds))
}

fn migrate_ended(digest: &str, result: Result<usize, &str>) -> Signal {
    Signal::MigrateEnded {
        digest: digest.to_owned(),
        result: result.map_err(str::to_owned),
    }
}

fn deployment_accepted(id: &str) -> Signal {
    Signal::DeploymentAccepted {
        deployment_id: id.to_owned(),
    }
}

fn phase(decision: &Decision) -> Option<&Phase> {
    let current = decision.state.current.as_ref();
    current.map(|release| &release.phase)
}

/// Returns the reasons for which the signal was ignored.
fn ignored(decision: &Decision) -> Vec<&str> {
    let entries = decision.log.iter();
    let reasons = entries.filter_map(|entry| match entry {
        LogEntry::SignalIgnored(reason) => Some(*reason),
        _ => None,
    });
    reasons.collect()
}

/// Returns the digests of images that are not released, each with the newer image's.
fn superseded(decision: &Decision) -> Vec<(&str, &str)> {
    let entries = decision.log.iter();
    let digests = entries.filter_map(|entry| match entry {
        LogEntry::ImageSuperseded { old, new } => Some((old.digest.as_str(), new.digest.as_str())),
        _ => None,
    });
    digests.collect()
}

/// Returns the kinds of the notifications, with the number of their release.
fn notified(decision: &Decision) -> Vec<(&str, u64)> {
    let notifications = decision.notifications.iter();
    let kinds = notifications.map(|notification| match notification {
        Notification::Deployed(release) => ("deployed", release.sequence),
        Notification::Failed { release, .. } => ("failed", release.sequence),
        Notification::ServicePaused(release) => ("paused", release.sequence),
    });
    kinds.collect()
}

#[test]
fn a_refused_command_fails_the_release_and_a_deferred_one_is_tried_again() {
    let table = [
        (Signal::CommandRefused("no".to_owned()), 1, Some("no")),
        (Signal::CommandDeferred("wait".to_owned()), 599, None),
        (
            Signal::CommandDeferred("wait".to_owned()),
            600,
            Some("wait"),
        ),
    ];
    for state in [updating(false), deploying(None)] {
        for (signal, seconds, reason) in table.clone() {
            let decision = on_signal(state.clone(), &signal, seconds);
            let failure = decision.state.last_failure.as_ref();
            assert_eq!(failure.map(|failure| failure.reason.as_str()), reason);
            let next_step = if reason.is_none() {
                NextStep::RetryLater
            } else {
                NextStep::Done
            };
            assert_eq!(decision.next_step, next_step);
        }
    }
}
