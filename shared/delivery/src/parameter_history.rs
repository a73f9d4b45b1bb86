//! The earlier versions of a parameter, which SSM keeps.

use std::fmt;

use aws_sdk_ssm::{
    Client, error::SdkError, operation::get_parameter_history::GetParameterHistoryError,
};

/// Number of versions that SSM returns at once, at most.
const PAGE_SIZE: i32 = 50;

/// Reads the versions of a parameter.
///
/// SSM keeps the last hundred, until the parameter is deleted. So a read takes two calls at most.
#[derive(Debug, Clone)]
pub struct ParameterHistory(Client);

/// One version of a parameter.
#[derive(Clone, PartialEq, Eq)]
pub struct ParameterVersion {
    /// The number of the version.
    pub number: i64,
    /// The decrypted value.
    pub value: String,
}

// The value may hold secrets.
impl fmt::Debug for ParameterVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ParameterVersion")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// The versions could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the versions of parameter {name}")]
pub struct HistoryError {
    name: String,
    source: Box<SdkError<GetParameterHistoryError>>,
}

impl ParameterHistory {
    /// Uses this client.
    pub fn new(ssm: Client) -> Self {
        Self(ssm)
    }

    /// Returns all versions that SSM has, the newest first.
    pub async fn versions(&self, name: &str) -> Result<Vec<ParameterVersion>, HistoryError> {
        let call = self.0.get_parameter_history().name(name);
        let call = call.with_decryption(true).max_results(PAGE_SIZE);
        let mut pages = call.into_paginator().send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|source| HistoryError {
                name: name.to_owned(),
                source: Box::new(source),
            })?;
            for version in page.parameters.unwrap_or_default() {
                versions.push(ParameterVersion {
                    number: version.version,
                    value: version.value.unwrap_or_default(),
                });
            }
        }
        versions.sort_unstable_by_key(|version| std::cmp::Reverse(version.number));
        Ok(versions)
    }
}
