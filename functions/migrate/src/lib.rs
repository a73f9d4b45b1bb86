//! Brings a database to the state that a version of the site needs. One run at a time works on a database.
//!
//! # Steps of the command `migrate`, and what a crash at each does
//! 1. **Lock** (module `migration`): a session advisory lock on a direct connection. The session is used every ten seconds until
//!    the end. A second run waits for the lock and then finds nothing left to do. A crash ends the session, and with it the
//!    lock. That happens at once where the system closes the connection. It takes up to forty seconds where the run is frozen
//!    or its network is gone. The next holder of the lock ends the database sessions that a killed run's `manage.py` has left.
//! 2. **The database**: Django has to use the one that is locked. Every command's script looks for a random lock of this session
//!    first. In a database without wagrun's schema a script looks before anything is changed.
//! 3. **wagrun's schema**: each migration is one transaction. A schema that is newer than this program is refused. The
//!    exception is a deployment that CloudFormation rolls back to an image that succeeded before. From this step on
//!    the run is in `wagrun.migration_run`. The next run marks a run that has no end as abandoned.
//! 4. **Django's migrations**: they run with capture off, so that a data migration does not flood the subscribers. Django
//!    records each migration. After a crash the next run continues with the first that is not recorded.
//! 5. **Discovery, capture and roles**: Django lists the tables that hold content. The settings and roles are made to match
//!    in one transaction, the triggers table by table. Each table keeps its old triggers until it has the new ones.
//! 6. **Superuser**: created if one is configured and the site has none.
//! 7. **Record and unlock.**
//!
//! Every step ends in time for the answer. A command that would take longer than the function is asked to end, and then
//! killed.

mod answer;
mod commands;
mod config;
mod discovery;
mod handler;
mod invocation;
mod manage_py;
mod migration;
mod migrator;
mod publication;
mod request;
mod site;
mod site_environment;
mod superuser;

pub use answer::{
    Answer, CommandOutput, Detachment, Migrated, Plan, Publication, SchemaVersions, Status,
};
pub use commands::CommandError;
pub use config::Config;
pub use handler::handle;
pub use invocation::Invocation;
pub use migration::MigrateError;
pub use migrator::Migrator;
pub use request::Command;
pub use site_environment::{SiteEnvironment, SiteEnvironmentError};
pub use superuser::SuperuserOutcome;

/// Private parts for the targets in `fuzz/`, which cargo-fuzz builds with `cfg(fuzzing)`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::discovery::Discovery;
    pub use crate::publication::Published;
    pub use crate::request::{Request, RequestError};
}
