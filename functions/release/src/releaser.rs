//! Handles one message, top to bottom: read it, observe, decide, notify, save, execute; until nothing is left to do.

use std::ops::ControlFlow;

use aws_config::SdkConfig;
use jiff::Timestamp;
use tracing::Instrument;

use crate::aws_error::AwsError;
use crate::config::Config;
use crate::decide::decide;
use crate::decision::{Command, NextStep};
use crate::image::{ImageReference, RequestedImage};
use crate::image_repository::{ImageRepository, ResolveError};
use crate::log;
use crate::message::{Message, MessageError};
use crate::migrate_function::MigrateFunction;
use crate::notifier::{Notifier, NotifyError};
use crate::observation::Observation;
use crate::signal::Signal;
use crate::state::{Phase, State};
use crate::state_store::{StateStore, StateStoreError};
use crate::web_service::WebService;

/// The limit of decisions on one message. A failure, the next image, its command and the answer need fewer.
const MAX_DECISIONS: usize = 16;

/// Carries releases out, with a client for each AWS service.
#[derive(Debug)]
pub struct Releaser {
    config: Config,
    store: StateStore,
    images: ImageRepository,
    migrate: MigrateFunction,
    service: WebService,
    notifier: Notifier,
    clock: fn() -> Timestamp,
}

/// A message as it was received from the queue.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedMessage<'a> {
    /// The body.
    pub body: &'a str,
    /// The time at which it was sent.
    pub sent_at: Timestamp,
    /// The number of times that it was received, from 1.
    pub receive_count: u32,
}

/// The outcome of a message that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageOutcome {
    /// The message is done.
    Done,
    /// The message has to be handled again after a while.
    RetryLater,
}

/// The message could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The message is malformed or unknown.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The message names no image.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The state cannot be read or saved.
    #[error(transparent)]
    Store(#[from] StateStoreError),
    /// AWS gave no answer to an observation or a command.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A notification could not be sent.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// The decisions did not come to an end. This is a bug in `decide`.
    #[error("no end after {MAX_DECISIONS} decisions; the release is {phase}")]
    Endless {
        /// The phase of the current release.
        phase: &'static str,
    },
}

impl ReleaseError {
    /// Returns true when the message may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Message(_) => false,
            Self::Resolve(error) => matches!(error, ResolveError::Aws(_)),
            _ => true,
        }
    }
}

impl Releaser {
    /// Creates the releaser of a stack. The clock returns the present time.
    pub fn new(config: Config, sdk: &SdkConfig, clock: fn() -> Timestamp) -> Self {
        Self {
            store: StateStore::new(
                aws_sdk_ssm::Client::new(sdk),
                config.state_parameter.clone(),
            ),
            images: ImageRepository::new(aws_sdk_ecr::Client::new(sdk), &config.repository),
            migrate: MigrateFunction::new(
                aws_sdk_lambda::Client::new(sdk),
                config.migrate_function.clone(),
                config.repository.clone(),
            ),
            service: WebService::new(&config.platform, sdk),
            notifier: Notifier::new(aws_sdk_sns::Client::new(sdk), &config),
            config,
            clock,
        }
    }

    /// Loads the state.
    pub async fn state(&self) -> Result<State, StateStoreError> {
        self.store.load().await
    }

    /// Adds the digest to a reference, so that an operator learns at once of a mistyped tag.
    pub async fn resolve(
        &self,
        reference: &ImageReference,
    ) -> Result<ImageReference, ResolveError> {
        let image = self.images.resolve(reference).await?;
        Ok(ImageReference {
            tag: image.tag,
            digest: Some(image.digest),
        })
    }

    /// Handles a message. The caller ensures that no other message is handled at the same time.
    pub async fn handle(
        &self,
        message: &ReceivedMessage<'_>,
    ) -> Result<MessageOutcome, ReleaseError> {
        let mut signal = match Message::parse(message.body, &self.config)? {
            Message::Signal(signal) => signal,
            Message::Deploy(reference) => Signal::ImageRequested(RequestedImage {
                image: self.images.resolve(&reference).await?,
                requested_at: message.sent_at,
            }),
            Message::Unrelated(reason) => {
                tracing::info!(reason, "release message ignored");
                return Ok(MessageOutcome::Done);
            }
        };
        let mut state = self.store.load().await?;
        for _ in 0..MAX_DECISIONS {
            let span = log::signal_span(&signal);
            let advanced = self.advance(&mut state, &signal, message.receive_count);
            signal = match advanced.instrument(span).await? {
                ControlFlow::Continue(answer) => answer,
                ControlFlow::Break(outcome) => return Ok(outcome),
            };
        }
        let phase = state.current.map(|release| release.phase.name());
        Err(ReleaseError::Endless {
            phase: phase.unwrap_or("over"),
        })
    }

    /// Makes one decision and carries it out. Returns the next signal, or the outcome of the message.
    async fn advance(
        &self,
        state: &mut State,
        signal: &Signal,
        receive_count: u32,
    ) -> Result<ControlFlow<MessageOutcome, Signal>, ReleaseError> {
        let now = (self.clock)();
        let observation = self.observe(state, signal).await?;
        let decision = decide(state.clone(), signal, &observation, now);
        for entry in &decision.log {
            log::write(entry, receive_count);
        }
        for notification in &decision.notifications {
            let span = log::release_span(notification.release());
            let sent = self.notifier.send(notification, now);
            sent.instrument(span).await?;
        }
        if decision.state != *state {
            self.store.save(&decision.state).await?;
            *state = decision.state;
        }
        let span = (state.current.as_ref()).map_or_else(tracing::Span::none, log::release_span);
        Ok(match decision.next_step {
            NextStep::Done => ControlFlow::Break(MessageOutcome::Done),
            NextStep::RetryLater => {
                let observation = observation.to_string();
                span.in_scope(|| tracing::info!(observation, "release message put back"));
                ControlFlow::Break(MessageOutcome::RetryLater)
            }
            NextStep::Check => ControlFlow::Continue(Signal::Check),
            NextStep::Execute(command) => {
                ControlFlow::Continue(self.execute(&command).instrument(span).await?)
            }
        })
    }

    /// Observes what the current phase waits for. Only a check and an event of the platform need an observation.
    async fn observe(&self, state: &State, signal: &Signal) -> Result<Observation, AwsError> {
        let Some(release) = &state.current else {
            return Ok(Observation::NotNeeded);
        };
        if !matches!(signal, Signal::Check | Signal::ServiceChanged { .. }) {
            return Ok(Observation::NotNeeded);
        }
        match release.phase {
            Phase::UpdatingMigrate { .. } => Ok(Observation::Migrate(self.migrate.status().await?)),
            Phase::Migrating { .. } => Ok(Observation::NotNeeded),
            Phase::Deploying { .. } | Phase::WaitingForResume | Phase::WaitingForService => {
                let uri = release.image.uri(&self.config.repository);
                let status = self.service.status(release, &uri).await?;
                Ok(Observation::Service(status))
            }
        }
    }

    /// Executes a command and returns its answer.
    async fn execute(&self, command: &Command) -> Result<Signal, AwsError> {
        let answer = match command {
            Command::UpdateMigrate(image) => self.migrate.update(image).await?,
            Command::InvokeMigrate(image) => self.migrate.invoke(image).await?,
            Command::DeployToService(image) => {
                let uri = image.uri(&self.config.repository);
                self.service.deploy(&uri).await?
            }
        };
        tracing::info!(
            command = command.name(),
            answer.kind = answer.kind(),
            answer.detail = answer.detail(),
            "release command executed"
        );
        Ok(answer)
    }
}
