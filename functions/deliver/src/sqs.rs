//! A queue that deliveries come from and go back to.

use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    error::SdkError,
    operation::get_queue_attributes::GetQueueAttributesError,
    types::{ChangeMessageVisibilityBatchRequestEntry, QueueAttributeName},
};
use wagrun_lambda::telemetry::chain;

/// Number of entries that SQS accepts in one call.
const MAX_ENTRIES: usize = 10;

/// The queue and the client that reaches it.
#[derive(Debug, Clone)]
pub struct Queue {
    sqs: Client,
    url: String,
}

/// The number of messages in the queue could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DepthError {
    /// The call failed.
    #[error("cannot read the length of {url}")]
    Call {
        /// The queue's URL.
        url: String,
        /// The cause.
        source: Box<SdkError<GetQueueAttributesError>>,
    },
    /// The answer has no number.
    #[error("the answer of SQS has no length of {url}")]
    Answer {
        /// The queue's URL.
        url: String,
    },
}

impl Queue {
    /// Uses the queue with this URL.
    pub fn new(sqs: Client, url: String) -> Self {
        Self { sqs, url }
    }

    /// Returns true when a record came from this queue. The ARN and the URL both end with its name.
    pub fn is_source(&self, arn: &str) -> bool {
        self.url.rsplit('/').next() == arn.rsplit(':').next()
    }

    /// Hides messages, each for its time from now.
    ///
    /// An error is logged: the deliveries have failed anyway. A message that cannot be hidden comes back after the queue's
    /// visibility timeout.
    pub async fn hide(&self, messages: &[(&str, Duration)]) {
        for batch in messages.chunks(MAX_ENTRIES) {
            let problem = match batch {
                [(receipt_handle, delay)] => self.hide_one(receipt_handle, *delay).await,
                batch => self.hide_batch(batch).await,
            };
            if let Some(error) = problem {
                tracing::error!(error, "cannot set the delay of a failed delivery");
            }
        }
    }

    /// Returns about how many messages the queue holds, hidden ones included.
    pub async fn depth(&self) -> Result<u64, DepthError> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let call = self.sqs.get_queue_attributes().queue_url(&self.url);
        let answer = call.set_attribute_names(Some(names.to_vec())).send().await;
        let answer = answer.map_err(|source| DepthError::Call {
            url: self.url.clone(),
            source: Box::new(source),
        })?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(name)?.parse::<u64>().ok();
        let count: Option<u64> = names.iter().map(count).sum();
        count.ok_or_else(|| DepthError::Answer {
            url: self.url.clone(),
        })
    }

    async fn hide_one(&self, receipt_handle: &str, delay: Duration) -> Option<String> {
        let call = self.sqs.change_message_visibility().queue_url(&self.url);
        let call = call.receipt_handle(receipt_handle);
        let answer = call.visibility_timeout(seconds(delay)).send().await;
        answer.err().map(|error| chain(&error))
    }

    async fn hide_batch(&self, batch: &[(&str, Duration)]) -> Option<String> {
        let entries: Result<Vec<_>, _> = batch
            .iter()
            .enumerate()
            .map(|(index, (receipt_handle, delay))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*receipt_handle)
                    .visibility_timeout(seconds(*delay))
                    .build()
            })
            .collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return Some(chain(&error)),
        };
        let call = self.sqs.change_message_visibility_batch();
        let call = call.queue_url(&self.url).set_entries(Some(entries));
        match call.send().await {
            Err(error) => Some(chain(&error)),
            Ok(answer) => answer.failed().first().map(|first| {
                let count = answer.failed().len();
                format!("{count} of {} refused ({})", batch.len(), first.code())
            }),
        }
    }
}

/// Returns the delay as SQS takes it.
fn seconds(delay: Duration) -> i32 {
    i32::try_from(delay.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use testing::replay::Replay;

    use super::*;

    #[tokio::test]
    async fn hidden_messages_are_counted() {
        let both = r#"{"Attributes":{"ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"4"}}"#;
        let one = r#"{"Attributes":{"ApproximateNumberOfMessages":"3"}}"#;
        let replay = Replay::new([(200, both), (200, one)]);
        let url = "https://sqs.example.org/1/deliveries.fifo";
        let queue = Queue::new(Client::new(&replay.config()), url.into());
        assert_eq!(queue.depth().await.unwrap(), 7);
        let error = queue.depth().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the answer of SQS has no length of {url}")
        );
    }
}
