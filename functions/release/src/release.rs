//! One message, top to bottom: read it, look, decide, tell, save, order; and again until nothing is left to do.

use aws_config::SdkConfig;
use jiff::Timestamp;

use crate::announce::{AnnounceError, Announcer};
use crate::call::CallError;
use crate::config::Config;
use crate::images::{Images, ResolveError};
use crate::migrate::Migrate;
use crate::platform::Platform;
use crate::state::{Phase, State, Wish};
use crate::step::step;
use crate::store::{Store, StoreError};
use crate::trigger::{Reference, Trigger, TriggerError};
use crate::words::{Event, Note, Observed, Order, Then};

/// More decisions than one message can bring about: a failure, the next image, its order, an answer.
const MOST_STEPS: usize = 16;

/// What releasing needs.
#[derive(Debug)]
pub struct Releaser {
    config: Config,
    store: Store,
    images: Images,
    migrate: Migrate,
    platform: Platform,
    announcer: Announcer,
    clock: fn() -> Timestamp,
}

/// A message of the queue, received once more.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What it says.
    pub body: &'a str,
    /// When it was put into the queue.
    pub sent_at: Timestamp,
    /// How often it was received, from 1.
    pub receives: u32,
}

/// What becomes of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is done.
    Done,
    /// It comes again in a moment.
    Again,
}

/// The message comes again, or, when that can't help, goes to the dead-letter queue.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Nobody understands it.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// It names no image.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The state is not known, or can't be saved.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else's API gives no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Nobody could be told.
    #[error(transparent)]
    Announce(#[from] AnnounceError),
    /// A fault of ours.
    #[error("no end after {MOST_STEPS} decisions; the release is {0}")]
    Endless(String),
}

impl ReleaseError {
    /// Whether the message may succeed another time.
    pub fn is_worth_waiting(&self) -> bool {
        match self {
            Self::Trigger(_) => false,
            Self::Resolve(error) => matches!(error, ResolveError::Call(_)),
            _ => true,
        }
    }
}

impl Releaser {
    /// With a client for each service.
    pub fn new(config: Config, sdk: &SdkConfig, clock: fn() -> Timestamp) -> Self {
        Self {
            store: Store::new(
                aws_sdk_ssm::Client::new(sdk),
                config.state_parameter.clone(),
            ),
            images: Images::new(aws_sdk_ecr::Client::new(sdk), &config.repository),
            migrate: Migrate::new(
                aws_sdk_lambda::Client::new(sdk),
                config.migrate_function.clone(),
                config.repository.clone(),
            ),
            platform: Platform::new(&config.platform, sdk),
            announcer: Announcer::new(aws_sdk_sns::Client::new(sdk), &config),
            config,
            clock,
        }
    }

    /// How things stand.
    pub async fn state(&self) -> Result<State, StoreError> {
        self.store.load().await
    }

    /// The request with the image looked up, so that a mistyped one is refused to whoever typed it.
    pub async fn pinned(&self, reference: &Reference) -> Result<Reference, ResolveError> {
        let image = self.images.resolve(reference).await?;
        Ok(Reference {
            tag: image.tag,
            digest: Some(image.digest),
        })
    }

    /// Does everything that a message brings about. Nobody else may be doing so at the same time.
    pub async fn handle(&self, message: &Message<'_>) -> Result<Handled, ReleaseError> {
        let mut event = match Trigger::parse(message.body, &self.config)? {
            Trigger::Event(event) => event,
            Trigger::Deploy(reference) => Event::Asked(Wish {
                image: self.images.resolve(&reference).await?,
                at: message.sent_at,
            }),
            Trigger::Foreign(why) => {
                tracing::info!(reason = why, "ignored");
                return Ok(Handled::Done);
            }
        };
        let mut state = self.store.load().await?;
        for _ in 0..MOST_STEPS {
            let now = (self.clock)();
            let observed = self.observe(&state, &event).await?;
            let decided = step(state.clone(), &event, &observed, now);
            for note in &decided.notes {
                log(note, &event, message.receives);
            }
            for tell in &decided.tell {
                self.announcer.tell(tell, now).await?;
            }
            if decided.state != state {
                self.store.save(&decided.state).await?;
                state = decided.state;
            }
            event = match decided.then {
                Then::Done => return Ok(Handled::Done),
                Then::Again => {
                    tracing::info!(
                        ?event,
                        ?observed,
                        "not yet: the message goes back for a moment"
                    );
                    return Ok(Handled::Again);
                }
                Then::Look => Event::Look,
                Then::Order(order) => self.order(&order).await?,
            };
        }
        let phase = state.current.map(|release| release.phase.name());
        Err(ReleaseError::Endless(phase.unwrap_or("over").to_owned()))
    }

    /// Looks at what the phase is about, when the event is one to look for.
    async fn observe(&self, state: &State, event: &Event) -> Result<Observed, CallError> {
        let Some(release) = &state.current else {
            return Ok(Observed::Nothing);
        };
        if !matches!(event, Event::Look | Event::ServiceChanged { .. }) {
            return Ok(Observed::Nothing);
        }
        match release.phase {
            Phase::UpdatingMigrate { .. } => Ok(Observed::Migrate(self.migrate.look().await?)),
            Phase::Migrating { .. } => Ok(Observed::Nothing),
            Phase::Rolling { .. } | Phase::WaitingForResume | Phase::WaitingForService => {
                let image = self.uri(&release.image.digest);
                let service = self.platform.look(release, &image).await?;
                Ok(Observed::Service(service))
            }
        }
    }

    async fn order(&self, order: &Order) -> Result<Event, CallError> {
        let answer = match order {
            Order::UpdateMigrate(image) => self.migrate.update(image).await?,
            Order::InvokeMigrate(image) => self.migrate.invoke(image).await?,
            Order::Roll(image) => self.platform.roll(&self.uri(&image.digest)).await?,
        };
        tracing::info!(?order, ?answer, "ordered");
        Ok(answer)
    }

    fn uri(&self, digest: &str) -> String {
        format!("{}@{digest}", self.config.repository)
    }
}

fn log(note: &Note, event: &Event, receives: u32) {
    match note {
        Note::Begins(release) => tracing::info!(
            release.sequence,
            release.digest = release.image.digest,
            release.tag = release.image.tag,
            "release begins"
        ),
        Note::Reached(release) => tracing::info!(
            release.sequence,
            release.digest = release.image.digest,
            release.phase = release.phase.name(),
            "release goes on"
        ),
        Note::Superseded(old, new) => tracing::info!(
            release.digest = old.digest,
            release.tag = old.tag,
            superseded_by = new.digest,
            "superseded, and not released"
        ),
        // A message that comes again while it waits for something else is ignored as often.
        Note::Ignored(why) if receives == 1 => tracing::info!(?event, reason = why, "ignored"),
        Note::Ignored(why) => tracing::debug!(?event, reason = why, "ignored"),
    }
}
