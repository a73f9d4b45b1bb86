//! The SQS queue of all messages. It is FIFO with one message group, so no two messages are handled at once.

use std::time::Duration;

use aws_sdk_sqs::Client;

use crate::aws_error::AwsError;

/// The one message group: SQS delivers the next message when this one is done.
const MESSAGE_GROUP: &str = "release";
/// The time until a message that was put back comes again, for its first receives.
const INITIAL_RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// The number of receives with the initial interval.
const INITIAL_RETRY_LIMIT: u32 = 12;
/// The time until a message that was put back comes again, for all later receives.
const LATER_RETRY_INTERVAL: Duration = Duration::from_secs(20);

/// The release queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// Creates the queue with this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends a message. SQS drops another message with the same deduplication id for five minutes.
    pub async fn send(&self, body: &str, deduplication_id: &str) -> Result<(), AwsError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(MESSAGE_GROUP)
            .message_deduplication_id(deduplication_id)
            .send()
            .await
            .map_err(|error| AwsError::new("queue the request", error))?;
        Ok(())
    }

    /// Hides a message for the delay. After it, SQS delivers the message again if it was reported as failed.
    pub async fn put_back(&self, receipt_handle: &str, delay: Duration) -> Result<(), AwsError> {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(seconds)
            .send()
            .await
            .map_err(|error| AwsError::new("put the message back", error))?;
        Ok(())
    }
}

/// Returns the time until a message comes again that was received `receive_count` times.
pub fn retry_interval(receive_count: u32) -> Duration {
    if receive_count <= INITIAL_RETRY_LIMIT {
        INITIAL_RETRY_INTERVAL
    } else {
        LATER_RETRY_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use testing::replay::Replay;

    const URL: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/wagrun-releases.fifo";

    #[tokio::test]
    async fn messages_are_sent_to_the_one_group_and_put_back_for_a_time() {
        let sent = json!({"MessageId": "m", "MD5OfMessageBody": "0"}).to_string();
        let replay = Replay::new([(200, sent), (200, "{}".to_owned())]);
        let queue = Queue::new(Client::new(&replay.config()), URL.to_owned());
        queue.send(r#"{"check":true}"#, "request").await.unwrap();
        let delay = Duration::from_secs(5);
        queue.put_back("handle", delay).await.unwrap();
        let calls: Vec<(String, Value)> = replay
            .requests()
            .into_iter()
            .map(|request| {
                (
                    request.operation,
                    serde_json::from_str(&request.body).unwrap(),
                )
            })
            .collect();
        let send = json!({
            "QueueUrl": URL, "MessageBody": r#"{"check":true}"#, "MessageGroupId": "release",
            "MessageDeduplicationId": "request",
        });
        let put_back = json!({"QueueUrl": URL, "ReceiptHandle": "handle", "VisibilityTimeout": 5});
        assert_eq!(
            calls,
            [
                ("AmazonSQS.SendMessage".to_owned(), send),
                ("AmazonSQS.ChangeMessageVisibility".to_owned(), put_back),
            ]
        );
    }

    #[test]
    fn the_first_intervals_are_shorter() {
        let seconds = [1, 12, 13, 60].map(|count| retry_interval(count).as_secs());
        assert_eq!(seconds, [5, 5, 20, 20]);
    }
}
