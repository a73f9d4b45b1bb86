//! Runs `make subscriber-test NAME=… STACK=…`. With `COUNT=no` the objects that match are not counted, which wakes the database.
//! `URL=…` is the page that a CDN purges.
//!
//! The exit code is 0 if the receiver accepted the event, 1 if it did not, and 2 if the event was not sent.

#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::process::ExitCode;

use deliver::Config;
use jiff::Timestamp;
use subscriber_test::{Report, Tester, count, enter_environment};
use wagrun_lambda::environment::{optional, required};
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
    let mut tester = Tester::new(&aws, Config::from_environment()?)?;
    if let Some(url) = optional("URL") {
        tester = tester.with_page_url(url)?;
    }
    let mut report = tester.test(&name, Timestamp::now()).await?;
    // Events about the site and subscribers have no objects.
    let is_counted = optional("COUNT").as_deref() != Some("no");
    if is_counted && report.subscriber.filter.admits_content() {
        report.matches = Some(count(&aws, tester.source(), &report.parameter).await);
    }
    Ok(report)
}
