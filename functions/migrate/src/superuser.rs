//! The first account of a new site.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::DisplayErrorContext;
use serde::Deserialize;

use crate::manage::{Manage, ManageError, Surroundings};

/// What `superuser.py` puts before its answer.
const MARKER: &str = "WAGRUN-SUPERUSER ";

/// The account, as the SSM parameter holds it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    username: String,
    email: String,
    password: String,
}

/// The superuser could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SuperuserError {
    /// The parameter can't be read.
    #[error("can't read SSM parameter {name}: {reason}")]
    Parameter {
        /// Its name.
        name: String,
        /// What SSM said.
        reason: String,
    },
    /// The parameter holds something else. What exactly is not said, as the parser's words may repeat the password.
    #[error(
        "SSM parameter {name} is not {{\"username\", \"email\", \"password\"}} in JSON, all of them texts \
         (line {line}, column {column})"
    )]
    Account {
        /// Its name.
        name: String,
        /// Where it is wrong.
        line: usize,
        /// And in which column.
        column: usize,
    },
    /// Django said no.
    #[error("can't create the superuser")]
    Manage(#[from] ManageError),
}

/// Creates the superuser unless there is one; answers `created` or `exists`.
pub async fn ensure(
    ssm: &Client,
    parameter: &str,
    manage: &Manage,
    surroundings: &Surroundings,
) -> Result<String, SuperuserError> {
    let account = read(ssm, parameter).await?;
    let mut surroundings = surroundings.clone();
    surroundings.environment.extend([
        ("DJANGO_SUPERUSER_USERNAME", account.username),
        ("DJANGO_SUPERUSER_EMAIL", account.email),
        ("DJANGO_SUPERUSER_PASSWORD", account.password),
    ]);
    let outcome = manage
        .shell(include_str!("superuser.py"), MARKER, &surroundings, |_| ())
        .await?;
    Ok(outcome.unwrap_or_else(|| "unknown".to_owned()))
}

async fn read(ssm: &Client, name: &str) -> Result<Account, SuperuserError> {
    let unreadable = |reason: String| SuperuserError::Parameter {
        name: name.to_owned(),
        reason,
    };
    let output = ssm
        .get_parameter()
        .name(name)
        .with_decryption(true)
        .send()
        .await
        .map_err(|error| unreadable(DisplayErrorContext(error).to_string()))?;
    let value = output
        .parameter()
        .and_then(|parameter| parameter.value())
        .ok_or_else(|| unreadable("it has no value".to_owned()))?;
    parse(name, value)
}

fn parse(name: &str, value: &str) -> Result<Account, SuperuserError> {
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
            let Err(error) = parse("/wagrun/superuser", value) else {
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
