//! `migrate`: the singleton job that brings a database to what a version of the site needs.
//!
//! # Steps, and what a crash at each does
//! 1. **Lock**: a session advisory lock on a direct connection, held to the end; a second run waits for it and then
//!    finds nothing left to do. A crash ends the session and with it the lock.
//! 2. **Django's migrations**, with capture off, so that a data migration does not flood the subscribers. Django
//!    records each migration as it goes; a crash leaves those that were done, and the next run goes on.
//! 3. **wagrun's schema**, one transaction a migration.
//! 4. **Discovery and capture**: Django says which tables hold content, and the triggers are made to match, in one
//!    transaction. Until then the old triggers go on working.
//! 5. **Roles**: who may do what; the same statements every time.
//! 6. **Superuser**, if one is configured and none is there.

mod cloud_formation;
pub mod config;
mod discovery;
pub mod handler;
mod manage;
mod run;
mod superuser;

pub use run::{Answer, MigrateError, Migrator};
