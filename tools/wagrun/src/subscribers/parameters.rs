//! The parameters of the subscribers, and the records of their backlogs.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::ProvideErrorMetadata as _;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use deliver::{Backlog, ParameterError, Parameters};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;

/// Reads and changes the parameters of a stack's subscribers.
#[derive(Debug, Clone)]
pub struct SubscriberParameters {
    ssm: Client,
    path: String,
    backlogs: String,
}

/// A parameter as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The whole name of the parameter.
    pub parameter: String,
    /// The JSON.
    pub json: String,
    /// The number of the version.
    pub version: i64,
    /// The time of the last change.
    pub changed_at: Option<Timestamp>,
}

impl SubscriberParameters {
    /// Uses the parameters of this stack.
    pub fn of(stack: &Stack) -> Result<Self, CommandError> {
        let path = stack.output("SubscribersPath")?.trim_end_matches('/');
        Ok(Self {
            ssm: Client::new(&stack.aws),
            path: path.to_owned(),
            backlogs: format!("/{}/backlogs", stack.name),
        })
    }

    /// Returns the name of a subscriber's parameter.
    pub fn parameter(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Returns all subscribers, by name.
    pub async fn all(&self) -> Result<BTreeMap<String, Stored>, CommandError> {
        let found = self.below(&self.path).await?.into_iter();
        Ok(found
            .filter_map(|(name, parameter)| Some((name, stored(parameter)?)))
            .collect())
    }

    /// Returns the records of all backlogs, by subscriber. One that cannot be read is left out.
    pub async fn backlogs(&self) -> Result<BTreeMap<String, Backlog>, CommandError> {
        let found = self.below(&self.backlogs).await?.into_iter();
        Ok(found
            .filter_map(|(name, record)| Some((name, serde_json::from_str(&record.value?).ok()?)))
            .collect())
    }

    async fn below(&self, path: &str) -> Result<BTreeMap<String, Parameter>, CommandError> {
        let request = self.ssm.get_parameters_by_path().path(path);
        let request = request.recursive(true).with_decryption(true);
        let mut pages = request.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(explain("ssm:GetParametersByPath"))?;
            for parameter in page.parameters.unwrap_or_default() {
                let name = parameter.name.as_deref().unwrap_or_default();
                let own = name
                    .strip_prefix(path)
                    .and_then(|own| own.strip_prefix('/'));
                if let Some(own) = own.map(str::to_owned) {
                    found.insert(own, parameter);
                }
            }
        }
        Ok(found)
    }

    /// Returns one subscriber, which must exist.
    pub async fn one(&self, name: &str) -> Result<Stored, CommandError> {
        let found = self.find(name).await?;
        found.ok_or_else(|| self.missing(name))
    }

    /// Returns one subscriber, or none when there is no such parameter.
    pub async fn find(&self, name: &str) -> Result<Option<Stored>, CommandError> {
        let asked = self.ssm.get_parameter().name(self.parameter(name));
        match asked.with_decryption(true).send().await {
            Ok(answer) => Ok(answer.parameter.and_then(stored)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_parameter_not_found()) =>
            {
                Ok(None)
            }
            Err(error) => Err(explain("ssm:GetParameter")(error).into()),
        }
    }

    /// Returns the error of a subscriber that does not exist.
    fn missing(&self, name: &str) -> CommandError {
        CommandError::argument(
            name,
            format!(
                "there is no such subscriber: no parameter {}; `wagrun subscribers list` has the names",
                self.parameter(name)
            ),
        )
    }

    /// Creates a subscriber, or replaces one.
    pub async fn put(&self, name: &str, json: &str, replaces: bool) -> Result<(), CommandError> {
        let call = self.ssm.put_parameter().name(self.parameter(name));
        let call = call.value(json).r#type(ParameterType::SecureString);
        match call.overwrite(replaces).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ParameterAlreadyExists") => {
                Err(CommandError::argument(
                    name,
                    "this subscriber exists; choose another name, or replace it with --replace",
                ))
            }
            Err(error) => Err(explain("ssm:PutParameter")(error).into()),
        }
    }

    /// Changes the fields of a subscriber. A change that somebody else makes in the same moment is kept.
    pub async fn change(
        &self,
        name: &str,
        change: impl Fn(&mut Map<String, Value>) -> bool,
    ) -> Result<(), CommandError> {
        let parameters = Parameters::new(self.ssm.clone());
        let failed = |error: ParameterError| match error {
            ParameterError::Read { source, .. } => explain("ssm:GetParameter")(*source).into(),
            ParameterError::Write { source, .. } => explain("ssm:PutParameter")(*source).into(),
            ParameterError::Contended(_) => CommandError::argument(name, error.to_string()),
        };
        let read = parameters.read(&self.parameter(name)).await;
        let read = read.map_err(failed)?.ok_or_else(|| self.missing(name))?;
        parameters
            .change(read, |_, fields| change(fields))
            .await
            .map_err(failed)
    }

    /// Deletes a subscriber.
    pub async fn delete(&self, name: &str) -> Result<(), CommandError> {
        let call = self.ssm.delete_parameter().name(self.parameter(name));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ParameterNotFound") => Err(self.missing(name)),
            Err(error) => Err(explain("ssm:DeleteParameter")(error).into()),
        }
    }
}

fn stored(parameter: Parameter) -> Option<Stored> {
    let changed_at = parameter.last_modified_date;
    Some(Stored {
        parameter: parameter.name?,
        json: parameter.value?,
        version: parameter.version,
        changed_at: changed_at.and_then(|at| Timestamp::from_second(at.secs()).ok()),
    })
}
