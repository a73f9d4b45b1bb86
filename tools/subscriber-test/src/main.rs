//! Runs `make subscriber-test NAME=… STACK=…`.
//!
//! The exit code is 0 if the receiver accepted the event, 1 if it did not, and 2 if the event was not sent.

#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use deliver::Config;
use jiff::Timestamp;
use subscriber_test::{Report, Tester, environment};
use wagrun_lambda::environment::{optional, required};
use wagrun_lambda::telemetry::chain;

/// The environment variable that is set once the environment is that of the function.
const CONFIGURED: &str = "SUBSCRIBER_TEST_CONFIGURED";

#[tokio::main]
async fn main() -> ExitCode {
    match test().await {
        Ok(report) => {
            print!("{report}");
            ExitCode::from(u8::from(report.result.is_err()))
        }
        Err(error) => {
            eprintln!("{}", chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

async fn test() -> Result<Report, Box<dyn Error>> {
    let name = std::env::args().nth(1).filter(|name| !name.is_empty());
    let name = name.ok_or("usage: subscriber-test NAME, with STACK in the environment")?;
    let aws = wagrun_lambda::aws::config().await;
    if optional(CONFIGURED).is_none() {
        // The program starts itself again with the environment of deliver, so the same code reads the same configuration.
        let variables = environment(&aws, &required("STACK")?).await?;
        let mut again = Command::new(std::env::current_exe()?);
        again.arg(name).envs(variables).env(CONFIGURED, "yes");
        return Err(again.exec().into());
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "the process already has a TLS provider")?;
    let tester = Tester::new(&aws, Config::from_environment()?)?;
    Ok(tester.test(&name, Timestamp::now()).await?)
}
