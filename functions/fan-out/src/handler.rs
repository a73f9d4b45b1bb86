//! The edge: Lambda's types in, Lambda's types out.

use std::collections::HashSet;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use wagrun_delivery::partial_batch::{PartialBatch, group};

use crate::FanOut;
use crate::fan_out::Prepared;

/// The most messages that wait for others to share a call with. It bounds the memory when many subscribers get each event.
const MAX_WAITING: usize = 100;

/// Fans out each record's event, and reports the records that go back to the queue.
///
/// Events of different objects share calls to the delivery queue. Of one object, a later event is sent after the earlier one.
#[expect(clippy::disallowed_methods, reason = "the edge")]
pub async fn handle(fan_out: &FanOut, batch: &SqsEvent) -> SqsBatchResponse {
    let mut partial = PartialBatch::default();
    let mut waiting = Waiting::default();
    for record in &batch.records {
        if waiting.has_group_of(record) || waiting.count >= MAX_WAITING {
            waiting.send(fan_out, &mut partial).await;
        }
        if partial.holds_back(record) {
            continue;
        }
        let body = record.body.as_deref().unwrap_or_default();
        match fan_out.prepare(body, Timestamp::now()).await {
            Ok(Some(prepared)) => waiting.add(record, prepared),
            Ok(None) => {}
            Err(error) => partial.fail(record, &error),
        }
    }
    waiting.send(fan_out, &mut partial).await;
    partial.response()
}

/// Records whose deliveries were prepared and not sent so far, each of another message group.
#[derive(Default)]
struct Waiting<'a> {
    records: Vec<&'a SqsMessage>,
    prepared: Vec<Prepared>,
    groups: HashSet<&'a str>,
    /// The number of messages.
    count: usize,
}

impl<'a> Waiting<'a> {
    fn has_group_of(&self, record: &SqsMessage) -> bool {
        group(record).is_some_and(|group| self.groups.contains(group))
    }

    fn add(&mut self, record: &'a SqsMessage, prepared: Prepared) {
        self.count += prepared.len();
        self.records.push(record);
        self.prepared.push(prepared);
        self.groups.extend(group(record));
    }

    /// Sends everything that waits. A record of which something was not sent goes back to the queue.
    async fn send(&mut self, fan_out: &FanOut, partial: &mut PartialBatch<'a>) {
        let Self {
            records, prepared, ..
        } = std::mem::take(self);
        let results = fan_out.send(prepared).await;
        for (record, result) in records.into_iter().zip(results) {
            if let Err(error) = result {
                partial.fail(record, &error);
            }
        }
    }
}
