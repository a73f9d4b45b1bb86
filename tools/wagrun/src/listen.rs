//! `wagrun listen`: live, signed events for a developer's machine.
//!
//! A queue of its own subscribes to the topic, and is removed at the end. If the command is killed, the next one finds the queue
//! and removes it.

mod leftovers;
mod queue;

use std::fmt;

use clap::Args;
use deliver::Reach;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use wagrun_delivery::subscriber::{Rules, Subscriber};
use wagrun_event::Event;

use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;
use crate::filter::FilterArguments;
use crate::output::{self, Output, Verdict};
use crate::secret::{NewSecret, Signature};
use crate::sender::{Sender, Sent};
use crate::stack::Stack;
use crate::time;

use leftovers::remove_leftovers;
pub use leftovers::{left_queues, listening_queues};
pub use queue::{Reader, TemporaryQueue};

/// The name of the subscriber that this command plays.
const NAME: &str = "listen";

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// URL that gets each event as a signed webhook, such as http://localhost:3000/hooks; without it they are only shown
    #[arg(long, value_name = "URL")]
    forward_to: Option<String>,
    #[command(flatten)]
    filter: FilterArguments,
    /// Secret of the signatures (whsec_…); a new one if left out
    #[arg(long, env = "WAGRUN_LISTEN_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// End after this number of events
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
}

/// An event that arrived.
#[derive(Debug, Serialize)]
struct Arrived {
    event: Event,
    /// The answer of the receiver; none when the event was only shown.
    forwarded: Option<Sent>,
    #[serde(skip)]
    at: Timestamp,
}

/// Shows and forwards events until it is interrupted.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let (secret, is_new) = match &arguments.secret {
        Some(secret) => (secret.clone(), false),
        None => (NewSecret::generate(Signature::V1)?.stored, true),
    };
    let subscriber = subscriber(arguments, &secret)?;
    let sender = Sender::new(
        &stack.aws,
        DeliverSettings {
            reach: Reach::Anywhere,
            ..DeliverSettings::of(stack).await?
        },
    )?;
    for removed in remove_leftovers(stack).await? {
        output.tell(format!(
            "removed {removed}, which an earlier `wagrun listen` left behind"
        ));
    }
    // The signals are caught from here on, so that nothing is left behind.
    let mut interrupted = Interrupted::new()?;
    let mut queue = TemporaryQueue::create(
        stack,
        &Reader::Everybody {
            types: &arguments.filter.types,
        },
    )
    .await?;
    output.tell(format!(
        "listening to the events of {}; Ctrl-C ends it",
        stack.name
    ));
    if let Some(url) = arguments.forward_to.as_ref().filter(|_| is_new) {
        output.tell(format!("forwarding to {url}, signed with {secret}"));
    }
    let mut listener = Listener {
        subscriber: &subscriber,
        sender: arguments.forward_to.is_some().then_some(&sender),
        output,
        left: arguments.count,
    };
    let result = tokio::select! {
        result = listener.listen(&mut queue) => result,
        () = interrupted.wait() => Ok(()),
    };
    // What stays behind after a failure is removed by the next `wagrun listen`.
    let removed = queue.remove().await;
    result.and(removed)?;
    Ok(Verdict::Good)
}

/// Judges the arguments as the parameter of a subscriber.
fn subscriber(arguments: &Arguments, secret: &str) -> Result<Subscriber, CommandError> {
    let url = arguments
        .forward_to
        .as_deref()
        .unwrap_or("http://localhost/");
    let mut fields = Map::new();
    fields.insert("target".into(), "webhook".into());
    fields.insert("url".into(), url.into());
    fields.insert("secrets".into(), json!([secret]));
    arguments.filter.add_to(&mut fields);
    let json = Value::Object(fields).to_string();
    Subscriber::parse(NAME, NAME, &json, Rules::LENIENT).map_err(|fault| {
        let field = fault.place.to_string().replace('_', "-");
        let field = field.trim_end_matches([':', ' ']);
        let flag = match field.split('[').next() {
            Some("url") => "--forward-to".to_owned(),
            Some("secrets") => "--secret".to_owned(),
            _ => format!("--{field}"),
        };
        CommandError::argument(flag, fault.problem.to_string())
    })
}

struct Listener<'a> {
    subscriber: &'a Subscriber,
    sender: Option<&'a Sender>,
    output: &'a Output,
    /// The number of events until the end; none for no end.
    left: Option<u64>,
}

impl Listener<'_> {
    async fn listen(&mut self, queue: &mut TemporaryQueue) -> Result<(), CommandError> {
        while self.left != Some(0) {
            for message in queue.receive().await? {
                self.handle(message.body.as_deref().unwrap_or_default())
                    .await?;
                queue.delete(&message).await?;
                if self.left == Some(0) {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn handle(&mut self, body: &str) -> Result<(), CommandError> {
        let Ok(event) = serde_json::from_str::<Event>(body) else {
            self.output.tell("left out a message that is no event");
            return Ok(());
        };
        if !self.subscriber.filter.matches(&event) {
            return Ok(());
        }
        let at = time::now();
        let forwarded = match self.sender {
            Some(sender) => Some(sender.send_json(self.subscriber, &event, body, at).await),
            None => None,
        };
        self.output.line(&Arrived {
            event,
            forwarded,
            at,
        })?;
        self.left = self.left.map(|left| left - 1);
        Ok(())
    }
}

impl fmt::Display for Arrived {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event {
            kind, subject, id, ..
        } = &self.event;
        let at = time::millisecond(self.at);
        write!(formatter, "{at}  {kind}  {subject}  {id}")?;
        if self.event.replayed {
            formatter.write_str("  (replayed)")?;
        }
        match &self.forwarded {
            None => Ok(()),
            Some(report) if report.is_accepted() => write!(formatter, "  {}", output::good(report)),
            Some(report) => write!(formatter, "  {}", output::bad(report)),
        }
    }
}

/// Ctrl-C, and the signal that asks a program to end.
struct Interrupted {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupted {
    fn new() -> Result<Self, CommandError> {
        let failed = |source| CommandError::Io {
            doing: "cannot wait for Ctrl-C".to_owned(),
            source,
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
