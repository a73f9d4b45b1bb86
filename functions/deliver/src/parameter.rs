//! Changes a subscriber's parameter without losing what its owner writes at the same time.

use aws_sdk_ssm::{
    Client,
    error::SdkError,
    operation::{get_parameter::GetParameterError, put_parameter::PutParameterError},
};
use serde_json::{Map, Value};

/// How often somebody else may come between before this gives up.
const MOST_TURNS: usize = 3;

/// The parameters, and how to change them.
///
/// SSM can't be told "write this if nobody has written since". What it does is to number the versions and to keep the
/// old ones. So this reads, writes, and looks at the number that it was given: if that is not the next one, somebody wrote
/// in between, and the change is made again to what they wrote. Their version was covered for the time of two calls,
/// and readers may have seen that; it is never lost. A parameter that was deleted in between is not created anew, because SSM wants
/// a type for a new one, and this names none.
#[derive(Debug, Clone)]
pub struct Parameters(Client);

/// A parameter as it was read.
#[derive(Debug, Clone)]
pub struct Held {
    name: String,
    json: String,
    version: i64,
}

/// The parameter could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// SSM does not say what it holds.
    #[error("cannot read parameter {name}")]
    Read {
        /// The parameter, with the version where an old one was asked for.
        name: String,
        /// What SSM said.
        source: Box<SdkError<GetParameterError>>,
    },
    /// SSM does not take it.
    #[error("cannot write parameter {name}")]
    Write {
        /// The parameter.
        name: String,
        /// What SSM said.
        source: Box<SdkError<PutParameterError>>,
    },
    /// Its owner keeps writing.
    #[error("parameter {0} was changed by somebody else each time it was written")]
    Contended(String),
}

impl Held {
    /// Which version it was.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// What it holds.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The JSON after a change; none when `change` says that there is nothing to do, or when this is no JSON object.
    fn changed(&self, change: &impl Fn(&str, &mut Map<String, Value>) -> bool) -> Option<String> {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(&self.json) else {
            return None;
        };
        change(&self.json, &mut fields).then(|| Value::Object(fields).to_string())
    }
}

impl Parameters {
    /// Through this client.
    pub fn new(ssm: Client) -> Self {
        Self(ssm)
    }

    /// The parameter as it is now; none when there is none.
    pub async fn read(&self, name: &str) -> Result<Option<Held>, ParameterError> {
        match self.get(name).await {
            Ok(held) => Ok(Some(held)),
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

    /// Changes the parameter's fields, in what was read or in what somebody else has made of it since.
    ///
    /// `change` is given the JSON and its fields, and returns whether it changed them; it may be called several times.
    pub async fn change(
        &self,
        mut held: Held,
        change: impl Fn(&str, &mut Map<String, Value>) -> bool,
    ) -> Result<(), ParameterError> {
        let Some(mut json) = held.changed(&change) else {
            return Ok(());
        };
        for _ in 0..MOST_TURNS {
            let version = self.put(&held.name, json).await?;
            if version == held.version + 1 {
                return Ok(());
            }
            let theirs = self.get(&format!("{}:{}", held.name, version - 1)).await?;
            // Also when there is nothing to change in theirs: it was covered, and must come back.
            json = theirs.changed(&change).unwrap_or(theirs.json);
            held.version = version;
        }
        Err(ParameterError::Contended(held.name))
    }

    async fn get(&self, name: &str) -> Result<Held, ParameterError> {
        let asked = self.0.get_parameter().name(name).with_decryption(true);
        let answer = asked.send().await.map_err(|source| ParameterError::Read {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Held {
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
