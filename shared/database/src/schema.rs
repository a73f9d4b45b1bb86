//! The schema `wagrun` in the site's database: its migrations, its settings, and the triggers on watched tables.

mod detach;
mod discovered;
mod history;
mod install;
mod lock;
mod present_content;
mod publication;
mod session;
mod settings;
mod table_lock;
mod watch;

pub use detach::{DetachError, Detached, detach};
pub use discovered::{Owner, ParentTable, ScheduledTable, UserTable, WatchedTable};
pub use history::{
    MigrationOutcome, MigrationRun, begin_run, end_run, last_successful_run, recent_runs,
};
pub use install::{SchemaError, installed_version, known_version, migrate, migrate_to};
pub use lock::{
    LockError, LockHolder, LockLost, MigrationLock, child_session_name,
    end_sessions_of_earlier_runs, lock_holder, lock_migration,
};
pub use present_content::record_uncaptured_content;
pub use publication::{FailedPublication, record_failed_publications};
pub use session::{DatabaseProof, SessionLost, keep_in_use, prove_database};
pub use settings::{
    create_lambda_extension, limit_statements, set_doorbell_function, set_up_roles,
    set_url_patterns, set_user_table,
};
pub use watch::{WatchError, named_tables, watch_scheduled_tables, watch_tables};
