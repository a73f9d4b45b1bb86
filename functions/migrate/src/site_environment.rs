//! The variables that a site needs besides those that migrate sets by itself: the parameter `SiteEnvironment`.
//!
//! It is a JSON object of names and texts, such as `{"DJANGO_SETTINGS_MODULE": "mysite.settings.production", "DB_HOST":
//! "{DATABASE_HOST}"}`. A part of the connection in braces is replaced by its value. With `_ENCODED` at its end, such as
//! `{DATABASE_PASSWORD_ENCODED}`, the value is percent-encoded, as a URL needs it. Other braces mean themselves.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// The names of the parts. `DATABASE_PASSWORD` and `DATABASE_CA_BUNDLE` are empty where the connection has none.
const PARTS: [&str; 9] = [
    "DATABASE_HOST",
    "DATABASE_PORT",
    "DATABASE_NAME",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "DATABASE_SSL_MODE",
    "DATABASE_AUTH",
    "DATABASE_CA_BUNDLE",
    "DATABASE_URL",
];
/// The start of a part in a value.
const PART_START: &str = "{DATABASE_";
const ENCODED: &str = "_ENCODED";

/// The beginnings of the names that migrate, Lambda or the SDK of AWS set.
const RESERVED: [&str; 7] = [
    "AWS_LAMBDA_",
    "LAMBDA_",
    "DJANGO_SUPERUSER_",
    "WAGRUN_",
    "PGOPTIONS",
    "PGAPPNAME",
    "PYTHONUNBUFFERED",
];

/// The site's variables, with parts of the connection still to be put in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteEnvironment {
    variables: Vec<(String, String)>,
}

/// A value of `SITE_ENVIRONMENT` that cannot be used. No value of a variable is repeated, because it may be a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SiteEnvironmentError {
    /// The text is not JSON.
    #[error(
        "SITE_ENVIRONMENT is no JSON object like {{\"NAME\": \"value\"}}: error in line {line}, column {column}"
    )]
    Json {
        /// The line of the error, from 1.
        line: usize,
        /// The column of the error, from 1.
        column: usize,
    },
    /// The value of a variable is no text.
    #[error("SITE_ENVIRONMENT: the value of {0:?} is no text in quotes")]
    NoText(String),
    /// No process can have a variable with this name.
    #[error("SITE_ENVIRONMENT: {0:?} is no name of a variable: letters, digits and _ only")]
    Name(String),
    /// The variable is set by migrate itself.
    #[error("SITE_ENVIRONMENT: {0} is set by migrate or by Lambda")]
    Reserved(String),
    /// The value has a part that does not exist.
    #[error("SITE_ENVIRONMENT: {name} has {part}, expected one of {{{}}}", PARTS.join("}, {"))]
    Part {
        /// The name of the variable.
        name: String,
        /// The part, in its braces.
        part: String,
    },
}

impl SiteEnvironment {
    /// Reads the JSON object.
    pub fn parse(text: &str) -> Result<Self, SiteEnvironmentError> {
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| SiteEnvironmentError::Json {
                line: error.line(),
                column: error.column(),
            })?;
        let mut variables = Vec::new();
        for (name, value) in object {
            let Value::String(value) = value else {
                return Err(SiteEnvironmentError::NoText(name));
            };
            check_name(&name)?;
            if let Err(part) = with_parts(&value, |_| Some(String::new())) {
                return Err(SiteEnvironmentError::Part { name, part });
            }
            variables.push((name, value));
        }
        Ok(Self { variables })
    }

    /// Returns the variables with these parts of the connection put in.
    pub fn compose(&self, connection: &[(&'static str, String)]) -> Vec<(String, String)> {
        let part = |name: &str| {
            let value = connection.iter().find(|(part, _)| *part == name);
            Some(value.map(|(_, value)| value.clone()).unwrap_or_default())
        };
        let compose = |value: &str| with_parts(value, part).unwrap_or_else(|_| value.to_owned());
        self.variables
            .iter()
            .map(|(name, value)| (name.clone(), compose(value)))
            .collect()
    }
}

fn check_name(name: &str) -> Result<(), SiteEnvironmentError> {
    let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
    if name.is_empty()
        || !name.chars().all(is_word)
        || name.starts_with(|it: char| it.is_ascii_digit())
    {
        return Err(SiteEnvironmentError::Name(name.to_owned()));
    }
    if RESERVED.iter().any(|start| name.starts_with(start)) {
        return Err(SiteEnvironmentError::Reserved(name.to_owned()));
    }
    Ok(())
}

/// Replaces each part by its value. Returns a part that does not exist, in its braces, as the error.
fn with_parts(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(PART_START) {
        result.push_str(&rest[..start]);
        let from_part = &rest[start..];
        let length = from_part.find('}').map_or(from_part.len(), |end| end + 1);
        let part = &from_part[..length];
        let name = part.trim_start_matches('{').trim_end_matches('}');
        let (name, is_encoded) = match name.strip_suffix(ENCODED) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let value = PARTS.contains(&name).then(|| value(name)).flatten();
        let value = value
            .filter(|_| part.ends_with('}'))
            .ok_or_else(|| part.to_owned())?;
        if is_encoded {
            result.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
        } else {
            result.push_str(&value);
        }
        rest = &from_part[length..];
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: [(&str, &str); 3] = [
        ("DATABASE_HOST", "db.internal"),
        ("DATABASE_PASSWORD", "a/b?c"),
        ("DATABASE_URL", "postgres://cms:x@db.internal/cms"),
    ];

    fn composed(text: &str) -> Vec<(String, String)> {
        let connection = CONNECTION.map(|(name, value)| (name, value.to_owned()));
        SiteEnvironment::parse(text).unwrap().compose(&connection)
    }

    #[test]
    fn parts_of_the_connection_are_put_in() {
        let table = [
            ("{DATABASE_HOST}", "db.internal"),
            ("{DATABASE_URL}", "postgres://cms:x@db.internal/cms"),
            (
                "u:{DATABASE_PASSWORD_ENCODED}@{DATABASE_HOST}!",
                "u:a%2Fb%3Fc@db.internal!",
            ),
            ("{DATABASE_PASSWORD}", "a/b?c"),
            ("[{DATABASE_CA_BUNDLE}]", "[]"),
            ("{\"a\": {}} {HOST} }{", "{\"a\": {}} {HOST} }{"),
            ("ü", "ü"),
            ("", ""),
        ];
        for (value, expected) in table {
            let text = serde_json::json!({ "NAME": value }).to_string();
            assert_eq!(
                composed(&text),
                [("NAME".to_owned(), expected.to_owned())],
                "{value}"
            );
        }
    }

    #[test]
    fn an_unusable_value_is_named_and_not_repeated() {
        let table = [
            (
                "NAME=secret",
                "no JSON object like {\"NAME\": \"value\"}: error in line 1, column 1",
            ),
            ("[\"secret\"]", "no JSON object"),
            ("{\"A\": \"secret\", }", "line 1, column"),
            (
                "{\"PORT\": 5432}",
                "the value of \"PORT\" is no text in quotes",
            ),
            ("{\"A\": null}", "the value of \"A\" is no text"),
            ("{\"A-B\": \"secret\"}", "\"A-B\" is no name of a variable"),
            ("{\"\": \"secret\"}", "\"\" is no name"),
            ("{\"1A\": \"secret\"}", "\"1A\" is no name"),
            ("{\"PGOPTIONS\": \"secret\"}", "PGOPTIONS is set by migrate"),
            (
                "{\"WAGRUN_SESSION\": \"secret\"}",
                "WAGRUN_SESSION is set by migrate",
            ),
            (
                "{\"A\": \"secret {DATABASE_HOSTS}\"}",
                "A has {DATABASE_HOSTS}, expected one of {DATABASE_HOST}, {",
            ),
            (
                "{\"A\": \"{DATABASE_HOST\"}",
                "A has {DATABASE_HOST, expected",
            ),
        ];
        for (text, expected) in table {
            let error = SiteEnvironment::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("SITE_ENVIRONMENT"), "{text}: {error}");
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }
}
