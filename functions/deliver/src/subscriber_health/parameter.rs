//! Changes a subscriber's parameter without losing what its owner writes at the same time.

use aws_sdk_ssm::{
    Client,
    error::SdkError,
    operation::{get_parameter::GetParameterError, put_parameter::PutParameterError},
};
use serde_json::{Map, Value};

/// Number of times that another writer may interfere before a change is given up.
const MAX_TURNS: usize = 3;

/// Reads and changes the subscribers' parameters.
///
/// SSM has no conditional write. It numbers the versions of a parameter, and keeps old ones. A change reads, writes, and
/// compares the version number that it was given. If that is not the next one, another writer came between, and the change
/// is applied to that writer's version. Readers may see the older content for the time of two calls, but no version is lost.
/// A parameter that was deleted in between is not created again: SSM wants a type for a new one, and this names none.
#[derive(Debug, Clone)]
pub struct Parameters(Client);

/// A parameter as it was read.
#[derive(Debug, Clone)]
pub struct ReadParameter {
    name: String,
    json: String,
    version: i64,
}

/// A parameter could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// The parameter could not be read.
    #[error("cannot read parameter {name}")]
    Read {
        /// The parameter's name, with a version number when an old version was asked for.
        name: String,
        /// The cause.
        source: Box<SdkError<GetParameterError>>,
    },
    /// The parameter could not be written.
    #[error("cannot write parameter {name}")]
    Write {
        /// The parameter's name.
        name: String,
        /// The cause.
        source: Box<SdkError<PutParameterError>>,
    },
    /// Another writer interfered each time.
    #[error("parameter {0} was changed by another writer each time it was written")]
    Contended(String),
}

impl ReadParameter {
    /// Returns the version number.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns the content.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Returns the JSON after a change; none when `change` returns false, or when the content is not a JSON object.
    fn changed(&self, change: &impl Fn(&str, &mut Map<String, Value>) -> bool) -> Option<String> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(&self.json) else {
            return None;
        };
        change(&self.json, &mut fields).then(|| Value::Object(fields).to_string())
    }
}

impl Parameters {
    /// Uses this client.
    pub fn new(ssm: Client) -> Self {
        Self(ssm)
    }

    /// Reads a parameter; none when it does not exist.
    pub async fn read(&self, name: &str) -> Result<Option<ReadParameter>, ParameterError> {
        match self.get(name).await {
            Ok(read) => Ok(Some(read)),
            Err(ParameterError::Read { source, .. })
                if source
                    .as_service_error()
                    .is_some_and(GetParameterError::is_parameter_not_found) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Changes a parameter's fields, in the version that was read and in every version that another writer made since.
    ///
    /// `change` gets the JSON and its fields, and returns true when it has changed them. It may be called several times.
    pub async fn change(
        &self,
        mut read: ReadParameter,
        change: impl Fn(&str, &mut Map<String, Value>) -> bool,
    ) -> Result<(), ParameterError> {
        let Some(mut json) = read.changed(&change) else {
            return Ok(());
        };
        for _ in 0..MAX_TURNS {
            let version = self.put(&read.name, json).await?;
            if version == read.version + 1 {
                return Ok(());
            }
            let theirs = self.get(&format!("{}:{}", read.name, version - 1)).await?;
            // Theirs is written again even without a change, because ours has replaced it.
            json = theirs.changed(&change).unwrap_or(theirs.json);
            read.version = version;
        }
        Err(ParameterError::Contended(read.name))
    }

    async fn get(&self, name: &str) -> Result<ReadParameter, ParameterError> {
        let asked = self.0.get_parameter().name(name).with_decryption(true);
        let answer = asked.send().await.map_err(|source| ParameterError::Read {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        Ok(ReadParameter {
            name: name.to_owned(),
            version: answer.parameter.as_ref().map_or(0, |found| found.version),
            json: answer
                .parameter
                .and_then(|found| found.value)
                .unwrap_or_default(),
        })
    }

    async fn put(&self, name: &str, json: String) -> Result<i64, ParameterError> {
        let answer = self.0.put_parameter().name(name).value(json);
        let answer = answer.overwrite(true).send().await;
        answer
            .map(|written| written.version)
            .map_err(|source| ParameterError::Write {
                name: name.to_owned(),
                source: Box::new(source),
            })
    }
}
