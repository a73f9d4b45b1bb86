//! The queue of one `wagrun listen`, and its subscription to the topic.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use serde_json::{Value, json};
use uuid::Uuid;

use super::leftovers::{ALIVE_TAG, prefix};
use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;
use crate::time;

/// The seconds that a message waits at most. Nobody reads it later.
const RETENTION_SECONDS: &str = "3600";
/// The seconds for which received messages are hidden: ten of them, each with a receiver that takes all of deliver's 15 seconds.
const HIDDEN_SECONDS: &str = "180";
/// The seconds of one wait for messages, which is the longest that SQS allows.
const WAIT_SECONDS: i32 = 20;
/// The time after which the queue's sign of life is renewed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// The events that a queue is for.
#[derive(Debug, Clone, Copy)]
pub enum Reader<'a> {
    /// Those for everybody whose type one of these patterns matches; all when there is no pattern.
    Everybody {
        /// The patterns.
        types: &'a [String],
    },
    /// Those for one subscriber.
    Subscriber(&'a str),
}

/// A queue that is removed at the end.
#[derive(Debug)]
pub struct TemporaryQueue {
    sqs: aws_sdk_sqs::Client,
    sns: aws_sdk_sns::Client,
    url: String,
    subscription: String,
    alive_at: Instant,
}

impl TemporaryQueue {
    /// Creates the queue, and subscribes it to the topic.
    pub async fn create(stack: &Stack, reader: &Reader<'_>) -> Result<Self, CommandError> {
        let topic = stack.output("EventTopicArn")?;
        let sqs = aws_sdk_sqs::Client::new(&stack.aws);
        let sns = aws_sdk_sns::Client::new(&stack.aws);
        let name = format!(
            "{}{:08x}.fifo",
            prefix(stack),
            Uuid::new_v4().as_u128() as u32
        );
        let arn = topic.rsplit_once(':').map_or(topic, |(account, _)| account);
        let arn = format!("{}:{name}", arn.replacen(":sns:", ":sqs:", 1));
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }],
        });
        let attributes = [
            (QueueAttributeName::FifoQueue, "true".to_owned()),
            (
                QueueAttributeName::DeduplicationScope,
                "messageGroup".to_owned(),
            ),
            (
                QueueAttributeName::FifoThroughputLimit,
                "perMessageGroupId".to_owned(),
            ),
            (
                QueueAttributeName::MessageRetentionPeriod,
                RETENTION_SECONDS.to_owned(),
            ),
            (
                QueueAttributeName::VisibilityTimeout,
                HIDDEN_SECONDS.to_owned(),
            ),
            (QueueAttributeName::SqsManagedSseEnabled, "true".to_owned()),
            (QueueAttributeName::Policy, policy.to_string()),
        ];
        let create = sqs.create_queue().queue_name(&name);
        let create = create.set_attributes(Some(attributes.into_iter().collect()));
        let created = create.tags(ALIVE_TAG, now_in_seconds()).send().await;
        let created = created.map_err(explain("sqs:CreateQueue"))?;
        let mut queue = Self {
            sqs,
            sns,
            url: created.queue_url.unwrap_or_default(),
            subscription: String::new(),
            alive_at: Instant::now(),
        };
        let subscribe = queue.sns.subscribe().topic_arn(topic).protocol("sqs");
        let subscribe = subscribe
            .endpoint(&arn)
            .return_subscription_arn(true)
            .attributes("RawMessageDelivery", "true")
            .attributes("FilterPolicy", reader.filter_policy().to_string());
        match subscribe.send().await.map_err(explain("sns:Subscribe")) {
            Ok(subscribed) => {
                queue.subscription = subscribed.subscription_arn.unwrap_or_default();
                Ok(queue)
            }
            Err(error) => {
                queue.remove().await?;
                Err(error.into())
            }
        }
    }

    /// Waits for messages, for twenty seconds at most. The messages of one object come in order.
    pub async fn receive(&mut self) -> Result<Vec<Message>, CommandError> {
        self.show_sign_of_life().await?;
        let receive = self.sqs.receive_message().queue_url(&self.url);
        let receive = receive
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let received = receive.wait_time_seconds(WAIT_SECONDS).send().await;
        let received = received.map_err(explain("sqs:ReceiveMessage"))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes a message that was handled.
    pub async fn delete(&self, message: &Message) -> Result<(), CommandError> {
        let delete = self.sqs.delete_message().queue_url(&self.url);
        let handle = message.receipt_handle.as_deref().unwrap_or_default();
        let deleted = delete.receipt_handle(handle).send().await;
        deleted.map_err(explain("sqs:DeleteMessage"))?;
        Ok(())
    }

    /// Ends the subscription, and deletes the queue.
    pub async fn remove(self) -> Result<(), CommandError> {
        if !self.subscription.is_empty() {
            let unsubscribe = self.sns.unsubscribe().subscription_arn(&self.subscription);
            unsubscribe
                .send()
                .await
                .map_err(explain("sns:Unsubscribe"))?;
        }
        let delete = self.sqs.delete_queue().queue_url(&self.url);
        delete.send().await.map_err(explain("sqs:DeleteQueue"))?;
        Ok(())
    }

    /// Writes the time into the queue's tag, so that no other `wagrun listen` takes the queue for one that was left behind.
    async fn show_sign_of_life(&mut self) -> Result<(), CommandError> {
        if self.alive_at.elapsed() < SIGN_OF_LIFE {
            return Ok(());
        }
        let tag = self.sqs.tag_queue().queue_url(&self.url);
        let tagged = tag.tags(ALIVE_TAG, now_in_seconds()).send().await;
        tagged.map_err(explain("sqs:TagQueue"))?;
        self.alive_at = Instant::now();
        Ok(())
    }
}

fn now_in_seconds() -> String {
    time::now().as_second().to_string()
}

impl Reader<'_> {
    /// Returns the policy by which SNS leaves out what the reader does not want. It compares the beginnings of types only, so the
    /// whole pattern is compared again later.
    fn filter_policy(&self) -> Value {
        let types = match self {
            Self::Subscriber(name) => return json!({"subscriber": [name]}),
            Self::Everybody { types } => *types,
        };
        let mut policy = json!({"subscriber": [{"exists": false}]});
        // A pattern that begins with a star matches every type.
        if types.is_empty() || types.iter().any(|pattern| pattern.starts_with('*')) {
            return policy;
        }
        let prefixes = types.iter().map(|pattern| {
            let beginning = pattern.split('*').next().unwrap_or_default();
            match beginning == pattern {
                true => json!(pattern),
                false => json!({"prefix": beginning}),
            }
        });
        policy["type"] = prefixes.collect();
        policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sns_leaves_out_what_no_pattern_can_match() {
        let policy = |types: &[&str]| {
            let types: Vec<String> = types.iter().map(|&one| one.to_owned()).collect();
            Reader::Everybody { types: &types }.filter_policy()
        };
        let others = json!([{"exists": false}]);
        assert_eq!(policy(&[]), json!({"subscriber": others}));
        assert_eq!(
            policy(&["wagtail.page.*", "site.deployed"]),
            json!({"subscriber": others, "type": [{"prefix": "wagtail.page."}, "site.deployed"]})
        );
        assert_eq!(
            policy(&["*.published", "site.*"]),
            json!({"subscriber": others})
        );
        assert_eq!(
            Reader::Subscriber("doctor-1").filter_policy(),
            json!({"subscriber": ["doctor-1"]})
        );
    }
}
