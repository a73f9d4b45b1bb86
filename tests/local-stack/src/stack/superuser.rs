//! The superuser of the admin, which migrate creates.

use serde_json::json;
use testing::secrets::{Kind, recorded};

use crate::deployment::{DeploymentError, STACK};
use crate::emulator::Emulator;

/// The superuser of the admin.
#[derive(Debug, Clone)]
pub struct Superuser {
    /// The user name.
    pub username: String,
    /// The password, which is different in each run.
    pub password: String,
}

impl Superuser {
    /// A superuser with a new password.
    pub(super) fn new() -> Self {
        Self {
            username: "admin".to_owned(),
            password: recorded(Kind::Password, uuid::Uuid::new_v4().simple().to_string()),
        }
    }
}

/// Writes the parameter of the superuser, and returns its name.
pub(super) async fn put_superuser(
    emulator: &Emulator,
    superuser: &Superuser,
) -> Result<String, DeploymentError> {
    let name = format!("/{STACK}/superuser");
    let value = json!({
        "username": superuser.username,
        "email": "admin@example.org",
        "password": superuser.password,
    });
    emulator
        .aws()
        .put_parameter(&name, &value.to_string())
        .await?;
    Ok(name)
}
