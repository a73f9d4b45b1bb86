//! The edge: Lambda's types in, Lambda's types out.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use wagrun_delivery::partial_batch::handle_in_order;

use crate::FanOut;

/// Fans out each record's event, and reports the records that go back to the queue.
#[expect(clippy::disallowed_methods, reason = "the edge")]
pub async fn handle(fan_out: &FanOut, batch: &SqsEvent) -> SqsBatchResponse {
    handle_in_order(batch, async |record| {
        let body = record.body.as_deref().unwrap_or_default();
        fan_out.fan_out(body, Timestamp::now()).await
    })
    .await
}
