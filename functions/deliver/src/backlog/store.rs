//! Which subscribers have a backlog: an SSM parameter of ours for each, beside the subscribers' own.
//!
//! Not in the subscriber's parameter: its owner replaces that from a file, and would forget what is set aside.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_ssm::{
    Client,
    error::SdkError,
    operation::{
        delete_parameter::DeleteParameterError, get_parameters_by_path::GetParametersByPathError,
        put_parameter::PutParameterError,
    },
    types::ParameterType,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use wagrun_lambda::telemetry::chain;

/// That a subscriber's deliveries are set aside, or were and come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Since when they are to be set aside.
    pub since: Timestamp,
    /// Since when whoever looks after backlogs tries in vain; none while the subscriber is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_since: Option<Timestamp>,
    /// Since when they come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returning_since: Option<Timestamp>,
    /// When lanes were last recalled by whoever looks after backlogs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_at: Option<Timestamp>,
    /// The last lane that was recalled, where there are more than were recalled at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_to: Option<String>,
}

impl Backlog {
    /// One that begins.
    pub fn begun(since: Timestamp) -> Self {
        Self {
            since,
            tried_since: None,
            returning_since: None,
            recalled_at: None,
            recalled_to: None,
        }
    }

    /// Whether deliveries are set aside, and do not come back.
    pub fn is_kept(&self) -> bool {
        self.returning_since.is_none()
    }

    /// The same, coming back from `now` on.
    pub fn returning(self, now: Timestamp) -> Self {
        Self {
            tried_since: None,
            returning_since: Some(now),
            recalled_at: None,
            recalled_to: None,
            ..self
        }
    }
}

/// Reads the parameters when they are asked for and what it holds is too old.
#[derive(Debug)]
pub struct BacklogStore {
    ssm: Client,
    path: String,
    max_age: Duration,
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    at: Timestamp,
    backlogs: BTreeMap<String, Backlog>,
}

/// A backlog's parameter can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Which there are is not known.
    #[error("cannot read the backlogs under {path}")]
    Read {
        /// The path.
        path: String,
        /// What SSM said.
        source: Box<SdkError<GetParametersByPathError>>,
    },
    /// A backlog can't be written down.
    #[error("cannot encode the backlog {name}")]
    Encode {
        /// The parameter.
        name: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// A backlog was not written down.
    #[error("cannot write the backlog {name}")]
    Write {
        /// The parameter.
        name: String,
        /// What SSM said.
        source: Box<SdkError<PutParameterError>>,
    },
    /// A backlog was not forgotten.
    #[error("cannot delete the backlog {name}")]
    Delete {
        /// The parameter.
        name: String,
        /// What SSM said.
        source: Box<SdkError<DeleteParameterError>>,
    },
}

impl BacklogStore {
    /// The backlogs below `path`, each answer used for `max_age`; asks nobody yet.
    pub fn new(ssm: Client, path: &str, max_age: Duration) -> Self {
        Self {
            ssm,
            path: path.trim_end_matches('/').to_owned(),
            max_age,
            known: Mutex::new(None),
        }
    }

    /// This subscriber's backlog as it was within the last `max_age`.
    pub async fn find(
        &self,
        subscriber: &str,
        now: Timestamp,
    ) -> Result<Option<Backlog>, StoreError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref()
            && self.is_fresh(known, now)
        {
            return Ok(known.backlogs.get(subscriber).cloned());
        }
        let backlogs = self.load().await?;
        let found = backlogs.get(subscriber).cloned();
        *known = Some(Known { at: now, backlogs });
        Ok(found)
    }

    /// All of them, as they are now.
    pub async fn all(&self, now: Timestamp) -> Result<BTreeMap<String, Backlog>, StoreError> {
        let backlogs = self.load().await?;
        *self.known.lock().await = Some(Known {
            at: now,
            backlogs: backlogs.clone(),
        });
        Ok(backlogs)
    }

    /// Writes this subscriber's backlog down.
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
        if let Some(known) = self.known.lock().await.as_mut() {
            known.backlogs.insert(subscriber.to_owned(), backlog);
        }
        Ok(())
    }

    /// Forgets this subscriber's backlog.
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
                if let Some(known) = self.known.lock().await.as_mut() {
                    known.backlogs.remove(subscriber);
                }
                Ok(())
            }
        }
    }

    fn parameter(&self, subscriber: &str) -> String {
        format!("{}/{subscriber}", self.path)
    }

    fn is_fresh(&self, known: &Known, now: Timestamp) -> bool {
        let age = now.duration_since(known.at);
        age >= SignedDuration::ZERO && age.unsigned_abs() < self.max_age
    }

    async fn load(&self) -> Result<BTreeMap<String, Backlog>, StoreError> {
        let mut backlogs = BTreeMap::new();
        let call = self.ssm.get_parameters_by_path().path(&self.path);
        let mut pages = call.recursive(true).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|source| StoreError::Read {
                path: self.path.clone(),
                source: Box::new(source),
            })?;
            for parameter in page.parameters.unwrap_or_default() {
                let name = parameter.name.unwrap_or_default();
                let subscriber = name.strip_prefix(&self.path).unwrap_or(&name);
                let subscriber = subscriber.trim_start_matches('/').to_owned();
                backlogs.insert(subscriber, read(&name, parameter.value.as_deref()));
            }
        }
        Ok(backlogs)
    }
}

/// What is no backlog is one that is as old as can be: then nothing is tried out of turn.
fn read(name: &str, value: Option<&str>) -> Backlog {
    serde_json::from_str(value.unwrap_or_default()).unwrap_or_else(|error| {
        tracing::error!(parameter = name, error = chain(&error), "no backlog");
        Backlog::begun(Timestamp::UNIX_EPOCH)
    })
}
