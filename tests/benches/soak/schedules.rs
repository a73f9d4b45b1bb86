//! The schedules of the template, 24 times as often, and the passage of days in the history.

use std::error::Error;
use std::time::Duration;

use axum::http::StatusCode;
use local_stack::stack::LocalStack;
use serde_json::{Value, json};
use sqlx::Connection as _;
use testing::receiver::Answer;
use tokio::time::{interval, sleep};

/// The subscriber whose receiver is down for some time of each compressed hour.
pub const UNRELIABLE: &str = "unreliable";
/// An hour of the schedules.
const HOUR: Duration = Duration::from_secs(150);
/// The time that passes for the events in the history at each step.
const AGEING: &str = "update wagrun.event set settled_at = settled_at - interval '6 hours' where settled_at is not null";

/// Runs the schedules until the future is dropped.
pub async fn run(stack: &LocalStack) -> Result<(), Box<dyn Error>> {
    tokio::try_join!(
        every(
            stack,
            HOUR,
            "ContentEventsFunctionName",
            json!({"sweep": true})
        ),
        every(
            stack,
            HOUR / 12,
            "DeliverFunctionName",
            json!({"sweep": "backlogs"})
        ),
        every(
            stack,
            HOUR / 60,
            "MigrateFunctionName",
            json!({"command": "publish-scheduled"})
        ),
        every(stack, HOUR * 24, "LogRetentionFunctionName", json!({})),
        age(stack),
    )?;
    Ok(())
}

async fn every(
    stack: &LocalStack,
    time: Duration,
    function: &str,
    payload: Value,
) -> Result<(), Box<dyn Error>> {
    // A publication starts Python, which takes longer than a compressed minute.
    let mut ticks = interval(time.max(Duration::from_secs(10)));
    loop {
        ticks.tick().await;
        stack.deployment.invoke(function, &payload).await?;
    }
}

/// Lets the events of the history grow old, so that they are removed after ten minutes instead of a day.
async fn age(stack: &LocalStack) -> Result<(), Box<dyn Error>> {
    loop {
        sleep(HOUR).await;
        let mut session = sqlx::PgConnection::connect(&stack.database_url()).await?;
        sqlx::query(AGEING).execute(&mut session).await?;
        session.close().await?;
    }
}

/// Lets one receiver fail for a third of each compressed hour, until the future is dropped.
pub async fn fail_at_times(stack: &LocalStack) {
    let answers = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::NO_CONTENT];
    loop {
        for (answer, thirds) in answers.iter().zip([1, 2]) {
            stack
                .receiver
                .answer_always(UNRELIABLE, Answer::status(*answer));
            sleep(HOUR / 3 * thirds).await;
        }
    }
}
