//! What the template sets.

use wagrun_lambda::environment::{EnvironmentError, optional, parsed_or, required};

use crate::{RetentionDays, Selection, SelectionError};

/// Read once, at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which log groups are the stack's.
    pub selection: Selection,
    /// What a log group without a retention gets.
    pub retention: RetentionDays,
    /// Whether log groups are looked for by tag as well.
    pub by_tag: bool,
}

/// The environment can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is absent, or not what it should be.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A prefix is not the stack's alone.
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

impl Config {
    /// From `STACK_NAME`, `LOG_GROUP_PREFIXES` (none, with commas between), `LOG_GROUPS_BY_TAG` (false) and
    /// `LOG_RETENTION_DAYS` (30).
    pub fn from_environment() -> Result<Self, ConfigError> {
        let stack = required("STACK_NAME")?;
        let further = optional("LOG_GROUP_PREFIXES").unwrap_or_default();
        Ok(Self {
            selection: Selection::new(&stack, &further)?,
            retention: parsed_or(
                "LOG_RETENTION_DAYS",
                RetentionDays::default(),
                RetentionDays::EXPECTED,
            )?,
            by_tag: parsed_or("LOG_GROUPS_BY_TAG", false, "true or false")?,
        })
    }
}
