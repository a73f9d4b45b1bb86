//! Runs `make subscriber-check FILE=… STACK=…`. Without a stack the rules are those of the template's defaults.
//!
//! The exit code is 0 if nothing is to be corrected, 1 if a part of the filter matches nothing, and 2 if the file cannot be used.

#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use subscriber_test::{CheckedFile, check, enter_environment};
use wagrun_delivery::subscriber::Rules;
use wagrun_lambda::environment::optional;
use wagrun_lambda::telemetry::chain;

#[tokio::main]
async fn main() -> ExitCode {
    match checked().await {
        Ok(checked) => {
            print!("{checked}");
            ExitCode::from(u8::from(!checked.is_clean()))
        }
        Err(error) => {
            eprintln!("{}", chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

async fn checked() -> Result<CheckedFile, Box<dyn Error>> {
    let file = std::env::args().nth(1).filter(|file| !file.is_empty());
    let file =
        file.ok_or("usage: subscriber-check FILE, with STACK in the environment for its rules")?;
    if let Some(stack) = optional("STACK") {
        enter_environment(&wagrun_lambda::aws::config().await, &stack).await?;
    }
    Ok(check(Path::new(&file), Rules::from_environment()?)?)
}
