//! A decision: the next state, and what is to be done about it.

use jiff::Timestamp;

use crate::image::Image;
use crate::state::{DeployedImage, Phase, Release, State};

/// The result of one signal. Its methods make the changes that several signals have in common.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// The state to save.
    pub state: State,
    /// The notifications to send before the state is saved.
    pub notifications: Vec<Notification>,
    /// The lines to log.
    pub log: Vec<LogEntry>,
    /// The step to take after the state is saved.
    pub next_step: NextStep,
}

/// A notification for programs (event topic), for people (alarm topic), or for both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// The image of this release serves.
    Deployed(Release),
    /// The release failed.
    Failed {
        /// The release, in the phase that failed.
        release: Release,
        /// The whole reason.
        reason: String,
    },
    /// The release waits until somebody resumes the web service.
    ServicePaused(Release),
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A release started.
    ReleaseStarted(Release),
    /// A release entered a phase.
    PhaseEntered(Release),
    /// An image is not released, because a newer one was requested.
    ImageSuperseded {
        /// The image that is not released.
        old: Image,
        /// The newer image.
        new: Image,
    },
    /// The signal changes nothing, for this reason.
    SignalIgnored(&'static str),
}

/// The step that follows a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// The message is done. The next message continues the release.
    Done,
    /// The message goes back to the queue and is handled again after a while.
    RetryLater,
    /// The release is checked at once.
    Check,
    /// A command is executed. Its answer is the next signal.
    Execute(Command),
}

/// A call that changes something in AWS. Repeating it does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Gives the image to the function migrate.
    UpdateMigrate(Image),
    /// Invokes migrate.
    InvokeMigrate(Image),
    /// Deploys the image to the web service.
    DeployToService(Image),
}

impl Command {
    /// Returns the name of the command for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UpdateMigrate(_) => "update-migrate",
            Self::InvokeMigrate(_) => "invoke-migrate",
            Self::DeployToService(_) => "deploy-to-service",
        }
    }
}

impl Notification {
    /// Returns the release that the notification is about.
    pub fn release(&self) -> &Release {
        match self {
            Self::Deployed(release) | Self::ServicePaused(release) => release,
            Self::Failed { release, .. } => release,
        }
    }
}

impl Decision {
    /// Creates the decision that changes nothing.
    pub fn unchanged(state: State) -> Self {
        Self {
            state,
            notifications: Vec::new(),
            log: Vec::new(),
            next_step: NextStep::Done,
        }
    }

    /// Starts a release of the image, and checks it at once.
    pub fn start_release(&mut self, image: Image, now: Timestamp) {
        self.state.sequence += 1;
        let release = Release::start(self.state.sequence, image, now);
        self.log.push(LogEntry::ReleaseStarted(release.clone()));
        self.state.current = Some(release);
        self.next_step = NextStep::Check;
    }

    /// Puts the current release into a phase.
    pub fn enter_phase(&mut self, phase: Phase, now: Timestamp) {
        if let Some(release) = &mut self.state.current
            && release.enter(phase, now)
        {
            self.log.push(LogEntry::PhaseEntered(release.clone()));
        }
    }

    /// Ends the current release with success, and starts the next one.
    pub fn succeed(&mut self, now: Timestamp) {
        if let Some(release) = self.state.current.take() {
            self.state.deployed = Some(DeployedImage {
                image: release.image.clone(),
                deployed_at: now,
            });
            self.notifications.push(Notification::Deployed(release));
            self.start_next(now);
        }
    }

    /// Ends the current release with a failure, and starts the next one.
    pub fn fail(&mut self, reason: &str, now: Timestamp) {
        if let Some(release) = self.state.current.take() {
            self.state.last_failure = Some(release.failure(reason, now));
            self.notifications.push(Notification::Failed {
                release,
                reason: reason.to_owned(),
            });
            self.start_next(now);
        }
    }

    fn start_next(&mut self, now: Timestamp) {
        self.next_step = NextStep::Done;
        if let Some(next) = self.state.next.take() {
            self.start_release(next.image, now);
        }
    }

    /// Logs that an image is not released.
    pub fn supersede(&mut self, old: Image, new: &Image) {
        let new = new.clone();
        self.log.push(LogEntry::ImageSuperseded { old, new });
    }

    /// Logs that the signal changes nothing, and continues the current release.
    pub fn ignore(&mut self, reason: &'static str) {
        self.log.push(LogEntry::SignalIgnored(reason));
        self.continue_release();
    }

    /// Checks the current release at once if only messages drive its phase.
    ///
    /// AWS sends no event in such a phase, so a message about something else has to continue it.
    pub fn continue_release(&mut self) {
        let is_driven_by_messages = self.state.current.as_ref().is_some_and(|release| {
            matches!(
                release.phase,
                Phase::UpdatingMigrate { .. }
                    | Phase::Deploying {
                        deployment_id: None
                    }
            )
        });
        self.next_step = if is_driven_by_messages {
            NextStep::Check
        } else {
            NextStep::Done
        };
    }
}
