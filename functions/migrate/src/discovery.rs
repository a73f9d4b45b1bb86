//! Has Django apply its migrations, and asks it which tables hold content.

use serde::Deserialize;
use wagrun_database::schema::{ScheduledTable, UserTable, WatchedTable};

use crate::manage::{Manage, ManageError, Surroundings, TAIL_LINES};

/// What `discover.py` puts before its answer.
const MARKER: &str = "WAGRUN-DISCOVERY ";
/// What `migrate.py` prints before the name of a migration that it has applied.
const APPLIED: &str = "WAGRUN-APPLIED ";
/// And when all are.
const MIGRATED: &str = "WAGRUN-MIGRATED";

/// What Django knows of the site's content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// The tables to watch.
    pub tables: Vec<WatchedTable>,
    /// Where it keeps what is to be published, or to expire, later.
    pub schedules: Vec<ScheduledTable>,
    /// Where the users are.
    pub user: UserTable,
    /// Whether there is a superuser who can log in.
    pub superuser: bool,
}

/// Django's migrations were not applied, or its answer can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// A migration failed; those before it are applied.
    #[error("Django's migrations failed")]
    Migrations(#[source] ManageError),
    /// The migrations are applied, and then the command failed.
    #[error("can't ask Django what to watch")]
    Manage(#[source] ManageError),
    /// There was no answer among what it printed.
    #[error("manage.py shell printed no line that begins with {MARKER}")]
    NoAnswer,
    /// The answer is not what this version expects.
    #[error("can't read the answer of discover.py")]
    Answer(#[from] serde_json::Error),
}

/// What Django printed while it migrated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    /// The migrations that it applied, such as `blog.0002_author`.
    pub applied: Vec<String>,
    /// The last lines.
    pub tail: Vec<String>,
}

/// Applies Django's migrations and then asks what to watch; `printed` has what was applied also when it fails.
pub async fn migrate_and_discover(
    manage: &Manage,
    surroundings: &Surroundings,
    printed: &mut Printed,
) -> Result<Discovery, DiscoveryError> {
    let code = concat!(include_str!("migrate.py"), include_str!("discover.py"));
    let mut all_applied = false;
    let answer = manage.shell(code, MARKER, surroundings, |line| {
        all_applied |= line == MIGRATED;
        if let Some(name) = line.strip_prefix(APPLIED) {
            printed.applied.push(name.to_owned());
        } else if !all_applied && !line.trim().is_empty() {
            if printed.tail.len() == TAIL_LINES {
                printed.tail.remove(0);
            }
            printed.tail.push(line.to_owned());
        }
    });
    match answer.await {
        Ok(answer) => Ok(serde_json::from_str(
            &answer.ok_or(DiscoveryError::NoAnswer)?,
        )?),
        Err(error) if all_applied => Err(DiscoveryError::Manage(error)),
        Err(error) => Err(DiscoveryError::Migrations(error)),
    }
}
