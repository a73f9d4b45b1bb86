//! The values that the steps of a run share besides the connection.

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::outbox::{self, FieldNames, Site};

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
    /// The time after which the run takes no more work.
    pub stop_at: Instant,
}

/// Field names and sites that events are composed with, read once while the drain lock is held.
#[derive(Debug)]
pub(crate) struct ReferenceData {
    /// Field names by column name.
    pub names: FieldNames,
    /// The sites, for the URLs of pages.
    pub sites: Vec<Site>,
}

impl ReferenceData {
    /// Reads the field names and the sites.
    pub async fn load(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Ok(Self {
            names: FieldNames::load(connection).await?,
            sites: outbox::sites(connection).await?,
        })
    }
}
