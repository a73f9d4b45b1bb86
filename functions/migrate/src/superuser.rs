//! Creates the first account of a new site.

use std::error::Error;

use aws_sdk_ssm::Client;
use serde::{Deserialize, Serialize};

use crate::manage_py::{CommandEnv, ManagePy, ManagePyError};

/// The start of the line with which `superuser.py` answers.
const ANSWER_MARKER: &str = "WAGRUN-SUPERUSER ";

/// The state of the configured superuser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SuperuserOutcome {
    /// The superuser was created.
    Created,
    /// The site has a superuser already.
    Exists,
    /// No parameter with an account is configured.
    NotConfigured,
    /// Django was not asked, because CloudFormation rolls a deployment back.
    NotChecked,
    /// `superuser.py` ended well and did not print its answer.
    Unknown,
}

/// The account in the SSM parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    username: String,
    email: String,
    password: String,
}

/// A superuser that could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SuperuserError {
    /// SSM did not return the parameter.
    #[error("cannot read SSM parameter {name}")]
    Parameter {
        /// The name of the parameter.
        name: String,
        /// The error of SSM or of the network.
        source: Box<dyn Error + Send + Sync>,
    },
    /// SSM returned a parameter without a value.
    #[error("SSM parameter {name} has no value")]
    NoValue {
        /// The name of the parameter.
        name: String,
    },
    /// The parameter is not an account. The error of the JSON parser is left out, because it may repeat the password.
    #[error(
        "SSM parameter {name} is not {{\"username\", \"email\", \"password\"}} in JSON, all of them texts \
         (line {line}, column {column})"
    )]
    Account {
        /// The name of the parameter.
        name: String,
        /// The line of the first error.
        line: usize,
        /// The column of the first error.
        column: usize,
    },
    /// Django failed.
    #[error("cannot create the superuser")]
    ManagePy(#[from] ManagePyError),
}

impl SuperuserOutcome {
    /// Returns the outcome's name in answers and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Exists => "exists",
            Self::NotConfigured => "not_configured",
            Self::NotChecked => "not_checked",
            Self::Unknown => "unknown",
        }
    }
}

/// Creates the superuser of the parameter, unless the site has one.
pub async fn create(
    ssm: &Client,
    parameter: &str,
    manage_py: &ManagePy,
    env: &CommandEnv,
) -> Result<SuperuserOutcome, SuperuserError> {
    let account = read_account(ssm, parameter).await?;
    let mut env = env.clone();
    env.variables.extend(
        [
            ("DJANGO_SUPERUSER_USERNAME", account.username),
            ("DJANGO_SUPERUSER_EMAIL", account.email),
            ("DJANGO_SUPERUSER_PASSWORD", account.password),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let code = include_str!("superuser.py");
    let answer = manage_py.shell(code, ANSWER_MARKER, &env, |_| ()).await?;
    Ok(match answer.as_deref() {
        Some("created") => SuperuserOutcome::Created,
        Some("exists") => SuperuserOutcome::Exists,
        _ => SuperuserOutcome::Unknown,
    })
}

async fn read_account(ssm: &Client, name: &str) -> Result<Account, SuperuserError> {
    let output = ssm
        .get_parameter()
        .name(name)
        .with_decryption(true)
        .send()
        .await
        .map_err(|error| SuperuserError::Parameter {
            name: name.to_owned(),
            source: error.into(),
        })?;
    let value = output
        .parameter()
        .and_then(|parameter| parameter.value())
        .ok_or_else(|| SuperuserError::NoValue {
            name: name.to_owned(),
        })?;
    parse_account(name, value)
}

fn parse_account(name: &str, value: &str) -> Result<Account, SuperuserError> {
    serde_json::from_str(value).map_err(|error| SuperuserError::Account {
        name: name.to_owned(),
        line: error.line(),
        column: error.column(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_no_account_is_refused_without_its_password() {
        let table = [
            r#"{"username": "a", "email": "b", "password": 12345678}"#,
            r#""12345678""#,
            "12345678",
            r#"{"username": "a", "email": "b", "12345678": "password"}"#,
        ];
        for value in table {
            let Err(error) = parse_account("/wagrun/superuser", value) else {
                panic!("{value} was taken");
            };
            let error = wagrun_lambda::telemetry::chain(&error);
            assert!(
                error.starts_with("SSM parameter /wagrun/superuser is not"),
                "{error}"
            );
            assert!(!error.contains("12345678"), "{error}");
        }
    }
}
