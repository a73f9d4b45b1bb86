//! What migrate can be asked to do.

use serde::Deserialize;
use serde_json::Value;

/// The longest name of a deployment, in bytes; an image with its digest has some two hundred.
const LONGEST_DEPLOY: usize = 1000;

/// What is to be run. The list is fixed: nobody who may invoke the function may run anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Brings the database up to date.
    Migrate,
    /// Says what `migrate` would do, and what of it would lock or rewrite a table.
    Plan,
    /// Says what was run, and what runs now.
    Status,
    /// Creates the configured superuser unless there is one.
    CreateSuperuser,
    /// Publishes and expires what is due.
    PublishScheduled,
    /// Fills the search index anew.
    UpdateIndex,
    /// Fills the index of references between objects anew.
    RebuildReferencesIndex,
}

/// An invocation's payload.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What to run.
    pub command: Command,
    /// The image that is being deployed, for the history.
    pub deploy: Option<String>,
    /// Whether what Django's migrations change becomes events; the configuration's choice when it is not said.
    pub capture: Option<bool>,
}

/// The payload asks for nothing that can be done.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is no request at all.
    #[error(transparent)]
    Payload(#[from] serde_json::Error),
    /// A field holds what it can't.
    #[error("{field}: {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is expected.
        expected: &'static str,
    },
}

impl Request {
    /// Reads an invocation's payload.
    pub fn parse(payload: &Value) -> Result<Self, RequestError> {
        let request = Self::deserialize(payload)?;
        let usable = |text: &String| !text.is_empty() && text.len() <= LONGEST_DEPLOY;
        if !request.deploy.as_ref().is_none_or(usable) {
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
        ];
        for (name, command) in table {
            let request = Request::parse(&json!({"command": name})).unwrap();
            assert_eq!(request.command, command);
        }
    }

    #[test]
    fn what_it_can_not_do_it_names() {
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
            (json!("migrate"), "invalid type: string \"migrate\""),
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
