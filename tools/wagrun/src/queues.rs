//! `wagrun queues`, `peek` and `purge`: the queues of a stack, and their messages.

use std::fmt;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::call::explain;
use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::stack::Stack;
use crate::time;

/// A queue of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueueName {
    /// Events that wait for fan-out
    Events,
    /// Events that fan-out could not handle
    DeadEvents,
    /// Deliveries that wait for their next attempt
    Deliveries,
    /// Deliveries that were given up
    DeadDeliveries,
    /// Invalidations that were given up
    DeadInvalidations,
    /// Doorbells that content-events failed to answer
    FailedDoorbells,
    /// Messages that wait for release
    Releases,
    /// Messages that release could not handle
    DeadReleases,
    /// Runs of log-retention that failed
    FailedLogRetention,
    /// Pauses and resumes that App Runner refused
    FailedNights,
    /// Runs of migrate that Scheduler could not begin
    FailedPublishing,
}

/// The arguments of `peek`.
#[derive(Debug, Args)]
pub struct Peek {
    /// The queue
    #[arg(value_enum)]
    queue: QueueName,
}

/// The arguments of `purge`.
#[derive(Debug, Args)]
pub struct Purge {
    /// The queue; only those whose messages are about events, and not the events themselves
    #[arg(value_enum)]
    queue: QueueName,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// A message of a queue.
#[derive(Debug, Serialize)]
struct Peeked {
    group: Option<String>,
    sent_at: Option<Timestamp>,
    receives: Option<u64>,
    body: Value,
}

/// Messages of a queue.
#[derive(Debug, Serialize)]
struct PeekedMessages {
    messages: Vec<Peeked>,
}

/// A queue that was emptied.
#[derive(Debug, Serialize)]
struct Purged {
    purged: &'static str,
}

impl QueueName {
    /// Returns the name in the template, without its end.
    pub fn output(self) -> &'static str {
        match self {
            Self::Events => "EventQueueUrl",
            Self::DeadEvents => "EventDeadLetterQueueUrl",
            Self::Deliveries => "DeliveryQueueUrl",
            Self::DeadDeliveries => "DeliveryDeadLetterQueueUrl",
            Self::DeadInvalidations => "InvalidationDeadLetterQueueUrl",
            Self::FailedDoorbells => "DoorbellFailureQueueUrl",
            Self::Releases => "ReleaseQueueUrl",
            Self::DeadReleases => "ReleaseDeadLetterQueueUrl",
            Self::FailedLogRetention => "LogRetentionFailureQueueUrl",
            Self::FailedNights => "NightFailureQueueUrl",
            Self::FailedPublishing => "PublishingFailureQueueUrl",
        }
    }

    /// Returns the URL. A stack lacks the queues of what it does not do.
    pub fn url(self, stack: &Stack) -> Result<&str, CommandError> {
        stack.output_of(
            self.output(),
            "the stack was deployed without what this queue is for",
        )
    }

    /// Returns true when a look counts as an attempt, so that a look can cost a delivery its last one.
    fn counts_looks(self) -> bool {
        matches!(self, Self::Events | Self::Deliveries | Self::Releases)
    }

    /// Returns true when the messages are about events, and not the events themselves.
    fn may_be_purged(self) -> bool {
        matches!(
            self,
            Self::FailedDoorbells
                | Self::FailedLogRetention
                | Self::FailedNights
                | Self::FailedPublishing
                | Self::DeadInvalidations
                | Self::DeadReleases
        )
    }
}

/// Shows up to ten messages, the oldest of each group first. They are hidden for a second.
pub async fn peek(
    arguments: &Peek,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let queue = arguments.queue;
    let url = queue.url(stack)?;
    if queue.counts_looks() {
        return Err(CommandError::argument(
            "QUEUE",
            "a look at this queue counts as an attempt of its messages; `wagrun queues` has their number, `wagrun events` what happens to them",
        ));
    }
    let receive = aws_sdk_sqs::Client::new(&stack.aws).receive_message();
    let receive = receive.queue_url(url).max_number_of_messages(10);
    let receive = receive.visibility_timeout(1);
    let received = receive
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await;
    let received = received.map_err(explain("sqs:ReceiveMessage"))?;
    let messages = received.messages.unwrap_or_default();
    output.report(&PeekedMessages {
        messages: messages.iter().map(Peeked::of).collect(),
    })?;
    Ok(Verdict::Good)
}

/// Deletes all messages of a queue.
pub async fn purge(
    arguments: &Purge,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let queue = arguments.queue;
    let url = queue.url(stack)?;
    if !queue.may_be_purged() {
        return Err(CommandError::argument(
            "QUEUE",
            "the messages of this queue are the events themselves, and would be lost; `wagrun redrive` brings them back",
        ));
    }
    output.consent("All messages of the queue are deleted", arguments.yes)?;
    let purge = aws_sdk_sqs::Client::new(&stack.aws).purge_queue();
    let purged = purge.queue_url(url).send().await;
    purged.map_err(explain("sqs:PurgeQueue"))?;
    output.report(&Purged {
        purged: queue.output().trim_end_matches("QueueUrl"),
    })?;
    Ok(Verdict::Good)
}

impl Peeked {
    fn of(message: &Message) -> Self {
        let attribute = |name| message.attributes.as_ref()?.get(&name).cloned();
        let sent = attribute(MessageSystemAttributeName::SentTimestamp);
        let sent = sent.and_then(|sent| sent.parse().ok());
        let receives = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
        let body = message.body.as_deref().unwrap_or_default();
        Self {
            group: attribute(MessageSystemAttributeName::MessageGroupId),
            sent_at: sent.and_then(|sent| Timestamp::from_millisecond(sent).ok()),
            receives: receives.and_then(|count| count.parse().ok()),
            body: serde_json::from_str(body).unwrap_or_else(|_| body.into()),
        }
    }
}

impl fmt::Display for PeekedMessages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.messages.is_empty() {
            return writeln!(
                formatter,
                "No message can be seen. Those that somebody looked at are hidden for a second, or for a minute by a redrive."
            );
        }
        for message in &self.messages {
            let sent = message.sent_at.map(time::second).unwrap_or_default();
            write!(formatter, "{sent}")?;
            if let Some(group) = &message.group {
                write!(formatter, "  {group}")?;
            }
            if let Some(receives) = message.receives {
                write!(formatter, "  receives: {receives}")?;
            }
            writeln!(formatter, "\n{:#}\n", message.body)?;
        }
        Ok(())
    }
}

impl fmt::Display for Purged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} is being emptied; SQS needs up to a minute.",
            self.purged
        )
    }
}
