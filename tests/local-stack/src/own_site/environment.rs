//! The variables of a site's processes.

use migrate::{SiteEnvironment, SiteEnvironmentError};
use serde_json::{Map, Value};

use crate::site_database::Database;

/// The variables of a site cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable cannot be used. The error names it.
    #[error(transparent)]
    Variable(#[from] SiteEnvironmentError),
    /// The variables are not an object, so the settings module cannot be added.
    #[error("SITE_ENVIRONMENT is no JSON object like {{\"NAME\": \"value\"}}")]
    NoObject(#[source] serde_json::Error),
}

/// Returns the variables in JSON with the settings module among them. None where there are none.
///
/// # Errors
/// Fails if the variables cannot be read, and names the variable.
pub(super) fn with_settings(
    environment: Option<&str>,
    settings: Option<&str>,
) -> Result<Option<String>, EnvironmentError> {
    if let Some(text) = environment {
        SiteEnvironment::parse(text)?;
    }
    let Some(settings) = settings else {
        return Ok(environment.map(str::to_owned));
    };
    let mut object: Map<String, Value> =
        serde_json::from_str(environment.unwrap_or("{}")).map_err(EnvironmentError::NoObject)?;
    object.insert("DJANGO_SETTINGS_MODULE".to_owned(), Value::from(settings));
    Ok(Some(Value::from(object).to_string()))
}

/// Returns the variables of the database, as migrate gives them to `manage.py`, and the site's own.
pub(super) fn variables(
    database: Database<'_>,
    environment: Option<&str>,
) -> Vec<(String, String)> {
    let Database { port, name, user } = database;
    let connection = [
        ("DATABASE_HOST", "127.0.0.1".to_owned()),
        ("DATABASE_PORT", port.to_string()),
        ("DATABASE_NAME", name.to_owned()),
        ("DATABASE_USER", user.to_owned()),
        ("DATABASE_SSL_MODE", "disable".to_owned()),
        ("DATABASE_AUTH", "none".to_owned()),
        (
            "DATABASE_URL",
            format!("postgres://{user}@127.0.0.1:{port}/{name}?sslmode=disable"),
        ),
        // The web service and migrate have one too.
        ("SECRET_KEY", "of the local stack".to_owned()),
    ];
    // Checked before.
    let own = environment.and_then(|text| SiteEnvironment::parse(text).ok());
    let own = own.unwrap_or_default().compose(&connection);
    connection
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .chain(own)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_module_is_one_of_the_variables() {
        let table = [
            (None, None, None),
            (Some(r#"{"A":"b"}"#), None, Some(r#"{"A":"b"}"#)),
            (
                None,
                Some("mysite.settings"),
                Some(r#"{"DJANGO_SETTINGS_MODULE":"mysite.settings"}"#),
            ),
            (
                Some(r#"{"A":"b"}"#),
                Some("mysite.settings"),
                Some(r#"{"A":"b","DJANGO_SETTINGS_MODULE":"mysite.settings"}"#),
            ),
        ];
        for (environment, settings, expected) in table {
            let found = with_settings(environment, settings).unwrap();
            assert_eq!(found.as_deref(), expected);
        }
        let error = with_settings(Some("A=b"), None).unwrap_err().to_string();
        assert!(
            error.starts_with("SITE_ENVIRONMENT is no JSON object"),
            "{error}"
        );
    }

    #[test]
    fn the_sites_own_variables_have_the_parts_of_the_connection() {
        let database = Database {
            port: 5432,
            name: "wagtail",
            user: "web",
        };
        let found = variables(
            database,
            Some(r#"{"DB": "{DATABASE_URL}", "DATABASE_USER": "me"}"#),
        );
        let last = |name: &str| {
            found
                .iter()
                .rev()
                .find(|(one, _)| one == name)
                .unwrap()
                .1
                .clone()
        };
        assert_eq!(
            last("DB"),
            "postgres://web@127.0.0.1:5432/wagtail?sslmode=disable"
        );
        assert_eq!(
            last("DATABASE_USER"),
            "me",
            "the site's own variable counts"
        );
    }
}
