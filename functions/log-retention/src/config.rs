//! The function's configuration, from its environment.

use wagrun_lambda::environment::{EnvironmentError, optional, parsed_or, required};

use crate::retention_days::RetentionDays;
use crate::selection::{Selection, SelectionError};

/// The function's configuration, read once at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The rules by which a log group belongs to the stack.
    pub selection: Selection,
    /// The retention for a log group that has none.
    pub retention: RetentionDays,
    /// True to find log groups by tag too.
    pub by_tag: bool,
}

/// An environment that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is missing or invalid.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Log groups that are not the stack's could begin with a prefix.
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

impl Config {
    /// Reads `STACK_NAME`, `LOG_GROUP_PREFIXES` (none; separated by commas), `LOG_GROUPS_BY_TAG` (false) and
    /// `LOG_RETENTION_DAYS` (30).
    pub fn from_environment() -> Result<Self, ConfigError> {
        let stack = required("STACK_NAME")?;
        let extra_prefixes = optional("LOG_GROUP_PREFIXES").unwrap_or_default();
        Ok(Self {
            selection: Selection::new(&stack, &extra_prefixes)?,
            retention: parsed_or(
                "LOG_RETENTION_DAYS",
                RetentionDays::default(),
                RetentionDays::EXPECTED,
            )?,
            by_tag: parsed_or("LOG_GROUPS_BY_TAG", false, "true or false")?,
        })
    }
}
