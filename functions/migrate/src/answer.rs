//! What an invocation answers.

use serde::Serialize;
use serde_json::Value;
use wagrun_database::schema::{LockHolder, MigrationRun};

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `migrate`.
    Migrated(Migrated),
    /// To `plan`.
    Planned(Planned),
    /// To `status`.
    Status(Status),
    /// To every other command.
    Finished(Finished),
}

/// What a run of `migrate` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrated {
    /// Its number in `wagrun.migration_run`; that of the image's last success where a deployment is taken back.
    pub run: i64,
    /// Django's migrations that were applied, such as `blog.0002_author`.
    pub applied_django: Vec<String>,
    /// The number of tables that have capture triggers now; 0, as none is looked at, where a deployment is taken back.
    pub watched_tables: usize,
    /// `created`, `exists`, `not configured`, or `not looked for` where a deployment is taken back.
    pub superuser: String,
    /// How long it took, the wait for the lock included.
    pub milliseconds: u128,
    /// The end of what Django printed.
    pub output: Vec<String>,
}

/// What `migrate` would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Django's migrations that would be applied, in order, as `plan.py` describes them.
    pub migrations: Vec<Value>,
    /// The schema `wagrun`: the installed version and the one that would be there.
    pub schema: SchemaVersions,
}

/// Versions of the schema `wagrun`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaVersions {
    /// The newest in the database; none without wagrun.
    pub installed: Option<i64>,
    /// The newest that this program installs.
    pub known: i64,
}

/// What was run on this database, and what runs now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Who has the migration lock.
    pub running: Option<LockHolder>,
    /// The schema `wagrun`.
    pub schema: SchemaVersions,
    /// The newest runs first.
    pub runs: Vec<MigrationRun>,
}

/// What a management command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finished {
    /// How long it took.
    pub milliseconds: u128,
    /// The end of what it printed.
    pub output: Vec<String>,
}
