//! `wagrun trigger`: a sample event of any type, to one subscriber or to everybody who listens.

mod samples;

use std::fmt;

use clap::Args;
use serde::Serialize;
use uuid::Uuid;
use wagrun_event::Event;

use crate::call::explain;
use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;
use crate::listen::listening_queues;
use crate::output::{self, Output, Verdict, counted};
use crate::sender::{Sender, Sent};
use crate::stack::Stack;
use crate::subscribers::SubscriberParameters;
use crate::time;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Type of the event, such as wagtail.page.published; --list shows all
    #[arg(required_unless_present = "list", value_name = "TYPE")]
    kind: Option<String>,
    /// Send it to this subscriber, from this machine; without it, to every `wagrun listen` of the stack
    #[arg(long)]
    subscriber: Option<String>,
    /// Show the types
    #[arg(long, conflicts_with_all = ["kind", "subscriber"])]
    list: bool,
}

/// The types of the samples.
#[derive(Debug, Serialize)]
struct Types {
    types: Vec<&'static str>,
}

/// A sample that was sent.
#[derive(Debug, Serialize)]
struct Triggered {
    event: Event,
    /// The answer of the subscriber, if one was named.
    sent: Option<Sent>,
    /// The number of listeners that get it, if none was named.
    listeners: Option<u64>,
}

/// Shows the types of the samples. Needs no stack.
pub fn list(output: &Output) -> Result<Verdict, CommandError> {
    output.report(&Types {
        types: samples::types(),
    })?;
    output.tell(
        "An event of another model, such as wagtail.site.updated, has the form of wagtail.author.",
    );
    Ok(Verdict::Good)
}

impl Arguments {
    /// Returns true when only the types are to be shown.
    pub fn is_list(&self) -> bool {
        self.list
    }
}

/// Sends a sample.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let settings = DeliverSettings::of(stack).await?;
    let kind = arguments.kind.as_deref().unwrap_or_default();
    let now = time::now();
    let event = samples::sample(kind, &settings.source, Uuid::new_v4(), now)?;
    let triggered = match &arguments.subscriber {
        Some(name) => {
            let stored = SubscriberParameters::of(stack)?.one(name).await?;
            let sender = Sender::new(&stack.aws, settings)?;
            let subscriber = sender.subscriber(name, &stored.parameter, &stored.json)?;
            if !subscriber.filter.matches(&event) {
                output.tell(output::warning(format!(
                    "{name} would not get this event: its filter does not let it pass"
                )));
            }
            Triggered {
                sent: Some(sender.send(&subscriber, &event, now).await?),
                event,
                listeners: None,
            }
        }
        None => Triggered {
            listeners: Some(send_to_listeners(stack, &event).await?),
            event,
            sent: None,
        },
    };
    let is_good = triggered.sent.as_ref().is_none_or(Sent::is_accepted);
    output.report(&triggered)?;
    Ok(Verdict::good_if(is_good))
}

async fn send_to_listeners(stack: &Stack, event: &Event) -> Result<u64, CommandError> {
    let queues = listening_queues(stack).await?;
    if queues.is_empty() {
        return Err(CommandError::argument(
            "--subscriber",
            "nobody listens; name a subscriber, or start `wagrun listen` in another terminal",
        ));
    }
    let json = event.to_json().map_err(|source| CommandError::Answer {
        what: "the sample",
        source,
    })?;
    let sqs = aws_sdk_sqs::Client::new(&stack.aws);
    for url in &queues {
        let send = sqs.send_message().queue_url(url).message_body(&json);
        let send = send
            .message_group_id(&event.subject)
            .message_deduplication_id(event.id.to_string());
        send.send().await.map_err(explain("sqs:SendMessage"))?;
    }
    Ok(queues.len() as u64)
}

impl fmt::Display for Types {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.types
            .iter()
            .try_for_each(|kind| writeln!(formatter, "{kind}"))
    }
}

impl fmt::Display for Triggered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event {
            kind, subject, id, ..
        } = &self.event;
        write!(formatter, "{kind}  {subject}  {id}  ")?;
        match (&self.sent, self.listeners) {
            (Some(sent), _) if sent.is_accepted() => writeln!(formatter, "{}", output::good(sent)),
            (Some(sent), _) => writeln!(formatter, "{}", output::bad(sent)),
            (None, count) => {
                let listeners = counted(count.unwrap_or_default(), "listener", "listeners");
                writeln!(formatter, "sent to {listeners}")?;
                writeln!(
                    formatter,
                    "A listener that asked for other events leaves it out. One that was killed counts for five minutes."
                )
            }
        }
    }
}
