//! Applies Django's migrations, and asks Django which tables hold content.

use std::collections::VecDeque;

use serde::Deserialize;
use wagrun_database::outbox::UrlPatterns;
use wagrun_database::schema::{ScheduledTable, UserTable, WatchedTable};

use crate::manage_py::{CommandEnv, ManagePy, ManagePyError, push_line};

/// The start of the line with which `answer.py` ends.
const ANSWER_MARKER: &str = "WAGRUN-DISCOVERY ";
/// The start of the line that `migrate.py` prints for each migration that it has applied.
const APPLIED_MARKER: &str = "WAGRUN-APPLIED ";
/// The line that `migrate.py` prints when all migrations are applied.
const ALL_APPLIED: &str = "WAGRUN-MIGRATED";

/// The site's content, as Django knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// The tables to watch.
    pub tables: Vec<WatchedTable>,
    /// The tables with times at which something is published or expires.
    pub schedules: Vec<ScheduledTable>,
    /// The addresses at which the site serves its pages.
    pub url_patterns: UrlPatterns,
    /// The table of the users.
    pub user: UserTable,
    /// True when there is a superuser who can log in.
    pub has_superuser: bool,
}

/// Migrations that Django did not apply, or an answer of Django that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The site uses another database than migrate, or an old Wagtail. Nothing was applied.
    #[error(transparent)]
    Refused(ManagePyError),
    /// A migration failed. Those before it are applied.
    #[error("Django's migrations failed")]
    Migrations(#[source] ManagePyError),
    /// All migrations were applied, and then the command failed.
    #[error("cannot ask Django what to watch")]
    ManagePy(#[source] ManagePyError),
    /// The command printed no answer.
    #[error("manage.py shell printed no line that begins with {ANSWER_MARKER}")]
    NoAnswer,
    /// The answer has another shape than this version expects.
    #[error("cannot read the answer of answer.py")]
    Answer(#[from] serde_json::Error),
}

/// The output of Django's migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationOutput {
    /// The migrations that were applied, such as `blog.0002_author`.
    pub applied: Vec<String>,
    /// The last lines that Django printed.
    pub last_lines: VecDeque<String>,
}

/// Applies Django's migrations and then asks which tables hold content.
///
/// `output` has the applied migrations also when this fails.
pub async fn migrate_and_discover(
    manage_py: &ManagePy,
    env: &CommandEnv,
    output: &mut MigrationOutput,
) -> Result<Discovery, DiscoveryError> {
    let code = concat!(
        include_str!("migrate.py"),
        include_str!("../../../python/src/wagrun/discovery/url_patterns.py"),
        include_str!("../../../python/src/wagrun/discovery/content_tables.py"),
        include_str!("../../../python/src/wagrun/discovery/discover.py"),
        include_str!("answer.py")
    );
    let mut all_applied = false;
    let answer = manage_py.shell(code, ANSWER_MARKER, env, |line| {
        all_applied |= line == ALL_APPLIED;
        if let Some(name) = line.strip_prefix(APPLIED_MARKER) {
            output.applied.push(name.to_owned());
        } else if !all_applied && !line.trim().is_empty() {
            push_line(&mut output.last_lines, line.to_owned());
        }
    });
    match answer.await {
        Ok(answer) => Ok(serde_json::from_str(
            &answer.ok_or(DiscoveryError::NoAnswer)?,
        )?),
        Err(error @ ManagePyError::Refused(_)) => Err(DiscoveryError::Refused(error)),
        Err(error) if all_applied => Err(DiscoveryError::ManagePy(error)),
        Err(error) => Err(DiscoveryError::Migrations(error)),
    }
}
