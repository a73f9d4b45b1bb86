//! Measures what editors and visitors notice while wagrun is attached to a database with a million revisions, and detached again.
//!
//! Everything is in one run: the same edits without wagrun, during each command, and with the triggers. The commands are those of
//! the deployed function. Nothing publishes the captured changes, so the bench removes them before the schema is dropped.

#![allow(clippy::disallowed_methods)]

mod database;
mod server_log;
mod sessions;
mod steps;
mod wagrun;

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    steps::run().await
}
