//! Runs `make subscriber-test NAME=… STACK=…`.
//!
//! The exit code is 0 if the receiver accepted the event, 1 if it did not, and 2 if the event was not sent.

#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::process::ExitCode;

use deliver::Config;
use jiff::Timestamp;
use subscriber_test::{Report, Tester, enter_environment};
use wagrun_lambda::environment::required;
use wagrun_lambda::telemetry::chain;

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
    enter_environment(&aws, &required("STACK")?).await?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "the process already has a TLS provider")?;
    let tester = Tester::new(&aws, Config::from_environment()?)?;
    Ok(tester.test(&name, Timestamp::now()).await?)
}
