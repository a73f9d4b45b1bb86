//! The payload of an invocation.

use serde::Deserialize;
use serde_json::Value;

/// Longest name of an image, in bytes. An image with its digest has some two hundred.
const MAX_DEPLOY_BYTES: usize = 1000;

/// The command to run. The list is fixed, so that the right to invoke the function is not the right to run any program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Brings the database up to date.
    Migrate,
    /// Reports the migrations that `migrate` would apply, and which of them would lock or rewrite a table.
    Plan,
    /// Reports the last runs, and the run that is under way.
    Status,
    /// Creates the configured superuser unless there is one.
    CreateSuperuser,
    /// Publishes and expires the pages that are due.
    PublishScheduled,
    /// Rebuilds the search index.
    UpdateIndex,
    /// Rebuilds the index of references between objects.
    RebuildReferencesIndex,
    /// Removes wagrun from the database.
    Detach,
}

/// An invocation's payload.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The command to run.
    pub command: Command,
    /// The image that is being deployed. The history records it.
    pub deploy: Option<String>,
    /// True to capture the changes of Django's migrations as events; without it the configuration decides.
    pub capture: Option<bool>,
}

/// A payload that is not a valid request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The payload is a list or a single value.
    #[error("the payload is not an object")]
    NotAnObject,
    /// The payload is not an object with these fields.
    #[error(transparent)]
    Payload(#[from] serde_json::Error),
    /// The value of a field is not allowed.
    #[error("{field}: {expected}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// The values that are allowed.
        expected: &'static str,
    },
}

impl Command {
    /// Returns the command's name in a payload and in log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Plan => "plan",
            Self::Status => "status",
            Self::CreateSuperuser => "create-superuser",
            Self::PublishScheduled => "publish-scheduled",
            Self::UpdateIndex => "update-index",
            Self::RebuildReferencesIndex => "rebuild-references-index",
            Self::Detach => "detach",
        }
    }
}

impl Request {
    /// Reads an invocation's payload.
    pub fn parse(payload: &Value) -> Result<Self, RequestError> {
        // serde also takes a list for a struct, which would give each value a field by its position.
        if !payload.is_object() {
            return Err(RequestError::NotAnObject);
        }
        let request = Self::deserialize(payload)?;
        let is_valid = |image: &String| (1..=MAX_DEPLOY_BYTES).contains(&image.len());
        if !request.deploy.as_ref().is_none_or(is_valid) {
            return Err(RequestError::Field {
                field: "deploy",
                expected: "expected an image or its digest, of 1 to 1000 bytes",
            });
        }
        if request.capture.is_some() && request.command != Command::Migrate {
            return Err(RequestError::Field {
                field: "capture",
                expected: "only goes with the command migrate",
            });
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_command_has_its_name() {
        let table = [
            ("migrate", Command::Migrate),
            ("plan", Command::Plan),
            ("status", Command::Status),
            ("create-superuser", Command::CreateSuperuser),
            ("publish-scheduled", Command::PublishScheduled),
            ("update-index", Command::UpdateIndex),
            ("rebuild-references-index", Command::RebuildReferencesIndex),
            ("detach", Command::Detach),
        ];
        for (name, command) in table {
            let request = Request::parse(&json!({"command": name})).unwrap();
            assert_eq!(request.command, command);
            assert_eq!(command.as_str(), name);
        }
    }

    #[test]
    fn an_invalid_request_is_an_error_that_names_the_field() {
        let table = [
            (
                json!({"command": "flush"}),
                "unknown variant `flush`, expected one of `migrate`, `plan`, `status`",
            ),
            (
                json!({"comand": "migrate"}),
                "unknown field `comand`, expected one of `command`, `deploy`, `capture`",
            ),
            (json!({}), "missing field `command`"),
            (json!("migrate"), "the payload is not an object"),
            (
                json!(["migrate", null, null]),
                "the payload is not an object",
            ),
            (
                json!({"command": "migrate", "deploy": ""}),
                "deploy: expected an image or its digest",
            ),
            (
                json!({"command": "plan", "capture": true}),
                "capture: only goes with the command migrate",
            ),
        ];
        for (payload, message) in table {
            let error = Request::parse(&payload).unwrap_err().to_string();
            assert!(error.starts_with(message), "{payload} gave {error}");
        }
    }
}
