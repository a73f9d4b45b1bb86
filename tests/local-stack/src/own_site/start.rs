//! Starts the site's Django once, so that an error of its settings is known in seconds, and not after the stack has started.

use std::path::Path;
use std::process::{Command, Stdio};

use super::environment::variables;
use crate::site_database::Database;

/// The site's Django does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings, or a module that they name, raise an error.
    #[error(
        "the site does not start: {0}. Variables that its settings need are in SITE_ENVIRONMENT='{{\"NAME\": \"value\"}}', and SETTINGS \
         names another settings module"
    )]
    Settings(String),
    /// The interpreter cannot be started.
    #[error("cannot start {python}")]
    Python {
        /// The interpreter.
        python: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Loads the settings and the apps, with the variables of the local stack. Nothing connects to a database.
pub(super) fn check(
    python: &Path,
    directory: &Path,
    environment: Option<&str>,
) -> Result<(), StartError> {
    let database = Database {
        port: 5432,
        name: "wagtail",
        user: "wagtail_web",
    };
    let output = Command::new(python)
        .args(["manage.py", "shell", "--command", "pass"])
        .current_dir(directory)
        .envs(variables(database, environment))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| StartError::Python {
            python: python.display().to_string(),
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rev().find(|line| !line.trim().is_empty());
    let reason = last.unwrap_or("it printed nothing").trim().to_owned();
    Err(StartError::Settings(reason))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_error_of_the_settings_is_one_sentence_with_the_way_to_set_a_variable() {
        let name = format!("own-site-start-{}", uuid::Uuid::new_v4().simple());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let python = directory.join("python");
        let program = "#!/bin/sh\n[ \"$NEEDED\" = here ] && [ -n \"$SECRET_KEY\" ] && exit 0\n\
                       printf 'Traceback\\n  File \"settings.py\"\\nKeyError: NEEDED\\n\\n' >&2\nexit 1\n";
        std::fs::write(&python, program).unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();

        let error = check(&python, &directory, None).unwrap_err().to_string();
        assert!(
            error.starts_with("the site does not start: KeyError: NEEDED. Variables"),
            "{error}"
        );
        assert!(error.contains("SITE_ENVIRONMENT="), "{error}");
        check(&python, &directory, Some(r#"{"NEEDED": "here"}"#)).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
