//! Reads the function's environment once, at start-up, with errors that name the variable.

use std::str::FromStr;

/// A variable is absent, or holds something that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The variable is not set, or set to nothing.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable is set to something that does not parse.
    #[error("environment variable {name}: {value:?} is not {expected}")]
    Invalid {
        /// The variable's name.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold, in words.
        expected: &'static str,
    },
}

/// The value of a variable that must be there; an empty one counts as absent, as CloudFormation can only set it empty.
pub fn required(name: &'static str) -> Result<String, EnvironmentError> {
    optional(name).ok_or(EnvironmentError::Missing(name))
}

/// The value of a variable that may be absent or empty.
pub fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The parsed value of a variable, or `default` when it is absent; `expected` says in words what it should hold.
pub fn parsed_or<T: FromStr>(
    name: &'static str,
    default: T,
    expected: &'static str,
) -> Result<T, EnvironmentError> {
    match optional(name) {
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
