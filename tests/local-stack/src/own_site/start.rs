//! Starts the site's Django once, so that a fault of its settings is known in seconds, and not after the stack has started.

use std::path::Path;
use std::process::{Command, Stdio};

use super::environment::variables;
use crate::site_database::Database;

/// Prints the settings module and the engine of the default database.
const PRINT: &str = "\
import os
from django.db import connections
print('WAGRUN-SITE', os.environ.get('DJANGO_SETTINGS_MODULE'), connections['default'].settings_dict['ENGINE'])
";
const MARKER: &str = "WAGRUN-SITE ";
/// Parts of the names of engines that are not for PostgreSQL. An engine of an unknown name may be.
const OTHER_ENGINES: [&str; 4] = ["sqlite", "mysql", "oracle", "dummy"];

/// The site's Django does not start, or not with the database of the local stack.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings, or a module that they name, raise an error.
    #[error(
        "the site does not start: {0}. Variables that its settings need are in SITE_ENVIRONMENT='{{\"NAME\": \"value\"}}', and SETTINGS \
         names another settings module"
    )]
    Settings(String),
    /// The settings lead to another database.
    #[error(
        "the site's default database has the engine {0}, and wagrun needs PostgreSQL: its settings read neither DATABASE_URL nor \
         DATABASE_HOST. Give them their own variables by SITE_ENVIRONMENT='{{\"NAME\": \"{{DATABASE_URL}}\"}}', or name other settings by \
         SETTINGS"
    )]
    OtherDatabase(String),
    /// The interpreter cannot be started.
    #[error("cannot start {python}")]
    Python {
        /// The interpreter.
        python: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
}

/// Loads the settings and the apps, with the variables of the local stack. Returns the settings module. Nothing connects to a database.
pub(super) fn check(
    python: &Path,
    directory: &Path,
    environment: Option<&str>,
) -> Result<String, StartError> {
    let database = Database {
        port: 5432,
        name: "wagtail",
        user: "wagtail_web",
    };
    let output = Command::new(python)
        .args(["manage.py", "shell", "--command", PRINT])
        .current_dir(directory)
        .envs(variables(database, environment))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| StartError::Python {
            python: python.display().to_string(),
            source,
        })?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let line = printed
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(MARKER));
    if let Some((settings, engine)) = line.and_then(|line| line.split_once(' '))
        && output.status.success()
    {
        return match OTHER_ENGINES.iter().any(|other| engine.contains(other)) {
            true => Err(StartError::OtherDatabase(engine.to_owned())),
            false => Ok(settings.to_owned()),
        };
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
        let program = "#!/bin/sh\n[ \"$NEEDED\" = here ] && [ -n \"$SECRET_KEY\" ] && echo \"WAGRUN-SITE mysite.settings $ENGINE\" && exit 0\n\
                       printf 'Traceback\\n  File \"settings.py\"\\nKeyError: NEEDED\\n\\n' >&2\nexit 1\n";
        std::fs::write(&python, program).unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();

        let error = check(&python, &directory, None).unwrap_err().to_string();
        assert!(
            error.starts_with("the site does not start: KeyError: NEEDED. Variables"),
            "{error}"
        );
        assert!(error.contains("SITE_ENVIRONMENT="), "{error}");
        let checked = |engine: &str| {
            let environment = format!(r#"{{"NEEDED": "here", "ENGINE": "{engine}"}}"#);
            check(&python, &directory, Some(&environment))
        };
        for engine in ["django.db.backends.postgresql", "wagrun.database", "a.pool"] {
            assert_eq!(checked(engine).unwrap(), "mysite.settings");
        }
        for engine in ["django.db.backends.sqlite3", "django.db.backends.dummy"] {
            let error = checked(engine).unwrap_err().to_string();
            assert!(error.contains(engine), "{error}");
            assert!(error.contains("DATABASE_URL nor DATABASE_HOST"), "{error}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
