//! The queues of a stack: how many messages wait in each, and for how long.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::try_join_all;
use jiff::SignedDuration;
use serde::Serialize;

use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;
use crate::time;

/// The time within which the newest age is looked for.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(15);
/// The length of one value.
const PERIOD_SECONDS: i32 = 60;

/// The messages of a queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Queue {
    /// The name in the template, such as `DeliveryDeadLetter`.
    pub name: String,
    /// The numbers of messages.
    #[serde(flatten)]
    pub depth: Depth,
    /// The age of the oldest message in seconds; none when CloudWatch has no value.
    pub oldest_seconds: Option<f64>,
}

/// The numbers of messages in a queue. SQS counts them approximately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// The messages that can be received.
    pub waiting: u64,
    /// The messages that are being handled, or wait for their next attempt.
    pub hidden: u64,
}

impl Depth {
    /// Returns the number of all messages.
    pub fn all(self) -> u64 {
        self.waiting + self.hidden
    }
}

impl Queue {
    /// Returns true for a queue in which a message needs an operator.
    pub fn is_for_operators(&self) -> bool {
        self.name.ends_with("DeadLetter") || self.name.ends_with("Failure")
    }
}

/// Reads all queues of the stack, in the order of their names.
pub async fn read(stack: &Stack) -> Result<Vec<Queue>, CommandError> {
    let urls: Vec<(&str, &str)> = stack.outputs_ending("QueueUrl").collect();
    let depths = try_join_all(urls.iter().map(|(_, url)| depth(stack, url)));
    let (depths, ages) = tokio::try_join!(depths, ages(stack, &urls))?;
    let queues = urls.iter().zip(depths).zip(ages);
    Ok(queues
        .map(|(((name, _), depth), oldest_seconds)| Queue {
            name: (*name).to_owned(),
            depth,
            oldest_seconds,
        })
        .collect())
}

/// Reads the numbers of messages in a queue.
pub async fn depth(stack: &Stack, url: &str) -> Result<Depth, CommandError> {
    let waiting = QueueAttributeName::ApproximateNumberOfMessages;
    let hidden = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let asked = aws_sdk_sqs::Client::new(&stack.aws)
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(waiting.clone())
        .attribute_names(hidden.clone());
    let answer = asked.send().await;
    let answer = answer.map_err(explain("sqs:GetQueueAttributes"))?;
    let attributes = answer.attributes.unwrap_or_default();
    let number = |name| attributes.get(name).and_then(|text| text.parse().ok());
    Ok(Depth {
        waiting: number(&waiting).unwrap_or_default(),
        hidden: number(&hidden).unwrap_or_default(),
    })
}

/// Returns the newest age of the oldest message of each queue.
async fn ages(stack: &Stack, urls: &[(&str, &str)]) -> Result<Vec<Option<f64>>, CommandError> {
    let query = |(index, (_, url)): (usize, &(&str, &str))| {
        let name = url.rsplit('/').next().unwrap_or_default();
        let dimension = Dimension::builder().name("QueueName").value(name).build();
        let metric = Metric::builder()
            .namespace("AWS/SQS")
            .metric_name("ApproximateAgeOfOldestMessage")
            .dimensions(dimension)
            .build();
        let stat = MetricStat::builder()
            .metric(metric)
            .period(PERIOD_SECONDS)
            .stat("Maximum")
            .build();
        MetricDataQuery::builder()
            .id(format!("q{index}"))
            .metric_stat(stat)
            .build()
    };
    let now = time::now();
    let asked = aws_sdk_cloudwatch::Client::new(&stack.aws)
        .get_metric_data()
        .set_metric_data_queries(Some(urls.iter().enumerate().map(query).collect()))
        .start_time(DateTime::from_secs((now - LOOK_BACK).as_second()))
        .end_time(DateTime::from_secs(now.as_second()));
    let answer = asked.send().await;
    let answer = answer.map_err(explain("cloudwatch:GetMetricData"))?;
    let results = answer.metric_data_results.unwrap_or_default();
    let age = |index: usize| {
        let id = format!("q{index}");
        let found = results.iter().find(|one| one.id.as_deref() == Some(&id))?;
        // The newest value is the first, unless the request says otherwise.
        found.values.as_ref()?.first().copied()
    };
    Ok((0..urls.len()).map(age).collect())
}
