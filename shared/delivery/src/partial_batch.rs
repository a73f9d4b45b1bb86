//! Partial batch responses for SQS FIFO queues, where a failed message must hold back the rest of its group.

use std::{collections::HashSet, error::Error};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};

use wagrun_lambda::telemetry::chain;

/// The records of a batch that go back to their queue.
///
/// After a record of a message group has failed, every later record of that group in the batch fails without an attempt. Otherwise
/// SQS would delete the later ones, and the group would lose its order. Other groups are not affected. Records of a standard queue
/// have no group.
#[derive(Debug, Default)]
pub struct PartialBatch<'a> {
    response: SqsBatchResponse,
    failed_groups: HashSet<&'a str>,
}

impl<'a> PartialBatch<'a> {
    /// Returns true for a record that must not be attempted, because an earlier one of its group failed. It goes back to the queue.
    pub fn holds_back(&mut self, record: &'a SqsMessage) -> bool {
        let Some(group) = group(record).filter(|group| self.failed_groups.contains(group)) else {
            return false;
        };
        let id = id(record);
        tracing::info!(
            message.id = id,
            message.group = group,
            "message not attempted, because an earlier one of its group failed"
        );
        self.response.add_failure(id);
        true
    }

    /// Sends a record back to the queue. The error is logged with its causes.
    pub fn fail(&mut self, record: &'a SqsMessage, error: &(dyn Error + 'static)) {
        let (id, group) = (id(record), group(record));
        tracing::error!(
            message.id = id,
            message.group = group,
            error = chain(error),
            "message goes back to the queue"
        );
        self.response.add_failure(id);
        self.failed_groups.extend(group);
    }

    /// Returns the answer to Lambda.
    pub fn response(self) -> SqsBatchResponse {
        self.response
    }
}

/// Returns the message group of a record; none in a standard queue.
pub fn group(record: &SqsMessage) -> Option<&str> {
    record.attributes.get("MessageGroupId").map(String::as_str)
}

/// Returns the id of a record. Without one only the whole batch can be reported as failed, which Lambda reads from an empty id.
fn id(record: &SqsMessage) -> &str {
    record.message_id.as_deref().unwrap_or_default()
}

/// Handles the records one after another, and reports those that go back to the queue.
pub async fn handle_in_order<E: Error + 'static>(
    batch: &SqsEvent,
    mut handle: impl AsyncFnMut(&SqsMessage) -> Result<(), E>,
) -> SqsBatchResponse {
    let mut partial = PartialBatch::default();
    for record in &batch.records {
        if partial.holds_back(record) {
            continue;
        }
        if let Err(error) = handle(record).await {
            partial.fail(record, &error);
        }
    }
    partial.response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, thiserror::Error)]
    #[error("refused")]
    struct Refused;

    /// Handles a batch of `(message id, group)` in which the named messages fail. Returns the ids attempted and reported.
    async fn run(records: &[(&str, Option<&str>)], failing: &[&str]) -> (Vec<String>, Vec<String>) {
        let records: Vec<_> = records
            .iter()
            .map(|(id, group)| match group {
                Some(group) => json!({"messageId": id, "attributes": {"MessageGroupId": group}}),
                None => json!({"messageId": id}),
            })
            .collect();
        let batch: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
        let mut tried = Vec::new();
        let response = handle_in_order(&batch, async |record| {
            let id = record.message_id.clone().unwrap();
            let fails = failing.contains(&id.as_str());
            tried.push(id);
            if fails { Err(Refused) } else { Ok(()) }
        })
        .await;
        let reported = response
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect();
        (tried, reported)
    }

    #[tokio::test]
    async fn nothing_failed_nothing_reported() {
        let (tried, reported) = run(&[("1", Some("a")), ("2", Some("a"))], &[]).await;
        assert_eq!(tried, ["1", "2"]);
        assert!(reported.is_empty());
    }

    #[tokio::test]
    async fn a_failure_holds_back_the_rest_of_its_group_only() {
        let records = [
            ("1", Some("a")),
            ("2", Some("a")),
            ("3", Some("b")),
            ("4", Some("a")),
            ("5", Some("b")),
        ];
        let (tried, reported) = run(&records, &["2"]).await;
        assert_eq!(tried, ["1", "2", "3", "5"]);
        assert_eq!(reported, ["2", "4"]);
    }

    #[tokio::test]
    async fn records_without_a_group_are_independent() {
        let (tried, reported) = run(&[("1", None), ("2", None)], &["1"]).await;
        assert_eq!(tried, ["1", "2"]);
        assert_eq!(reported, ["1"]);
    }
}
