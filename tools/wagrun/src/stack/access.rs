//! Region and credentials, as the AWS CLI has them.

use std::process::Command;

use aws_config::{AppName, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use serde::Deserialize;
use wagrun_lambda::aws::loader;
use wagrun_lambda::environment::optional;

use super::selection::Selection;
use crate::error::CommandError;

/// The output of `aws configure export-credentials --format process`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// The name of this program in the User-Agent of its calls, which CloudTrail shows.
const APPLICATION: &str = "wagrun";

/// Begins a configuration whose calls name this program.
pub fn named_loader() -> ConfigLoader {
    match AppName::new(APPLICATION) {
        Ok(name) => loader().app_name(name),
        Err(_) => loader(),
    }
}

/// Returns region and credentials of the selection.
///
/// Credentials of the environment come first. Then the AWS CLI is asked, which knows every way to log in. Without the AWS CLI, or when
/// it has none, the SDK looks for them itself.
pub async fn of(selection: &Selection) -> Result<SdkConfig, CommandError> {
    let mut loader = named_loader();
    let profile = selection
        .profile
        .clone()
        .or_else(|| optional("AWS_PROFILE"));
    if let Some(profile) = &profile {
        loader = loader.profile_name(profile);
    }
    let in_environment = selection.profile.is_none() && optional("AWS_ACCESS_KEY_ID").is_some();
    if !in_environment && let Some(exported) = exported(profile.as_deref()) {
        loader = loader.credentials_provider(exported);
    }
    if let Some(region) = &selection.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(CommandError::argument(
            "--region",
            "no region is known; name one here, by AWS_REGION, or in the profile",
        ));
    }
    Ok(config)
}

/// Asks the AWS CLI for credentials. Returns none when it is not installed or has none.
fn exported(profile: Option<&str>) -> Option<Credentials> {
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    let output = command.output().ok()?;
    let exported: Exported = serde_json::from_slice(&output.stdout).ok()?;
    Some(Credentials::new(
        exported.access_key_id,
        exported.secret_access_key,
        exported.session_token,
        None,
        "the AWS CLI",
    ))
}
