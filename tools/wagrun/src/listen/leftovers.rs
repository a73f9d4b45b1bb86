//! Queues of `wagrun listen` that are still there: of one that runs, and of one that was killed.

use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use jiff::SignedDuration;

use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;
use crate::time;

/// The tag with the last sign of life, in seconds since 1970.
pub const ALIVE_TAG: &str = "wagrun-listen-alive-at";
/// A queue without a sign of life for so long was left behind. The sign is renewed each minute.
const LEFT_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Returns the beginning of the names of all such queues of a stack.
pub fn prefix(stack: &Stack) -> String {
    format!("{}-listen-", stack.name)
}

/// Returns the URLs of the queues that a running `wagrun listen` reads.
pub async fn listening_queues(stack: &Stack) -> Result<Vec<String>, CommandError> {
    queues_that(stack, true).await
}

/// Returns the URLs of the queues that were left behind.
pub async fn left_queues(stack: &Stack) -> Result<Vec<String>, CommandError> {
    queues_that(stack, false).await
}

async fn queues_that(stack: &Stack, live: bool) -> Result<Vec<String>, CommandError> {
    let mut found = Vec::new();
    for url in queues(stack).await? {
        if is_alive(stack, &url).await? == live {
            found.push(url);
        }
    }
    Ok(found)
}

/// Removes the queues and subscriptions that were left behind. Returns the names of the queues.
pub async fn remove_leftovers(stack: &Stack) -> Result<Vec<String>, CommandError> {
    let sqs = aws_sdk_sqs::Client::new(&stack.aws);
    let mut removed = Vec::new();
    for url in left_queues(stack).await? {
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        unsubscribe(stack, &name).await?;
        match sqs.delete_queue().queue_url(&url).send().await {
            Ok(_) => removed.push(name),
            Err(error) if is_gone(error.code()) => {}
            Err(error) => return Err(explain("sqs:DeleteQueue")(error).into()),
        }
    }
    Ok(removed)
}

async fn queues(stack: &Stack) -> Result<Vec<String>, CommandError> {
    let sqs = aws_sdk_sqs::Client::new(&stack.aws);
    let list = sqs.list_queues().queue_name_prefix(prefix(stack));
    let mut pages = list.max_results(1000).into_paginator().send();
    let mut urls = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain("sqs:ListQueues"))?;
        urls.extend(page.queue_urls.unwrap_or_default());
    }
    Ok(urls)
}

/// Returns true for a queue with a sign of life, and for one that is gone meanwhile.
async fn is_alive(stack: &Stack, url: &str) -> Result<bool, CommandError> {
    let sqs = aws_sdk_sqs::Client::new(&stack.aws);
    let tags = match sqs.list_queue_tags().queue_url(url).send().await {
        Ok(answer) => answer.tags.unwrap_or_default(),
        Err(error) if is_gone(error.code()) => return Ok(true),
        Err(error) => return Err(explain("sqs:ListQueueTags")(error).into()),
    };
    let alive_at = tags.get(ALIVE_TAG).and_then(|at| at.parse::<i64>().ok());
    let now = time::now().as_second();
    Ok(alive_at.is_some_and(|at| now - at < LEFT_AFTER.as_secs()))
}

fn is_gone(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        code.ends_with("QueueDoesNotExist") || code.ends_with("NonExistentQueue")
    })
}

/// Ends every subscription of the topic that leads to this queue.
async fn unsubscribe(stack: &Stack, queue: &str) -> Result<(), CommandError> {
    let sns = aws_sdk_sns::Client::new(&stack.aws);
    let topic = stack.output("EventTopicArn")?;
    let list = sns.list_subscriptions_by_topic().topic_arn(topic);
    let mut pages = list.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain("sns:ListSubscriptionsByTopic"))?;
        for one in page.subscriptions.unwrap_or_default() {
            let leads_there = one
                .endpoint
                .as_deref()
                .and_then(|endpoint| endpoint.rsplit(':').next())
                .is_some_and(|name| name == queue);
            if let (true, Some(arn)) = (leads_there, one.subscription_arn) {
                let ended = sns.unsubscribe().subscription_arn(arn).send().await;
                ended.map_err(explain("sns:Unsubscribe"))?;
            }
        }
    }
    Ok(())
}
