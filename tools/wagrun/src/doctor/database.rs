//! The check of the database, by CloudWatch.

use super::check::Outcome;
use crate::error::CommandError;
use crate::stack::Stack;
use crate::status::database::{self, Database};

/// The database was at no capacity at some time within the last day.
pub async fn pauses(stack: &Stack) -> Result<Outcome, CommandError> {
    Ok(match database::read(stack).await? {
        Database::AlwaysOn => Outcome::Skipped("the database is not one that pauses".into()),
        Database::Unknown => Outcome::Failed("CloudWatch has no capacity of it".into()),
        state @ Database::Awake { since: None, .. } => Outcome::Failed(state.to_string()),
        state => Outcome::Passed(state.to_string()),
    })
}
