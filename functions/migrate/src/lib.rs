//! `migrate`: the singleton job that brings a database to what a version of the site needs.
//!
//! # Steps of `migrate`, and what a crash at each does
//! 1. **Lock** ([`run`]): a session advisory lock on a direct connection, kept to the end and used every ten seconds; a
//!    second run waits for it and then finds nothing left to do. A crash ends the session and with it the lock, at once
//!    where the system says so, within forty seconds where the run is frozen or its network gone. Whoever has the lock
//!    ends what a killed run's `manage.py` left behind in the database.
//! 2. **wagrun's schema**, one transaction a migration; refused when it is newer than this program, but not where
//!    CloudFormation takes a deployment back to an image that succeeded before ([`run`]). From here on the run is in
//!    `wagrun.migration_run`; one that ends without a word is called abandoned by the next.
//! 3. **Django's migrations**, with capture off, so that a data migration does not flood the subscribers. Django
//!    records each migration as it goes; a crash leaves those that were done, and the next run goes on.
//! 4. **Discovery, capture and roles**: Django says which tables hold content, and the triggers, the settings and the roles
//!    are made to match, in one transaction. Until then the old triggers go on working.
//! 5. **Superuser**, if one is configured and none is there.
//! 6. **Record and unlock.**
//!
//! Every step ends in time for the answer: a command that would outlast the function is asked to end, and then killed.

mod answer;
mod commands;
pub mod config;
mod discovery;
pub mod handler;
mod manage;
mod migrator;
mod request;
mod run;
mod superuser;

pub use answer::{Answer, Finished, Migrated, Planned, SchemaVersions, Status};
pub use commands::CommandError;
pub use migrator::{Ask, Migrator};
pub use request::Command;
pub use run::MigrateError;
