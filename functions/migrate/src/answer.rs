//! The answers to the commands.

use serde::Serialize;
use serde_json::Value;
use wagrun_database::schema::{LockHolder, MigrationRun};

use crate::superuser::SuperuserOutcome;

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `migrate`.
    Migrated(Migrated),
    /// To `plan`.
    Plan(Plan),
    /// To `status`.
    Status(Status),
    /// To `publish-scheduled`.
    Published(Publication),
    /// To `detach`.
    Detached(Detachment),
    /// To every other command.
    CommandOutput(CommandOutput),
}

/// The result of a run of `migrate`.
///
/// After a rollback by CloudFormation no step was done: `run` is the image's last success, and the counts are zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrated {
    /// The number of the run in `wagrun.migration_run`.
    pub run: i64,
    /// Django's migrations that were applied, such as `blog.0002_author`.
    pub applied_django: Vec<String>,
    /// The number of tables that have capture triggers now.
    pub watched_tables: usize,
    /// The state of the configured superuser.
    pub superuser: SuperuserOutcome,
    /// Duration of the run, with the wait for the lock.
    pub milliseconds: u128,
    /// The last lines that Django printed.
    pub output: Vec<String>,
}

/// The result of `detach`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detachment {
    /// The number of tables whose triggers were removed.
    pub tables: usize,
    /// The things that stay, for people.
    pub kept: Vec<String>,
}

/// The changes that `migrate` would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Django's migrations that would be applied, in order, as `plan.py` describes them.
    pub migrations: Vec<Value>,
    /// The installed version of the schema `wagrun`, and the version after a migration.
    pub schema: SchemaVersions,
}

/// Versions of the schema `wagrun`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaVersions {
    /// The newest version in the database; none in a database without wagrun.
    pub installed: Option<i64>,
    /// The newest version that this program installs.
    pub known: i64,
}

/// The runs on this database.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The session that has the migration lock.
    pub running: Option<LockHolder>,
    /// Versions of the schema `wagrun`.
    pub schema: SchemaVersions,
    /// The last runs, the newest first.
    pub runs: Vec<MigrationRun>,
}

/// The result of `publish-scheduled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publication {
    /// The number of revisions that went live; none when a command of the site's own did the work.
    pub published: Option<u64>,
    /// The number of objects that expired; none likewise.
    pub expired: Option<u64>,
    /// The number of objects that still fail, and were reported a short time ago.
    pub failed: usize,
    /// Duration of the command, with the wait for the lock.
    pub milliseconds: u128,
    /// The last lines that the site printed.
    pub output: Vec<String>,
}

/// The output of a management command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandOutput {
    /// Duration of the command.
    pub milliseconds: u128,
    /// The last lines that it printed.
    pub output: Vec<String>,
}
