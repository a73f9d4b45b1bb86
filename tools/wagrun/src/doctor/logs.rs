//! Checks of logs and metrics.

use aws_sdk_cloudwatchlogs::Client;
use jiff::SignedDuration;

use super::check::Outcome;
use super::functions::deployed;
use crate::call::explain;
use crate::error::CommandError;
use crate::function::Function;
use crate::logs::{LogSource, Window};
use crate::stack::Stack;
use crate::time;

/// The time within which errors count.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(1);

/// The database's log leads to content-events.
pub async fn second_doorbell(stack: &Stack) -> Result<Outcome, CommandError> {
    let Some(group) = stack.optional("DatabaseLogGroupName") else {
        return Ok(Outcome::Skipped(
            "the stack does not read the database's log".into(),
        ));
    };
    let asked = Client::new(&stack.aws).describe_subscription_filters();
    let answer = asked.log_group_name(group).send().await;
    let answer = answer.map_err(explain("logs:DescribeSubscriptionFilters"))?;
    let wanted = stack.output("ContentEventsFunctionArn")?;
    let filters = answer.subscription_filters.unwrap_or_default();
    let destinations: Vec<&str> = filters
        .iter()
        .filter_map(|filter| filter.destination_arn.as_deref())
        .collect();
    Ok(match destinations.contains(&wanted) {
        true => Outcome::Passed(format!("{group} calls content-events")),
        false if destinations.is_empty() => Outcome::Failed(format!("{group} calls nothing")),
        false => Outcome::Failed(format!(
            "{group} calls {}, and not {wanted}",
            destinations.join(", ")
        )),
    })
}

/// Every function has a log group with a retention.
pub async fn groups(stack: &Stack) -> Result<Outcome, CommandError> {
    let prefix = format!("/{}/", stack.name);
    let list = Client::new(&stack.aws).describe_log_groups();
    let mut pages = list.log_group_name_prefix(&prefix).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain("logs:DescribeLogGroups"))?;
        found.extend(page.log_groups.unwrap_or_default());
    }
    let mut faults = Vec::new();
    for function in deployed(stack) {
        let name = stack.log_group(function.name());
        let group = found
            .iter()
            .find(|group| group.log_group_name.as_deref() == Some(&*name));
        match group {
            None => faults.push(format!("{name} is missing")),
            Some(group) if group.retention_in_days.is_none() => {
                faults.push(format!("{name} never expires"));
            }
            Some(_) => {}
        }
    }
    Ok(Outcome::of(
        &faults,
        format!("{} groups expire", found.len()),
    ))
}

/// No function ended with an error lately.
pub async fn errors(stack: &Stack) -> Result<Outcome, CommandError> {
    let since = time::now() - LOOK_BACK;
    let mut faults = Vec::new();
    for function in deployed(stack) {
        let mut errors = Vec::new();
        for pattern in ["\"invocation failed\"", "\"Task timed out\""] {
            let window = Window {
                since,
                pattern: Some(pattern.to_owned()),
            };
            errors.extend(LogSource::with(stack, &[function], window).next().await?);
        }
        // An operator's request with a mistake in it is no failure of the function.
        errors.retain(|line| {
            line.is_problem() && line.text_of("error.type") != Some("RequestRefused")
        });
        if let Some(newest) = errors.last() {
            let error = newest.text_of("error").unwrap_or("timed out");
            let count = errors.len();
            faults.push(format!(
                "{} failed {count} times, at last: {error}",
                function.name()
            ));
        }
    }
    Ok(Outcome::of(&faults, "no function failed"))
}

/// CloudWatch has made metrics of the lines of content-events.
pub async fn metrics(stack: &Stack) -> Result<Outcome, CommandError> {
    if stack.is_emulated {
        return Ok(Outcome::Skipped(
            "the emulator's CloudWatch makes no metrics of log lines".into(),
        ));
    }
    let namespace = format!("wagrun/{}", stack.name);
    let client = aws_sdk_cloudwatch::Client::new(&stack.aws);
    let answer = client.list_metrics().namespace(&namespace).send().await;
    let answer = answer.map_err(explain("cloudwatch:ListMetrics"))?;
    let count = answer.metrics.unwrap_or_default().len();
    if count > 0 {
        return Ok(Outcome::Passed(format!("{namespace} has {count} metrics")));
    }
    let window = Window {
        since: time::now() - SignedDuration::from_hours(24),
        pattern: Some("\"OldestPendingSeconds\"".to_owned()),
    };
    let lines = LogSource::with(stack, &[Function::ContentEvents], window)
        .all()
        .await?;
    Ok(match lines.is_empty() {
        true => Outcome::Skipped("content-events has written no metric within a day".into()),
        false => Outcome::Failed(format!(
            "{namespace} has no metric, although content-events wrote {} lines of them",
            lines.len()
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testing::replay::answering;

    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:1:function:site-ContentEvents";

    async fn seen(destinations: &[&str]) -> Outcome {
        let filters: Vec<_> = destinations
            .iter()
            .map(|destination| json!({"filterName": "f", "destinationArn": destination}))
            .collect();
        let aws = answering(move |_| (200, json!({"subscriptionFilters": filters}).to_string()));
        let outputs = [
            ("DatabaseLogGroupName", "/aws/rds/cluster/site/postgresql"),
            ("ContentEventsFunctionArn", FUNCTION),
        ];
        let stack = Stack::with_outputs("site", aws, &outputs);
        second_doorbell(&stack).await.unwrap()
    }

    // The emulator has no log of the database.
    #[tokio::test]
    async fn the_second_doorbell_calls_the_function_of_this_stack() {
        let group = "/aws/rds/cluster/site/postgresql calls";
        assert_eq!(
            seen(&["arn:other", FUNCTION]).await,
            Outcome::Passed(format!("{group} content-events"))
        );
        assert_eq!(seen(&[]).await, Outcome::Failed(format!("{group} nothing")));
        assert_eq!(
            seen(&["arn:other"]).await,
            Outcome::Failed(format!("{group} arn:other, and not {FUNCTION}"))
        );
    }
}
