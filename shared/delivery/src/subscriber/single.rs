//! Single subscribers, each read from its own parameter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ssm::{Client, error::SdkError, operation::get_parameter::GetParameterError};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::definition::Rules;
use super::earlier_versions::EarlierVersions;
use super::subscribers::Subscribers;
use crate::parameter_cache::Parameter;

/// The levels and the length of a parameter's name that SSM allows.
const MAX_LEVELS: usize = 15;
const MAX_NAME_BYTES: usize = 1011;

/// Reads one parameter at a time, and uses each answer for a while.
#[derive(Debug)]
pub struct SingleSubscribers {
    ssm: Client,
    path: String,
    max_age: Duration,
    read: Mutex<BTreeMap<String, (Timestamp, Arc<Subscribers>)>>,
}

/// A subscriber's parameter could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the parameter of subscriber {subscriber}")]
pub struct ReadSubscriberError {
    subscriber: String,
    source: Box<SdkError<GetParameterError>>,
}

impl SingleSubscribers {
    /// Reads parameters below `path`. Calls nothing yet.
    pub fn new(ssm: Client, path: &str, max_age: Duration) -> Self {
        Self {
            ssm,
            path: path.trim_end_matches('/').to_owned(),
            max_age,
            read: Mutex::default(),
        }
    }

    /// Returns the subscriber of this name alone, or none, as it was within the last `max_age` and after `earliest`.
    pub async fn get(
        &self,
        subscriber: &str,
        earliest: Timestamp,
        now: Timestamp,
        rules: Rules,
        earlier: &EarlierVersions,
    ) -> Result<Arc<Subscribers>, ReadSubscriberError> {
        let mut read = self.read.lock().await;
        read.retain(|_, (read_at, _)| self.is_fresh(*read_at, now));
        if let Some((read_at, found)) = read.get(subscriber)
            && *read_at > earliest
        {
            return Ok(Arc::clone(found));
        }
        let parameters = self.parameter(subscriber).await?.into_iter().collect();
        let found = Arc::new(Subscribers::parse(parameters, rules, earlier).await);
        read.insert(subscriber.to_owned(), (now, Arc::clone(&found)));
        Ok(found)
    }

    fn is_fresh(&self, read_at: Timestamp, now: Timestamp) -> bool {
        let age = now.duration_since(read_at);
        age >= SignedDuration::ZERO && age.unsigned_abs() < self.max_age
    }

    async fn parameter(&self, subscriber: &str) -> Result<Option<Parameter>, ReadSubscriberError> {
        let name = format!("{}/{subscriber}", self.path);
        if !is_parameter_name(&name) {
            return Ok(None);
        }
        let call = self.ssm.get_parameter().name(&name).with_decryption(true);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetParameterError::is_parameter_not_found) =>
            {
                return Ok(None);
            }
            Err(source) => {
                return Err(ReadSubscriberError {
                    subscriber: subscriber.to_owned(),
                    source: Box::new(source),
                });
            }
        };
        Ok(answer.parameter.map(|found| Parameter {
            name,
            key: subscriber.to_owned(),
            value: found.value.unwrap_or_default(),
            version: found.version,
            changed_at: found
                .last_modified_date
                .and_then(|time| time.to_millis().ok()),
        }))
    }
}

/// Returns true for a name that a parameter can have. SSM takes `name:3` for a version, and refuses a name with other characters.
fn is_parameter_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let levels = name.trim_start_matches('/').split('/');
    name.len() <= MAX_NAME_BYTES
        && levels.clone().count() <= MAX_LEVELS
        && levels
            .clone()
            .all(|level| !level.is_empty() && level.chars().all(is_allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_parameter_can_have_is_not_asked_for() {
        for name in ["cdn", "team/search", "a_b.c-9"] {
            assert!(
                is_parameter_name(&format!("/wagrun/subscribers/{name}")),
                "{name}"
            );
        }
        let (deep, long) = ("a/".repeat(13) + "a", "a".repeat(1000));
        for name in ["cdn:1", "", "a//b", "a/", "a b", "é", "*", &deep, &long] {
            assert!(
                !is_parameter_name(&format!("/wagrun/subscribers/{name}")),
                "{name}"
            );
        }
    }
}
