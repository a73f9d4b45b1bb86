//! The record of each backlog: an SSM parameter for each subscriber that has one.
//!
//! The record is not part of the subscriber's own parameter. Its owner replaces that from a file, and would remove the record.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_ssm::{
    Client,
    error::SdkError,
    operation::{delete_parameter::DeleteParameterError, put_parameter::PutParameterError},
    types::ParameterType,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wagrun_delivery::parameter_cache::{LoadError, Parameter, ParameterCache};
use wagrun_lambda::telemetry::chain;

/// The record of one subscriber's backlog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// The time since which deliveries are set aside.
    pub since: Timestamp,
    /// True when the receiver answers so slowly that its deliveries are recalled a few lanes at a time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paced: bool,
    /// The time since which the subscriber has no parameter; none while it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<Timestamp>,
    /// The time of the sweep's first attempt in this period without a success. None before it, while the backlog returns, and while the
    /// subscriber is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_since: Option<Timestamp>,
    /// The time since which deliveries come back; none while they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returning_since: Option<Timestamp>,
    /// The time at which a sweep last recalled lanes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_at: Option<Timestamp>,
    /// The subject of the last lane that a sweep recalled, if there are more lanes than it recalls at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_to: Option<String>,
}

impl Backlog {
    /// Returns the record of a backlog that begins at this time.
    pub fn begun(since: Timestamp) -> Self {
        Self {
            since,
            paced: false,
            gone_since: None,
            tried_since: None,
            returning_since: None,
            recalled_at: None,
            recalled_to: None,
        }
    }

    /// Returns true when the deliveries come back.
    pub fn is_returning(&self) -> bool {
        self.returning_since.is_some()
    }

    /// Returns true when the deliveries are set aside and recalled a few lanes at a time.
    pub fn is_paced(&self) -> bool {
        self.paced && !self.is_returning()
    }

    /// Returns the record of the same backlog, whose deliveries come back from `now` on.
    pub fn returning(self, now: Timestamp) -> Self {
        Self {
            paced: false,
            gone_since: None,
            tried_since: None,
            returning_since: Some(now),
            recalled_at: None,
            recalled_to: None,
            ..self
        }
    }
}

/// Reads and writes the records. It reads all of them at once, and uses the answer for a while.
#[derive(Debug)]
pub struct BacklogStore {
    ssm: Client,
    parameters: ParameterCache<BTreeMap<String, Backlog>>,
}

/// A record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The records could not be read.
    #[error(transparent)]
    Read(#[from] LoadError),
    /// A record could not be encoded as JSON.
    #[error("cannot encode the backlog {name}")]
    Encode {
        /// The parameter.
        name: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// A record could not be written.
    #[error("cannot write the backlog {name}")]
    Write {
        /// The parameter.
        name: String,
        /// The cause.
        source: Box<SdkError<PutParameterError>>,
    },
    /// A record could not be deleted.
    #[error("cannot delete the backlog {name}")]
    Delete {
        /// The parameter.
        name: String,
        /// The cause.
        source: Box<SdkError<DeleteParameterError>>,
    },
}

impl BacklogStore {
    /// Creates a store of the records below `path`, which uses each answer for `max_age`. Calls nothing yet.
    pub fn new(ssm: Client, path: &str, max_age: Duration) -> Self {
        Self {
            parameters: ParameterCache::new(ssm.clone(), path, "backlogs", max_age),
            ssm,
        }
    }

    /// Returns the subscriber's record as it was within the last `max_age`.
    pub async fn find(
        &self,
        subscriber: &str,
        now: Timestamp,
    ) -> Result<Option<Backlog>, StoreError> {
        let backlogs = self
            .parameters
            .get(Timestamp::MIN, now, async |all| parse_all(all))
            .await?;
        Ok(backlogs.get(subscriber).cloned())
    }

    /// Reads and returns all records, by subscriber.
    pub async fn all(&self, now: Timestamp) -> Result<BTreeMap<String, Backlog>, StoreError> {
        let backlogs = self
            .parameters
            .read(now, async |all| parse_all(all))
            .await?;
        Ok(Arc::unwrap_or_clone(backlogs))
    }

    /// Writes the subscriber's record.
    pub async fn write(&self, subscriber: &str, backlog: Backlog) -> Result<(), StoreError> {
        let name = self.parameter(subscriber);
        let value = serde_json::to_string(&backlog).map_err(|source| StoreError::Encode {
            name: name.clone(),
            source,
        })?;
        let call = self.ssm.put_parameter().name(&name).value(value);
        let call = call.r#type(ParameterType::String).overwrite(true);
        call.send().await.map_err(|source| StoreError::Write {
            name,
            source: Box::new(source),
        })?;
        self.parameters
            .update(|backlogs| {
                backlogs.insert(subscriber.to_owned(), backlog);
            })
            .await;
        Ok(())
    }

    /// Deletes the subscriber's record. One that does not exist is no error.
    pub async fn remove(&self, subscriber: &str) -> Result<(), StoreError> {
        let name = self.parameter(subscriber);
        let gone = self.ssm.delete_parameter().name(&name).send().await;
        match gone {
            Err(error)
                if !error
                    .as_service_error()
                    .is_some_and(DeleteParameterError::is_parameter_not_found) =>
            {
                let source = Box::new(error);
                Err(StoreError::Delete { name, source })
            }
            _ => {
                self.parameters
                    .update(|backlogs| {
                        backlogs.remove(subscriber);
                    })
                    .await;
                Ok(())
            }
        }
    }

    fn parameter(&self, subscriber: &str) -> String {
        format!("{}/{subscriber}", self.parameters.path())
    }
}

fn parse_all(parameters: Vec<Parameter>) -> BTreeMap<String, Backlog> {
    let records = parameters.into_iter();
    records
        .map(|one| {
            let backlog = parse(&one);
            (one.key, backlog)
        })
        .collect()
}

/// Parses a record. One that cannot be parsed counts as a backlog that began at the epoch, so that no delivery overtakes
/// what may be in the bucket.
fn parse(parameter: &Parameter) -> Backlog {
    serde_json::from_str(&parameter.value).unwrap_or_else(|error| {
        tracing::error!(
            parameter = parameter.name,
            error = chain(&error),
            "cannot read the backlog's record"
        );
        Backlog::begun(Timestamp::UNIX_EPOCH)
    })
}

#[cfg(test)]
mod tests;
