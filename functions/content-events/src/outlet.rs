//! The things that a run has at hand besides its connection.

use sqlx::postgres::PgConnection;
use wagrun_database::outbox::{self, FieldNames, Lock, Site};

use crate::outcome::DrainError;
use crate::publish::Topic;

/// The way out for a run's events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlet<'a> {
    /// The topic that events go to.
    pub topic: &'a Topic,
    /// The events' `source`.
    pub source: &'a str,
    /// Days for which settled events are kept.
    pub history_days: i32,
}

/// Names and sites that events are composed with, read once for a run.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub names: FieldNames,
    pub sites: Vec<Site>,
}

impl Lookup {
    pub(crate) async fn load(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Ok(Self {
            names: FieldNames::load(connection).await?,
            sites: outbox::sites(connection).await?,
        })
    }
}

/// Gives a lock back that this session must still have.
pub(crate) async fn unlock(connection: &mut PgConnection, lock: Lock) -> Result<(), DrainError> {
    if outbox::unlock(connection, lock).await? {
        Ok(())
    } else {
        Err(DrainError::LockLost)
    }
}
