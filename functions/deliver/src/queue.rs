//! A queue that deliveries come from, and go back to.

use aws_sdk_sqs::{
    Client,
    error::SdkError,
    operation::get_queue_attributes::GetQueueAttributesError,
    types::{ChangeMessageVisibilityBatchRequestEntry, QueueAttributeName},
};
use wagrun_lambda::telemetry::chain;

/// What SQS takes in one call.
const MOST_ENTRIES: usize = 10;

/// The queue and the client that reaches it.
#[derive(Debug, Clone)]
pub struct Queue {
    sqs: Client,
    url: String,
}

/// SQS does not say how much waits.
#[derive(Debug, thiserror::Error)]
pub enum DepthError {
    /// The call failed.
    #[error("cannot ask how much waits in {url}")]
    Call {
        /// The queue.
        url: String,
        /// What SQS said.
        source: Box<SdkError<GetQueueAttributesError>>,
    },
    /// The answer has no number.
    #[error("SQS does not say how much waits in {url}")]
    Answer {
        /// The queue.
        url: String,
    },
}

impl Queue {
    /// The queue under this URL.
    pub fn new(sqs: Client, url: String) -> Self {
        Self { sqs, url }
    }

    /// Whether a record came from this queue: the ARN and the URL end with its name.
    pub fn is_source(&self, arn: &str) -> bool {
        self.url.rsplit('/').next() == arn.rsplit(':').next()
    }

    /// Hides messages, each for so many seconds from now.
    ///
    /// Their deliveries have failed either way; a message whose delay can't be set comes back after the queue's own.
    pub async fn hide(&self, messages: &[(&str, i32)]) {
        for batch in messages.chunks(MOST_ENTRIES) {
            let problem = match batch {
                [(receipt_handle, seconds)] => self.hide_one(receipt_handle, *seconds).await,
                batch => self.hide_batch(batch).await,
            };
            if let Some(error) = problem {
                tracing::error!(error, "cannot set the delay of a failed delivery");
            }
        }
    }

    /// About how many messages it holds, hidden ones too.
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

    async fn hide_one(&self, receipt_handle: &str, seconds: i32) -> Option<String> {
        let call = self.sqs.change_message_visibility().queue_url(&self.url);
        let call = call.receipt_handle(receipt_handle);
        let answer = call.visibility_timeout(seconds).send().await;
        answer.err().map(|error| chain(&error))
    }

    async fn hide_batch(&self, batch: &[(&str, i32)]) -> Option<String> {
        let entries: Result<Vec<_>, _> = batch
            .iter()
            .enumerate()
            .map(|(index, (receipt_handle, seconds))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*receipt_handle)
                    .visibility_timeout(*seconds)
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

#[cfg(test)]
mod tests {
    use testing::replay::Replay;

    use super::*;

    #[tokio::test]
    async fn what_waits_is_what_is_visible_and_what_is_not() {
        let both = r#"{"Attributes":{"ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"4"}}"#;
        let one = r#"{"Attributes":{"ApproximateNumberOfMessages":"3"}}"#;
        let replay = Replay::new([(200, both), (200, one)]);
        let url = "https://sqs.example.org/1/deliveries.fifo";
        let queue = Queue::new(Client::new(&replay.config()), url.into());
        assert_eq!(queue.depth().await.unwrap(), 7);
        let error = queue.depth().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("SQS does not say how much waits in {url}")
        );
    }
}
