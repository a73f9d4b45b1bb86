//! The stack's subscribers, read from the directory, or from SSM itself where the directory does not suffice.

use std::{sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use jiff::Timestamp;

use super::definition::Rules;
use super::earlier_versions::EarlierVersions;
use super::single::{ReadSubscriberError, SingleSubscribers};
use super::subscribers::Subscribers;
use crate::directory::{DirectoryCache, DirectoryFault, DirectoryObject, Known};
use crate::parameter_cache::{self, ParameterCache};
use crate::parameter_history::ParameterHistory;

/// Number of subscribers up to which all parameters are read when a directory is from before the asked time. Beyond it, the next
/// listing is waited for.
const MAX_READ_AT_ONCE: usize = 1000;

/// Reads the subscribers, and uses the answer for a while.
///
/// With a directory, one read of a bucket finds all of them. Without one that can be used, the parameters are read from SSM. An
/// SSM that cannot be read is an error. With old subscribers an event could miss a new one unnoticed.
#[derive(Debug)]
pub struct SubscriberStore {
    directory: Option<DirectoryCache>,
    all: ParameterCache<Subscribers>,
    single: SingleSubscribers,
    earlier: EarlierVersions,
    rules: Rules,
    max_age: Duration,
}

/// The subscribers could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// All parameters were to be read.
    #[error(transparent)]
    All(#[from] parameter_cache::LoadError),
    /// One parameter was to be read.
    #[error(transparent)]
    Single(#[from] ReadSubscriberError),
    /// The directory is from before the asked time, and the parameters are too many to read them for this.
    #[error(
        "the subscriber directory is of {as_of}, and not after {earliest}; it has {subscribers} subscribers, too many to read them all"
    )]
    BeforeRequest {
        /// The time of the directory.
        as_of: Timestamp,
        /// The asked time.
        earliest: Timestamp,
        /// Number of subscribers.
        subscribers: usize,
    },
}

impl SubscriberStore {
    /// Creates a store of the subscribers below `path`, which uses each answer for `max_age`. Calls nothing yet.
    pub fn new(aws: &SdkConfig, path: &str, max_age: Duration, rules: Rules) -> Self {
        let ssm = Client::new(aws);
        let all = ParameterCache::new(ssm.clone(), path, "subscribers", max_age);
        Self {
            directory: None,
            all: all.with_decryption(),
            single: SingleSubscribers::new(ssm.clone(), path, max_age),
            earlier: EarlierVersions::new(ParameterHistory::new(ssm)),
            rules,
            max_age,
        }
    }

    /// Reads the directory of this bucket first, if there is one.
    #[must_use]
    pub fn with_directory_of(self, aws: &SdkConfig, bucket: Option<String>) -> Self {
        let directory = bucket.map(|bucket| {
            let object = DirectoryObject::new(aws_sdk_s3::Client::new(aws), bucket);
            DirectoryCache::new(object, self.all.path(), self.max_age)
        });
        Self { directory, ..self }
    }

    /// Returns all subscribers as they were within the last `max_age`.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<Subscribers>, LoadError> {
        self.loaded_after(Timestamp::MIN, now).await
    }

    /// Returns all subscribers as they were within the last `max_age`, and after `earliest`.
    pub async fn loaded_after(
        &self,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Subscribers>, LoadError> {
        if let Some(Known { as_of, subscribers }) = self.known(now).await {
            if as_of > earliest {
                return Ok(subscribers);
            }
            let subscribers = subscribers.len();
            if subscribers > MAX_READ_AT_ONCE {
                return Err(LoadError::BeforeRequest {
                    as_of,
                    earliest,
                    subscribers,
                });
            }
        }
        self.loaded_directly(earliest, now).await
    }

    /// Returns all subscribers as the directory has them, and as they were after `earliest` where it cannot be used. The second
    /// value is true when they were read after `earliest`.
    pub async fn listed(
        &self,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<(Arc<Subscribers>, bool), LoadError> {
        match self.known(now).await {
            Some(known) => Ok((known.subscribers, known.as_of > earliest)),
            None => Ok((self.loaded_directly(earliest, now).await?, true)),
        }
    }

    /// Returns subscribers among which the one of this name is, if it exists, as it was within the last `max_age`, and after
    /// `earliest`. The others may be missing.
    ///
    /// A directory from before `earliest` says nothing of it. Then its own parameter is read, which is one call however many
    /// subscribers there are.
    pub async fn loaded_one_after(
        &self,
        subscriber: &str,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Subscribers>, LoadError> {
        if self.directory.is_none() {
            return self.loaded_after(earliest, now).await;
        }
        if let Some(known) = self.known(now).await
            && known.as_of > earliest
        {
            return Ok(known.subscribers);
        }
        let Self { rules, earlier, .. } = self;
        let single = self.single.get(subscriber, earliest, now, *rules, earlier);
        Ok(single.await?)
    }

    /// Reads all parameters from SSM.
    async fn loaded_directly(
        &self,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Subscribers>, LoadError> {
        let parse = async |parameters| {
            let subscribers = Subscribers::parse(parameters, self.rules, &self.earlier).await;
            let faults = || subscribers.faults().map(|one| &one.fault.parameter);
            let is_unusable = |name: &str| faults().any(|one| one == name);
            self.earlier.retain(is_unusable).await;
            subscribers
        };
        Ok(self.all.get(earliest, now, parse).await?)
    }

    /// Returns the reason why the directory cannot be used, if there should be one.
    pub async fn directory_fault(&self, now: Timestamp) -> Option<DirectoryFault> {
        self.directory.as_ref()?.current(now).await.err()
    }

    /// Returns what the directory has, if it can be used. A fault is logged where it is found.
    async fn known(&self, now: Timestamp) -> Option<Known> {
        self.directory.as_ref()?.current(now).await.ok()
    }
}

#[cfg(test)]
mod tests;
