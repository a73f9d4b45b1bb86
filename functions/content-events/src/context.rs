//! The values that the steps of a run share besides the connection.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::outbox::{self, FieldNames, VisibilityRules};

use crate::publish::Topic;

/// The topic, the settings and the time limit of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrainContext<'a> {
    /// The topic for the events.
    pub topic: &'a Topic,
    /// The `source` of the events.
    pub source: &'a str,
    /// The number of days for which settled events are kept.
    pub history_days: i32,
    /// The time after which a page that was inserted as live counts as published.
    pub decision_delay: Duration,
    /// The time after which the run takes no more work.
    pub stop_at: Instant,
}

/// Field names and rules that events are composed with. They are read after the changes are claimed, so that they include these.
#[derive(Debug)]
pub(crate) struct ReferenceData {
    /// Field names by column name.
    pub names: FieldNames,
    /// Everything that decides the visibility of pages and documents besides their own rows.
    pub rules: VisibilityRules,
}

impl ReferenceData {
    /// Reads the field names and the rules.
    pub async fn load(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Ok(Self {
            names: FieldNames::load(connection).await?,
            rules: outbox::visibility_rules(connection).await?,
        })
    }
}
