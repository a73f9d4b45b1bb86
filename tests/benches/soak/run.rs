//! One run: the stack, its editor, its schedules, and a sample every minute.

use std::error::Error;
use std::time::{Duration, Instant};

use local_stack::stack::{LocalStack, StackOptions};
use serde_json::json;
use testing::progress::Progress;
use tokio::time::sleep;

use crate::report::Report;
use crate::schedules::UNRELIABLE;
use crate::{editors, samples, schedules};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(60);

/// Runs for this time, and fails if a figure has grown.
pub async fn run(length: Duration) -> Result<(), Box<dyn Error>> {
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
