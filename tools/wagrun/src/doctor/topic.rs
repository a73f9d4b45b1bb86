//! Checks of the topic and of the queue behind it.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::check::Outcome;
use crate::call::explain;
use crate::error::CommandError;
use crate::listen::{left_queues, listening_queues};
use crate::stack::Stack;

/// Returns the ARN of a queue.
pub async fn queue_arn(stack: &Stack, url: &str) -> Result<String, CommandError> {
    let arn = QueueAttributeName::QueueArn;
    let attributes = queue_attributes(stack, url, std::slice::from_ref(&arn)).await?;
    Ok(attributes.get(&arn).cloned().unwrap_or_default())
}

async fn queue_attributes(
    stack: &Stack,
    url: &str,
    names: &[QueueAttributeName],
) -> Result<HashMap<QueueAttributeName, String>, CommandError> {
    let asked = aws_sdk_sqs::Client::new(&stack.aws).get_queue_attributes();
    let asked = asked
        .queue_url(url)
        .set_attribute_names(Some(names.to_vec()));
    let answer = asked
        .send()
        .await
        .map_err(explain("sqs:GetQueueAttributes"))?;
    Ok(answer.attributes.unwrap_or_default())
}

/// The event queue gets every event as it was published.
pub async fn subscription(stack: &Stack) -> Result<Outcome, CommandError> {
    let sns = aws_sdk_sns::Client::new(&stack.aws);
    let queue = queue_arn(stack, stack.output("EventQueueUrl")?).await?;
    let topic = stack.output("EventTopicArn")?;
    let mut pages = sns
        .list_subscriptions_by_topic()
        .topic_arn(topic)
        .into_paginator()
        .send();
    let mut found = None;
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain("sns:ListSubscriptionsByTopic"))?;
        let mut all = page.subscriptions.unwrap_or_default().into_iter();
        found = found.or(all.find(|one| one.endpoint.as_deref() == Some(&*queue)));
    }
    let Some(arn) = found.and_then(|one| one.subscription_arn) else {
        return Ok(Outcome::Failed(format!(
            "{queue} has no subscription to {topic}"
        )));
    };
    let asked = sns.get_subscription_attributes().subscription_arn(&arn);
    let answer = asked.send().await;
    let answer = answer.map_err(explain("sns:GetSubscriptionAttributes"))?;
    let attributes = answer.attributes.unwrap_or_default();
    let attribute = |name: &str| attributes.get(name).map_or("", String::as_str);
    let mut faults = Vec::new();
    if attribute("RawMessageDelivery") != "true" {
        faults.push("it does not deliver the events raw".to_owned());
    }
    let filter = attribute("FilterPolicy");
    if !filter.is_empty() && filter != "{}" {
        faults.push(format!("it has a filter: {filter}"));
    }
    if !attribute("RedrivePolicy").contains("deadLetterTargetArn") {
        faults.push("it has no dead-letter queue".to_owned());
    }
    Ok(Outcome::of(&faults, "the event queue gets every event"))
}

/// Both queues let the topic send.
pub async fn queue_policy(stack: &Stack) -> Result<Outcome, CommandError> {
    let topic = stack.output("EventTopicArn")?;
    let mut faults = Vec::new();
    for output in ["EventQueueUrl", "EventDeadLetterQueueUrl"] {
        let policy = QueueAttributeName::Policy;
        let attributes =
            queue_attributes(stack, stack.output(output)?, std::slice::from_ref(&policy)).await?;
        let policy = attributes.get(&policy).map_or("", String::as_str);
        if !lets_topic_send(policy, topic) {
            let name = output.trim_end_matches("Url");
            faults.push(format!("the policy of {name} does not let the topic send"));
        }
    }
    Ok(Outcome::of(&faults, "the topic may send"))
}

/// Judges the policy of a queue: a statement lets SNS send, at least for this topic.
fn lets_topic_send(policy: &str, topic: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array();
    statements.into_iter().flatten().any(|statement| {
        let has = |value: &Value, wanted: &str| match value {
            Value::Array(all) => all.iter().any(|one| one == wanted),
            one => one == wanted,
        };
        let condition = statement["Condition"].to_string();
        let action = &statement["Action"];
        statement["Effect"] == "Allow"
            && has(&statement["Principal"]["Service"], "sns.amazonaws.com")
            && (has(action, "sqs:SendMessage")
                || has(action, "SQS:SendMessage")
                || has(action, "sqs:*"))
            && (statement["Condition"].is_null() || condition.contains(topic))
    })
}

/// The queues give up a message into their dead-letter queues.
pub async fn dead_letter_queues(stack: &Stack) -> Result<Outcome, CommandError> {
    let mut faults = Vec::new();
    for (output, dead) in [
        ("EventQueueUrl", "EventDeadLetterQueueUrl"),
        ("DeliveryQueueUrl", "DeliveryDeadLetterQueueUrl"),
    ] {
        let wanted = queue_arn(stack, stack.output(dead)?).await?;
        let policy = QueueAttributeName::RedrivePolicy;
        let attributes =
            queue_attributes(stack, stack.output(output)?, std::slice::from_ref(&policy)).await?;
        let policy: Value = attributes
            .get(&policy)
            .and_then(|policy| serde_json::from_str(policy).ok())
            .unwrap_or_default();
        let found = policy["deadLetterTargetArn"].as_str();
        if found != Some(&*wanted) {
            let name = output.trim_end_matches("Url");
            let found = found.unwrap_or("nowhere");
            faults.push(format!("{name} gives up to {found}, and not to {wanted}"));
        }
    }
    Ok(Outcome::of(&faults, "both have one"))
}

/// No queue of a killed `wagrun listen` is left.
pub async fn leftovers(stack: &Stack) -> Result<Outcome, CommandError> {
    let left = left_queues(stack).await?;
    let faults: Vec<String> = left
        .iter()
        .map(|url| format!("{} is left", url.rsplit('/').next().unwrap_or_default()))
        .collect();
    // One that was killed counts as alive until it has given no sign for some minutes.
    let alive = listening_queues(stack).await?.len();
    Ok(Outcome::of(
        &faults,
        match alive {
            0 => "none is left".to_owned(),
            _ => format!("none is left, and {alive} gave a sign within five minutes"),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_lets_the_topic_send_or_does_not() {
        let topic = "arn:aws:sns:eu-central-1:1:site-events.fifo";
        let statement = |more: Value| {
            let mut statement = json!({
                "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            });
            let fields = more.as_object().unwrap().clone();
            statement.as_object_mut().unwrap().extend(fields);
            json!({"Statement": [statement]}).to_string()
        };
        assert!(lets_topic_send(&statement(json!({})), topic));
        assert!(lets_topic_send(
            &statement(json!({"Action": ["sqs:SendMessage"]})),
            topic
        ));
        for wrong in [
            json!({"Effect": "Deny"}),
            json!({"Principal": {"Service": "events.amazonaws.com"}}),
            json!({"Action": "sqs:ReceiveMessage"}),
            json!({"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:1:other"}}}),
        ] {
            assert!(!lets_topic_send(&statement(wrong), topic));
        }
        assert!(!lets_topic_send("", topic));
    }
}
