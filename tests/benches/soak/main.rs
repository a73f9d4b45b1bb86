//! A day in an hour: the local stack under a steady stream of edits, with every schedule 24 times as often.
//!
//! Each minute prints the memory and the open files of every program, the size of wagrun's tables, and all that waits. At the end
//! the second quarter is compared with the last one. A figure that has grown by more than a tenth fails the run.
//!
//! `WAGRUN_SOAK_SECONDS` sets the length. The emulator and the receiver keep all requests, so they grow, and are not judged.

#![allow(clippy::disallowed_methods)]

mod editors;
mod report;
mod run;
mod samples;
mod schedules;

use std::error::Error;
use std::time::Duration;

const DEFAULT_LENGTH: Duration = Duration::from_secs(60 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let length = match std::env::var("WAGRUN_SOAK_SECONDS") {
        Ok(seconds) if !seconds.is_empty() => Duration::from_secs(seconds.parse()?),
        _ => DEFAULT_LENGTH,
    };
    run::run(length).await
}
