//! Reads the directory, changes it, and replaces it unless another writer was first.

use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use wagrun_delivery::directory::{
    Directory, DirectoryObject, ETag, Read, ReadError, Replaced, WriteError, compile,
};
use wagrun_delivery::parameter_history::ParameterHistory;
use wagrun_delivery::subscriber::Rules;

use crate::config::Config;
use crate::parameter_store::{ParameterError, ParameterStore};

/// Number of times that another writer may be first before a run gives up.
pub(crate) const MAX_TURNS: u32 = 10;

/// Writes the directory.
#[derive(Debug)]
pub struct Writer {
    pub(crate) parameters: ParameterStore,
    pub(crate) history: ParameterHistory,
    pub(crate) object: DirectoryObject,
    pub(crate) rules: Rules,
    pub(crate) pauses: Pauses,
    pub(crate) clock: fn() -> Timestamp,
}

/// The pauses of a run.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// Time between two calls of a long reading.
    pub between_calls: Duration,
    /// Time after which a parameter is read again, when the first reading brings nothing new.
    pub before_second_reading: Duration,
    /// The longest time before the first new attempt, when another writer was first. It grows with each.
    pub after_conflict: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            // Twenty calls a second, of SSM's forty.
            between_calls: Duration::from_millis(50),
            before_second_reading: Duration::from_secs(2),
            after_conflict: Duration::from_millis(200),
        }
    }
}

/// The directory could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The parameters could not be read.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The directory could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The directory could not be encoded as JSON.
    #[error("cannot encode the subscriber directory")]
    Encode(#[source] serde_json::Error),
    /// The directory could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another writer was first each time.
    #[error("another writer replaced the subscriber directory {MAX_TURNS} times in a row")]
    Contended,
    /// The event is about a parameter elsewhere.
    #[error("parameter {0} is no subscriber's")]
    Elsewhere(String),
}

/// The directory as it was read.
pub(crate) enum Current {
    /// There is none.
    Missing,
    /// It is damaged, or has another format. It is to be replaced.
    Unusable(ETag),
    /// It can be used.
    Usable(ETag, Directory),
}

impl Writer {
    /// Uses the clients of this AWS configuration. Calls nothing yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of a deployed function"
    )]
    pub fn new(aws: &SdkConfig, config: Config) -> Self {
        Self::with(aws, config, Pauses::default(), Timestamp::now)
    }

    /// The same with other pauses and another clock, for tests.
    pub fn with(aws: &SdkConfig, config: Config, pauses: Pauses, clock: fn() -> Timestamp) -> Self {
        let ssm = aws_sdk_ssm::Client::new(aws);
        let path = config.subscribers_path.trim_end_matches('/').to_owned();
        Self {
            parameters: ParameterStore::new(ssm.clone(), path, pauses.between_calls),
            history: ParameterHistory::new(ssm),
            object: DirectoryObject::new(aws_sdk_s3::Client::new(aws), config.directory_bucket),
            rules: config.rules,
            pauses,
            clock,
        }
    }

    /// Reads the directory.
    pub(crate) async fn current(&self) -> Result<Current, WriterError> {
        Ok(match self.object.read(None).await? {
            // It was read without an ETag, so it cannot be unchanged.
            Read::Missing | Read::Unchanged => Current::Missing,
            Read::Found { etag, bytes } => match Directory::decode(&bytes) {
                Ok(directory) if directory.path == self.parameters.path() => {
                    Current::Usable(etag, directory)
                }
                Ok(_) => Current::Unusable(etag),
                Err(error) => {
                    tracing::error!(%error, "the subscriber directory is to be replaced");
                    Current::Unusable(etag)
                }
            },
        })
    }

    /// Returns the directory with new entries for these subscribers, whose parameters are read now.
    pub(crate) async fn refreshed(
        &self,
        directory: &Directory,
        subscribers: &[&str],
    ) -> Result<Directory, WriterError> {
        let mut readings = self.parameters.readings(subscribers).await?;
        let mut refreshed = directory.clone();
        for &subscriber in subscribers {
            match readings.remove(subscriber) {
                Some(reading) => {
                    let entry = compile(directory, subscriber, reading, &self.history).await;
                    refreshed.subscribers.insert(subscriber.to_owned(), entry);
                }
                None => {
                    refreshed.subscribers.remove(subscriber);
                }
            }
        }
        Ok(refreshed)
    }

    /// Replaces the directory that was read with this ETag.
    pub(crate) async fn replace(
        &self,
        read: Option<&ETag>,
        directory: &Directory,
    ) -> Result<Replaced, WriterError> {
        let bytes = directory.encode().map_err(WriterError::Encode)?;
        Ok(self.object.replace(read, bytes).await?)
    }

    /// Waits at random after another writer was first.
    pub(crate) async fn give_way(&self, turn: u32) {
        let longest = self.pauses.after_conflict * (turn + 1);
        tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
    }
}
