//! The stack's subscribers, read from SSM and cached for a short time.

use std::{sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use jiff::Timestamp;

use super::definition::Rules;
use super::earlier_versions::EarlierVersions;
use super::subscribers::Subscribers;
use crate::parameter_cache::{LoadError, ParameterCache};
use crate::parameter_history::ParameterHistory;

/// Reads the subscribers, and uses the answer for a while.
///
/// An SSM that cannot be read is an error. With old subscribers an event could miss a new one unnoticed.
#[derive(Debug)]
pub struct SubscriberStore {
    parameters: ParameterCache<Subscribers>,
    earlier: EarlierVersions,
    rules: Rules,
}

impl SubscriberStore {
    /// Creates a store of the subscribers below `path`, which uses each answer for `max_age`. Calls nothing yet.
    pub fn new(aws: &SdkConfig, path: &str, max_age: Duration, rules: Rules) -> Self {
        let ssm = Client::new(aws);
        let parameters = ParameterCache::new(ssm.clone(), path, "subscribers", max_age);
        Self {
            parameters: parameters.with_decryption(),
            earlier: EarlierVersions::new(ParameterHistory::new(ssm)),
            rules,
        }
    }

    /// Returns the subscribers as they were within the last `max_age`.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<Subscribers>, LoadError> {
        self.loaded_after(Timestamp::MIN, now).await
    }

    /// Returns the subscribers as they were within the last `max_age`, and after `earliest`.
    pub async fn loaded_after(
        &self,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Subscribers>, LoadError> {
        let parse =
            async |parameters| Subscribers::parse(parameters, self.rules, &self.earlier).await;
        self.parameters.get(earliest, now, parse).await
    }
}

#[cfg(test)]
mod tests;
