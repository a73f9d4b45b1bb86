//! `wagrun redrive`: messages of a dead-letter queue go back to where they came from, after a plan.
//!
//! Each message is sent to the queue and then deleted from the dead-letter queue, the oldest of its group first. So it is never
//! lost: a message that was sent and not deleted is sent again, and SQS drops the second one for five minutes. This takes messages of
//! every origin; the move of SQS itself leaves out those that SNS or a program sent.

mod message;
mod set_aside;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::call::explain;
use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::queues::QueueName;
use crate::stack::Stack;
use crate::status::depth;
use crate::subscribers::SubscriberParameters;

use message::DeadLetter;

/// The seconds for which a received message is hidden. One that is left out is shown again at the end, and after them if that fails.
const HIDDEN_SECONDS: i32 = 60;

/// A kind of message that can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Events that fan-out could not handle
    Events,
    /// Deliveries that were given up
    Deliveries,
    /// Messages that release could not handle
    Releases,
    /// Deliveries that were set aside: their subscribers are tried at once
    SetAside,
}

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The messages that are sent again
    #[arg(value_enum)]
    kind: Kind,
    /// Only deliveries to this subscriber
    #[arg(long)]
    subscriber: Option<String>,
    /// At most this number
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// The messages that were sent again.
#[derive(Debug, Serialize)]
struct Redriven {
    kind: &'static str,
    /// The number of messages that were sent again, by subscriber; an empty name for those that are no deliveries.
    sent: BTreeMap<String, u64>,
    /// The messages that were left where they are.
    left: u64,
    /// Those among them that cannot be received now, because somebody has looked at them.
    hidden: u64,
}

/// Sends messages again.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    if arguments.kind == Kind::SetAside && arguments.limit.is_some() {
        let problem = "does not go with set-aside: deliver takes as many as fit";
        return Err(CommandError::argument("--limit", problem));
    }
    if arguments.subscriber.is_some() && arguments.kind != Kind::Deliveries {
        return Err(CommandError::argument(
            "--subscriber",
            "only goes with deliveries",
        ));
    }
    let (from, to, kind) = match arguments.kind {
        Kind::SetAside => return set_aside::run(stack, output).await,
        Kind::Events => (QueueName::DeadEvents, QueueName::Events, "events"),
        Kind::Deliveries => (
            QueueName::DeadDeliveries,
            QueueName::Deliveries,
            "deliveries",
        ),
        Kind::Releases => (QueueName::DeadReleases, QueueName::Releases, "releases"),
    };
    if let Some(name) = &arguments.subscriber {
        // A name with a typo would have no dead letters, which sounds well.
        SubscriberParameters::of(stack)?.one(name).await?;
    }
    let (from, to) = (from.url(stack)?, to.url(stack)?);
    let count = depth(stack, from).await?.all();
    if count == 0 {
        output.report(&Redriven {
            kind,
            sent: BTreeMap::new(),
            left: 0,
            hidden: 0,
        })?;
        return Ok(Verdict::Good);
    }
    output.consent(&question(arguments, kind, count), arguments.yes)?;
    let progress = output.count(count, "sending again");
    let mut redrive = Redrive {
        sqs: aws_sdk_sqs::Client::new(&stack.aws),
        from,
        to,
        subscriber: arguments.subscriber.as_deref(),
        limit: arguments.limit.unwrap_or(u64::MAX),
        sent: BTreeMap::new(),
    };
    let result = redrive.run(&progress).await;
    progress.finish_and_clear();
    let depth = depth(stack, from).await?;
    let redriven = Redriven {
        kind,
        sent: redrive.sent,
        left: depth.all(),
        hidden: depth.hidden,
    };
    output.report(&redriven)?;
    result?;
    Ok(Verdict::good_if(
        redriven.hidden == 0 || !redriven.sent.is_empty(),
    ))
}

fn question(arguments: &Arguments, kind: &str, count: u64) -> String {
    let which = match (&arguments.subscriber, arguments.limit) {
        (Some(name), None) => format!("those to {name} among {count} dead {kind} are"),
        (Some(name), Some(limit)) => {
            format!("at most {limit} of those to {name} among {count} dead {kind} are")
        }
        (None, Some(limit)) => format!("at most {limit} of {count} dead {kind} are"),
        (None, None) => format!("all {count} dead {kind} are"),
    };
    format!(
        "{which} sent again; a receiver may get an older event after a newer one of the same object"
    )
}

/// A redrive under way.
struct Redrive<'a> {
    sqs: aws_sdk_sqs::Client,
    from: &'a str,
    to: &'a str,
    subscriber: Option<&'a str>,
    limit: u64,
    sent: BTreeMap<String, u64>,
}

impl Redrive<'_> {
    /// Sends messages until none can be received. Can be stopped at any point, and begun again.
    async fn run(&mut self, progress: &ProgressBar) -> Result<(), CommandError> {
        let mut left_out = HashMap::new();
        let sent = self.send_all(progress, &mut left_out).await;
        for receipt in left_out.into_values() {
            self.show(&receipt).await?;
        }
        sent
    }

    /// Sends the messages that are meant. Collects the ids and receipts of the others.
    async fn send_all(
        &mut self,
        progress: &ProgressBar,
        left_out: &mut HashMap<String, String>,
    ) -> Result<(), CommandError> {
        let mut left = self.limit;
        while left > 0 {
            let letters = self.receive().await?;
            // A message that is left out comes back after a while. When nothing else comes any more, all were seen.
            if letters
                .iter()
                .all(|letter| left_out.contains_key(&letter.id))
            {
                break;
            }
            for letter in letters {
                let name = letter.subscriber();
                if left == 0 || self.subscriber.is_some_and(|wanted| name != Some(wanted)) {
                    left_out.insert(letter.id, letter.receipt);
                    continue;
                }
                let name = name.unwrap_or_default().to_owned();
                self.send_again(&letter).await?;
                *self.sent.entry(name).or_default() += 1;
                left -= 1;
                progress.inc(1);
            }
        }
        Ok(())
    }

    async fn receive(&self) -> Result<Vec<DeadLetter>, CommandError> {
        let receive = self.sqs.receive_message().queue_url(self.from);
        let receive = receive
            .max_number_of_messages(10)
            .visibility_timeout(HIDDEN_SECONDS)
            .message_attribute_names("All")
            .message_system_attribute_names(DeadLetter::ATTRIBUTES);
        let received = receive.send().await;
        let received = received.map_err(explain("sqs:ReceiveMessage"))?;
        let messages = received.messages.unwrap_or_default().into_iter();
        Ok(messages.filter_map(DeadLetter::of).collect())
    }

    /// Lets a message be received at once, by the next redrive.
    async fn show(&self, receipt: &str) -> Result<(), CommandError> {
        let change = self.sqs.change_message_visibility().queue_url(self.from);
        let change = change.receipt_handle(receipt).visibility_timeout(0);
        let changed = change.send().await;
        changed.map_err(explain("sqs:ChangeMessageVisibility"))?;
        Ok(())
    }

    async fn send_again(&self, letter: &DeadLetter) -> Result<(), CommandError> {
        let send = self.sqs.send_message().queue_url(self.to);
        let send = send
            .message_body(&letter.body)
            .set_message_attributes(letter.attributes.clone())
            .set_message_group_id(letter.group.clone())
            .set_message_deduplication_id(letter.deduplication_id());
        send.send().await.map_err(explain("sqs:SendMessage"))?;
        let delete = self.sqs.delete_message().queue_url(self.from);
        let deleted = delete.receipt_handle(&letter.receipt).send().await;
        deleted.map_err(explain("sqs:DeleteMessage"))?;
        Ok(())
    }
}

impl fmt::Display for Redriven {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            sent,
            left,
            hidden,
        } = self;
        let all: u64 = sent.values().sum();
        if all == 0 && *left == 0 {
            return writeln!(formatter, "There are no dead {kind}.");
        }
        match all {
            1 => write!(formatter, "1 of the {kind} was sent again, ")?,
            _ => write!(formatter, "{all} {kind} were sent again, ")?,
        }
        writeln!(formatter, "{left} left.")?;
        if *hidden > 0 {
            writeln!(
                formatter,
                "{hidden} of them cannot be seen for up to a minute, because somebody has looked at them. Then try again."
            )?;
        }
        for (name, count) in sent.iter().filter(|(name, _)| !name.is_empty()) {
            writeln!(formatter, "  {name}  {count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
