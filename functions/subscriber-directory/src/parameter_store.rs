//! The subscribers' parameters: all of them without their values, and the values of some.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::operation::get_parameters::GetParametersError;
use aws_sdk_ssm::operation::get_parameters_by_path::GetParametersByPathError;
use aws_sdk_ssm::{Client, types::Parameter};
use wagrun_delivery::directory::Reading;

/// Number of values that SSM returns in one call.
const MAX_NAMES: usize = 10;

/// The parameters below a path.
#[derive(Debug, Clone)]
pub struct ParameterStore {
    ssm: Client,
    path: String,
    /// Time between two calls of a long reading, so that it leaves half of SSM's quota to others.
    pause: Duration,
}

/// The newest version of a parameter, without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The number of the version.
    pub version: i64,
    /// The time of its last change, in milliseconds since 1970.
    pub changed_at: Option<i64>,
}

/// The parameters could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// They could not be listed.
    #[error("cannot list the parameters under {path}")]
    List {
        /// The path.
        path: String,
        /// The cause.
        source: Box<SdkError<GetParametersByPathError>>,
    },
    /// Values could not be read.
    #[error("cannot read parameter {name}")]
    Get {
        /// The parameter, or the first of several.
        name: String,
        /// The cause.
        source: Box<SdkError<GetParametersError>>,
    },
}

impl ParameterStore {
    /// Reads parameters below `path`, which ends without a slash.
    pub fn new(ssm: Client, path: String, pause: Duration) -> Self {
        Self { ssm, path, pause }
    }

    /// Returns the path, without a slash at its end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the name below the path; none for a parameter elsewhere.
    pub fn subscriber<'a>(&self, parameter: &'a str) -> Option<&'a str> {
        let name = parameter.strip_prefix(&self.path)?.strip_prefix('/')?;
        (!name.is_empty()).then_some(name)
    }

    /// Lists all parameters, by the subscriber's name. Nothing is decrypted, so it costs no calls of KMS.
    pub async fn list(&self) -> Result<BTreeMap<String, Listed>, ParameterError> {
        let call = self.ssm.get_parameters_by_path().path(&self.path);
        let mut pages = call.recursive(true).into_paginator().send();
        let mut listed = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|source| ParameterError::List {
                path: self.path.clone(),
                source: Box::new(source),
            })?;
            for parameter in page.parameters.unwrap_or_default() {
                let name = parameter.name.as_deref().unwrap_or_default();
                if let Some(subscriber) = self.subscriber(name) {
                    let one = Listed {
                        version: parameter.version,
                        changed_at: changed_at(&parameter),
                    };
                    listed.insert(subscriber.to_owned(), one);
                }
            }
            tokio::time::sleep(self.pause).await;
        }
        Ok(listed)
    }

    /// Reads the parameters of these subscribers. One that does not exist is missing in the result.
    pub async fn readings(
        &self,
        subscribers: &[&str],
    ) -> Result<BTreeMap<String, Reading>, ParameterError> {
        let mut readings = BTreeMap::new();
        let mut chunks = subscribers.chunks(MAX_NAMES).peekable();
        while let Some(chunk) = chunks.next() {
            match self.get(chunk).await {
                Ok(found) => readings.extend(found),
                // One of them is under a key that this function may not use. SSM does not say which.
                Err(error) if is_denied(&error) => {
                    for subscriber in chunk {
                        readings.extend(self.get_or_unreadable(subscriber).await?);
                    }
                }
                Err(error) => return Err(error),
            }
            if chunks.peek().is_some() {
                tokio::time::sleep(self.pause).await;
            }
        }
        Ok(readings)
    }

    async fn get(&self, subscribers: &[&str]) -> Result<Vec<(String, Reading)>, ParameterError> {
        self.get_with(subscribers, true).await
    }

    async fn get_or_unreadable(
        &self,
        subscriber: &str,
    ) -> Result<Vec<(String, Reading)>, ParameterError> {
        match self.get(&[subscriber]).await {
            Err(error) if is_denied(&error) => {
                tracing::error!(
                    subscriber,
                    error = wagrun_lambda::telemetry::chain(&error),
                    "the subscriber's parameter cannot be read"
                );
                let mut found = self.get_with(&[subscriber], false).await?;
                for (_, reading) in &mut found {
                    reading.value = None;
                }
                Ok(found)
            }
            result => result,
        }
    }

    async fn get_with(
        &self,
        subscribers: &[&str],
        decrypts: bool,
    ) -> Result<Vec<(String, Reading)>, ParameterError> {
        let names = subscribers.iter().map(|one| format!("{}/{one}", self.path));
        let names: Vec<_> = names.collect();
        let first = names.first().cloned().unwrap_or_default();
        let call = self.ssm.get_parameters().set_names(Some(names));
        let answer = call.with_decryption(decrypts).send().await;
        let answer = answer.map_err(|source| ParameterError::Get {
            name: first,
            source: Box::new(source),
        })?;
        let found = answer.parameters.unwrap_or_default().into_iter();
        Ok(found
            .filter_map(|parameter| {
                let name = parameter.name.as_deref().unwrap_or_default();
                let subscriber = self.subscriber(name)?.to_owned();
                let reading = Reading {
                    version: parameter.version,
                    changed_at: changed_at(&parameter),
                    value: Some(parameter.value.unwrap_or_default()),
                };
                Some((subscriber, reading))
            })
            .collect())
    }
}

fn changed_at(parameter: &Parameter) -> Option<i64> {
    let time = parameter.last_modified_date.as_ref()?;
    time.to_millis().ok()
}

/// Returns true when KMS refused to decrypt, or IAM to read.
fn is_denied(error: &ParameterError) -> bool {
    let ParameterError::Get { source, .. } = error else {
        return false;
    };
    matches!(
        source.code(),
        Some("AccessDeniedException" | "InvalidKeyId")
    )
}
