//! `make demo`: publishes a page in the real admin, follows its event to the webhook, and stays up to be played with.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use wagrun_event::Event;

use crate::admin::{Action, AdminError, Block, Fields, PageId};
use crate::page::{OBSERVER, Page};
use crate::running::Running;
use crate::stack::{LocalStack, Options, StackError, StartError};
use crate::timeline::{Timeline, TimelineError};
use testing::progress::Progress;
use testing::receiver::{Delivery, Missing};

/// Whose webhook the scripted part follows.
const SUBSCRIBER: &str = "search";
/// Short enough to watch, long enough to do something meanwhile.
const WAITS: [u32; 5] = [3, 5, 10, 20, 30];
const TITLE: &str = "Hello from wagrun";
/// Far more than it takes; a lost doorbell would not be noticed before.
const PATIENCE: Duration = Duration::from_secs(60);

/// The demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// `DOORBELL` is something else.
    #[error(transparent)]
    Doorbell(#[from] UnknownDoorbell),
    /// The stack did not come up.
    #[error("starting the local stack")]
    Start(#[from] StartError),
    /// Nobody could log in.
    #[error("opening the Wagtail admin")]
    Login(#[from] StackError),
    /// The admin refused something.
    #[error("editing in the Wagtail admin")]
    Admin(#[from] AdminError),
    /// The webhook did not arrive.
    #[error("following the published page")]
    Missing(#[from] Missing),
    /// The webhook arrived, and is not from wagrun.
    #[error("the webhook arrived, but its signature does not verify: {0}")]
    Signature(String),
    /// The outbox does not know the event.
    #[error("measuring the timeline")]
    Timeline(#[from] TimelineError),
    /// The page of events could not be served.
    #[error("serving the page of events")]
    Page(#[source] io::Error),
    /// Other commands would not find it.
    #[error("writing .local/demo.env")]
    Announce(#[source] io::Error),
}

/// The demo can't ring in this way.
#[derive(Debug, thiserror::Error)]
#[error("DOORBELL={0}: the demo has Logs, and without it rings by a call")]
pub struct UnknownDoorbell(String);

/// The demo's stack, or what became of it.
pub struct Demo {
    stack: LocalStack,
    progress: Progress,
    since: Timestamp,
}

impl Demo {
    /// Brings the stack up, with a line for each step; the database rings by a call, or by its log alone.
    pub async fn start(rings_by_log: bool) -> Result<Self, DemoError> {
        let progress = Progress::lines();
        if rings_by_log {
            progress.step("the database rings by its log alone; on AWS a line takes some seconds");
        }
        let options = Options {
            progress: progress.clone(),
            subscribers: subscribers(),
            parameters: retries(),
            rings_by_log,
            ..Options::new("demo")
        };
        let since = Timestamp::now();
        let stack = LocalStack::start(options).await?;
        Ok(Self {
            stack,
            progress,
            since,
        })
    }

    /// Publishes a page and prints what happened to it; an error keeps the logs and says where they are.
    pub async fn publish_and_follow(&self) -> Result<(), DemoError> {
        let result = self.scripted().await;
        if result.is_err() {
            self.stack.supervisor.keep_logs();
            let logs = self.stack.supervisor.logs().display();
            eprintln!("The logs are kept for two days in {logs}");
        }
        result
    }

    async fn scripted(&self) -> Result<(), DemoError> {
        let stack = &self.stack;
        let admin = stack.admin().await?;
        let blog = admin
            .create_page(
                stack.home,
                "blog/blogindexpage",
                &Fields::titled("Blog"),
                Action::Publish,
            )
            .await?;
        // The function that starts now, and the emulator's first container, are not what the timeline is about.
        let first = self.published(blog).await?;
        self.progress.step(&format!(
            "the first webhook arrived ({})",
            described(&first.1)
        ));

        let body = [Block::Paragraph("Written by the demo.".to_owned())];
        let fields = Fields::titled(TITLE).body(body);
        let clicked = Timestamp::now();
        let page = admin
            .create_page(blog, "blog/blogpage", &fields, Action::Publish)
            .await?;
        let answered = Timestamp::now();
        let (delivery, event) = self.published(page).await?;
        let verified = Timestamp::now();

        let mut timeline = Timeline::of(&stack.database_url(), event.id).await?;
        timeline.add("webhook received", delivery.received_at);
        timeline.add("\"Publish\" clicked", clicked);
        timeline.add("the admin answers the editor", answered);
        timeline.add("signature verified", verified.max(delivery.received_at));
        println!("\n{}, webhook-id {}", described(&event), event.id);
        println!("{timeline}");
        Ok(())
    }

    /// The verified delivery that says that this page is live.
    async fn published(&self, page: PageId) -> Result<(Delivery, Event), DemoError> {
        let subject = format!("page/{page}");
        let what = format!("wagtail.page.published of {subject}");
        let is_it =
            |event: &Event| event.kind == "wagtail.page.published" && event.subject == subject;
        let receiver = &self.stack.receiver;
        let found = |deliveries: &[Delivery]| {
            deliveries.iter().find_map(|delivery| {
                let event = delivery.event.as_ref().ok().filter(|event| is_it(event))?;
                Some((delivery.clone(), event.clone()))
            })
        };
        let (delivery, event) = receiver
            .wait_until(SUBSCRIBER, &what, PATIENCE, found)
            .await?;
        match &delivery.signature {
            Ok(()) => Ok((delivery, event)),
            Err(error) => Err(DemoError::Signature(error.clone())),
        }
    }

    /// Says where everything is, and serves the page of events until it is dropped.
    pub async fn stay(&self) -> Result<(), DemoError> {
        let stack = &self.stack;
        let admin = format!("{}/admin/", stack.site.url);
        let page = Page {
            receiver: Arc::clone(&stack.receiver),
            deployment: stack.deployment.clone(),
            subscribers: ["search", "cdn"].map(str::to_owned).to_vec(),
            waits: WAITS.to_vec(),
            since: self.since,
            database: stack.database_url(),
            admin: admin.clone(),
        };
        let (address, server) = page.bind().await.map_err(DemoError::Page)?;
        let endpoint = stack.emulator.endpoint();
        let _running = Running::announce(Running::file(), endpoint, &stack.database_url())
            .map_err(DemoError::Announce)?;
        println!("Events         http://{address}/");
        println!("Wagtail admin  {admin}");
        println!("               user {}", stack.superuser.username);
        println!("               password {}", stack.superuser.password);
        println!("Database       {}", stack.database_url());
        println!("Logs           {}", stack.supervisor.logs().display());
        println!(
            "Edit a page and watch its events arrive; let a receiver fail. Ctrl-C stops and removes everything."
        );
        server.await.map_err(DemoError::Page)
    }
}

/// Whether the database is to ring by its log alone, from `DOORBELL`, which is empty when nothing was said.
pub fn rings_by_log(doorbell: &str) -> Result<bool, UnknownDoorbell> {
    match doorbell {
        "" => Ok(false),
        "Logs" => Ok(true),
        other => Err(UnknownDoorbell(other.to_owned())),
    }
}

/// Two that can be told to fail, one of which wants only what a cache must know of, and the page itself.
fn subscribers() -> Vec<(String, Value)> {
    let live = ["published", "unpublished", "moved", "deleted"];
    let live = live.map(|action| format!("wagtail.page.{action}"));
    [
        ("search", json!({"types": ["wagtail.page.*"]})),
        ("cdn", json!({"types": live})),
        (OBSERVER, json!({})),
    ]
    .map(|(name, fields)| (name.to_owned(), fields))
    .to_vec()
}

fn retries() -> BTreeMap<&'static str, String> {
    let waits: Vec<String> = WAITS.iter().map(u32::to_string).collect();
    BTreeMap::from([
        ("DeliveryMaxAttempts", (waits.len() + 1).to_string()),
        ("DeliveryRetrySeconds", waits.join(",")),
    ])
}

fn described(event: &Event) -> String {
    format!("{} {}", event.kind, event.subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_rings_by_log_when_asked_and_refuses_what_it_does_not_have() {
        assert!(!rings_by_log("").unwrap());
        assert!(rings_by_log("Logs").unwrap());
        let error = rings_by_log("LambdaEndpoint").unwrap_err().to_string();
        assert!(error.starts_with("DOORBELL=LambdaEndpoint: "), "{error}");
    }
}
