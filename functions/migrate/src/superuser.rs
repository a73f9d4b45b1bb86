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
    /// The parameter holds something else. The source names the field, and never repeats the value.
    #[error("SSM parameter {name} is not {{\"username\", \"email\", \"password\"}} in JSON")]
    Account {
        /// Its name.
        name: String,
        /// What is missing or wrong.
        source: serde_json::Error,
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
    serde_json::from_str(value).map_err(|source| SuperuserError::Account {
        name: name.to_owned(),
        source,
    })
}
