//! A day in an hour: the local stack under a steady stream of edits, with every schedule 24 times as often.
//!
//! Each minute prints the memory and the open files of every program, the size of wagrun's tables, and all that waits. At the end
//! the second quarter is compared with the last one. A figure that has grown by more than a tenth fails the run.
//!
//! `WAGRUN_SOAK_SECONDS` sets the length. The emulator and the receiver keep all requests, so they grow, and are not judged.

#![allow(clippy::disallowed_methods)]

mod editors;
mod report;
mod samples;
mod schedules;

use std::error::Error;
use std::time::{Duration, Instant};

use local_stack::stack::{LocalStack, StackOptions};
use serde_json::json;
use testing::progress::Progress;
use tokio::time::sleep;

use crate::report::Report;

const DEFAULT_LENGTH: Duration = Duration::from_secs(60 * 60);
const SAMPLE_INTERVAL: Duration = Duration::from_secs(60);
/// The subscriber whose receiver is down for some time of each compressed hour.
const UNRELIABLE: &str = "unreliable";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let length = match std::env::var("WAGRUN_SOAK_SECONDS") {
        Ok(seconds) if !seconds.is_empty() => Duration::from_secs(seconds.parse()?),
        _ => DEFAULT_LENGTH,
    };
    let options = StackOptions {
        progress: Progress::lines(),
        subscribers: ["steady", UNRELIABLE]
            .map(|name| (name.to_owned(), json!({})))
            .to_vec(),
        parameters: [
            ("DeliveryMaxAttempts", "6".to_owned()),
            ("DeliveryRetrySeconds", "1,2,5,10,20".to_owned()),
            ("EventHistoryDays", "1".to_owned()),
        ]
        .into(),
        ..StackOptions::new("soak")
    };
    let stack = LocalStack::start(options).await?;
    let report = tokio::select! {
        report = sample(&stack, length) => report?,
        ended = editors::edit(&stack) => return Err(ended.err().unwrap_or("the editor ended".into())),
        ended = schedules::run(&stack) => return Err(ended.err().unwrap_or("the schedules ended".into())),
        () = schedules::fail_at_times(&stack) => unreachable!(),
    };
    report.judge()?;
    Ok(())
}

async fn sample(stack: &LocalStack, length: Duration) -> Result<Report, Box<dyn Error>> {
    let (started, mut report) = (Instant::now(), Report::default());
    while started.elapsed() < length {
        sleep(SAMPLE_INTERVAL.min(length / 12)).await;
        report.add(started.elapsed(), samples::take(stack).await?);
    }
    Ok(report)
}
