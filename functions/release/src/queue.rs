//! SQS: the one queue that everything goes through, so that no two steps run beside each other.

use aws_sdk_sqs::Client;

use crate::call::CallError;

/// One message group: the next message comes when this one is done.
const GROUP: &str = "release";
/// Seconds until a message that was put back comes again, for as many receives; then the longer time.
const SHORT_PAUSE: i32 = 5;
const SHORT_PAUSES: u32 = 12;
const LONG_PAUSE: i32 = 20;

/// The release queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// A queue and the client that reaches it.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Adds a message. `id` makes it one of its own: the same text again within five minutes is meant.
    pub async fn send(&self, body: &str, id: &str) -> Result<(), CallError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_group_id(GROUP)
            .message_deduplication_id(id)
            .send()
            .await
            .map_err(|error| CallError::new("queue the request", error))?;
        Ok(())
    }

    /// Has a message that is going to be reported as failed come again after so many seconds.
    pub async fn put_back(&self, receipt_handle: &str, seconds: i32) -> Result<(), CallError> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(seconds)
            .send()
            .await
            .map_err(|error| CallError::new("put the message back", error))?;
        Ok(())
    }
}

/// Seconds for which a message stays away that was received so many times.
pub fn pause(receives: u32) -> i32 {
    if receives <= SHORT_PAUSES {
        SHORT_PAUSE
    } else {
        LONG_PAUSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use testing::replay::Replay;

    const URL: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/wagrun-releases.fifo";

    #[tokio::test]
    async fn messages_are_sent_into_the_one_group_and_put_back_for_a_time() {
        let sent = json!({"MessageId": "m", "MD5OfMessageBody": "0"}).to_string();
        let replay = Replay::new([(200, sent), (200, "{}".to_owned())]);
        let queue = Queue::new(Client::new(&replay.config()), URL.to_owned());
        queue.send(r#"{"look":true}"#, "request").await.unwrap();
        queue.put_back("handle", 5).await.unwrap();
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
            "QueueUrl": URL, "MessageBody": r#"{"look":true}"#, "MessageGroupId": "release",
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
    fn the_first_waits_are_short() {
        assert_eq!([1, 12, 13, 60].map(pause), [5, 5, 20, 20]);
    }
}
