//! Reads the function's environment, once at start-up. An error names the variable.

use std::str::FromStr;

/// A variable is missing or invalid.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The variable is not set, or empty.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable's value cannot be parsed.
    #[error("environment variable {name}: {value:?} is not {expected}")]
    Invalid {
        /// The variable's name.
        name: &'static str,
        /// The value.
        value: String,
        /// The expected value, for people.
        expected: &'static str,
    },
}

/// Returns the value of a required variable. An empty one counts as missing, because CloudFormation cannot leave it out.
pub fn required(name: &'static str) -> Result<String, EnvironmentError> {
    optional(name).ok_or(EnvironmentError::Missing(name))
}

/// Returns the value of an optional variable; none when it is missing or empty.
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the parsed value of a variable, or `default` when it is missing. `expected` describes the value for people.
pub fn parsed_or<T: FromStr>(
    name: &'static str,
    default: T,
    expected: &'static str,
) -> Result<T, EnvironmentError> {
    parsed_value_or(name, optional(name), default, expected)
}

/// Returns a parsed value, or `default` when there is none or an empty one. The value is that of a variable in another
/// environment than this program's.
pub fn parsed_value_or<T: FromStr>(
    name: &'static str,
    value: Option<String>,
    default: T,
    expected: &'static str,
) -> Result<T, EnvironmentError> {
    match value.filter(|value| !value.is_empty()) {
        None => Ok(default),
        Some(value) => value.parse().map_err(|_| EnvironmentError::Invalid {
            name,
            value,
            expected,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = required("WAGRUN_TEST_ABSENT").unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable WAGRUN_TEST_ABSENT is not set"
        );
    }

    #[test]
    fn an_unusable_value_is_named_with_what_was_expected() {
        // PATH is set wherever tests run, and is never a number.
        let error = parsed_or::<u16>("PATH", 1, "a port number").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("environment variable PATH: \"")
        );
        assert!(error.to_string().ends_with("is not a port number"));
    }

    #[test]
    fn an_absent_variable_has_its_default() {
        assert_eq!(
            parsed_or("WAGRUN_TEST_ABSENT", 7_u16, "a number").unwrap(),
            7
        );
    }
}
