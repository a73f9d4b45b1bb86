//! `make demo` publishes a page in the admin, follows its event to the webhook, and keeps the stack running. With `SITE` it does so
//! for a site of the user's own.

mod error;
mod own;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use wagrun_event::Event;

use crate::admin::{Action, Block, Fields, PageId};
use crate::demo_file::DemoFile;
use crate::own_site::{OwnSite, OwnSiteOptions};
use crate::page::{OBSERVER, Page};
use crate::stack::{LocalStack, StackOptions};
use crate::timeline::Timeline;
use testing::progress::Progress;
use testing::receiver::WebhookRequest;

pub use error::{DemoError, UnknownDoorbell};

/// The subscriber whose webhook the scripted part follows.
const SUBSCRIBER: &str = "search";
/// The retry delays in seconds. They are short enough to watch, and long enough to change a receiver meanwhile.
const RETRY_SECONDS: [u32; 5] = [3, 5, 10, 20, 30];
/// The title of the published page.
const TITLE: &str = "Hello from wagrun";
/// The time in which a webhook must arrive. A delivery takes far less.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// The running demo.
pub struct Demo {
    stack: LocalStack,
    progress: Progress,
    since: Timestamp,
    own_site: Option<OwnSite>,
    /// The name of the account for the admin, once one was made in a site of the user's own; none when that failed.
    own_account: OnceLock<Option<String>>,
}

impl Demo {
    /// Starts the stack, with a line for each step. The database rings by a call of Lambda, or by its log alone.
    pub async fn start(
        rings_by_log: bool,
        own_site: Option<OwnSiteOptions>,
    ) -> Result<Self, DemoError> {
        let progress = Progress::lines();
        let own_site = match own_site {
            Some(options) => Some(OwnSite::find(options, &progress).await?),
            None => None,
        };
        if rings_by_log {
            progress.step("the database rings by its log alone (on AWS a line takes some seconds)");
        }
        let options = StackOptions {
            progress: progress.clone(),
            subscribers: subscribers(),
            parameters: retries(),
            rings_by_log,
            own_site: own_site.clone(),
            ..StackOptions::new("demo")
        };
        let since = Timestamp::now();
        let stack = LocalStack::start(options).await?;
        Ok(Self {
            stack,
            progress,
            since,
            own_site,
            own_account: OnceLock::new(),
        })
    }

    /// Returns the URL of the site's database, as the role that owns it.
    pub fn database_url(&self) -> String {
        self.stack.database_url()
    }

    /// Returns the address of the site, without a slash at its end.
    pub fn site_url(&self) -> &str {
        &self.stack.site.url
    }

    /// Publishes a page and prints the timeline of its event. After an error the logs are kept, and their path is printed.
    pub async fn publish_and_follow(&self) -> Result<(), DemoError> {
        let result = match &self.own_site {
            None => self.scripted().await,
            Some(own) => self.show_own(own).await,
        };
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
        // The timeline is about the second event, so that it does not contain the first start of each function.
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
        let (request, event) = self.published(page).await?;
        let steps = [
            ("\"Publish\" clicked", clicked),
            ("the admin answers the editor", answered),
        ];
        self.print_timeline(&request, &event, &steps).await
    }

    /// Prints the way of an event, with further steps.
    async fn print_timeline(
        &self,
        request: &WebhookRequest,
        event: &Event,
        steps: &[(&'static str, Timestamp)],
    ) -> Result<(), DemoError> {
        let verified = Timestamp::now();
        let mut timeline = Timeline::of(&self.stack.database_url(), event.id).await?;
        timeline.add("webhook received", request.received_at);
        for (what, at) in steps {
            timeline.add(*what, *at);
        }
        timeline.add("signature verified", verified.max(request.received_at));
        println!("\n{}, webhook-id {}", described(event), event.id);
        println!("{timeline}");
        Ok(())
    }

    /// Waits for the webhook that reports the publication of this page, and checks its signature.
    async fn published(&self, page: PageId) -> Result<(WebhookRequest, Event), DemoError> {
        let is_published = |event: &Event| event.kind == "wagtail.page.published";
        self.first_event(&format!("page/{page}"), is_published)
            .await
    }

    /// Waits for the first webhook about an object whose event is wanted, and checks its signature.
    async fn first_event(
        &self,
        subject: &str,
        is_wanted: impl Fn(&Event) -> bool,
    ) -> Result<(WebhookRequest, Event), DemoError> {
        let what = format!("the event of {subject}");
        let receiver = &self.stack.receiver;
        let find = |requests: &[WebhookRequest]| {
            requests.iter().find_map(|request| {
                let event = request.event.as_ref().ok();
                let event = event.filter(|it| it.subject == subject && is_wanted(it))?;
                Some((request.clone(), event.clone()))
            })
        };
        let (request, event) = receiver
            .wait_until(SUBSCRIBER, &what, DELIVERY_TIMEOUT, find)
            .await?;
        match &request.signature {
            Ok(()) => Ok((request, event)),
            Err(error) => Err(DemoError::Signature(error.clone())),
        }
    }

    /// Prints the addresses of all parts, and serves the page until this future is dropped.
    pub async fn serve(&self) -> Result<(), DemoError> {
        let stack = &self.stack;
        let admin = format!("{}/admin/", stack.site.url);
        let page = Page {
            receiver: Arc::clone(&stack.receiver),
            deployment: stack.deployment.clone(),
            subscribers: ["search", "cdn"].map(str::to_owned).to_vec(),
            retry_seconds: RETRY_SECONDS.to_vec(),
            since: self.since,
            database: stack.database_url(),
            admin: admin.clone(),
        };
        let (address, server) = page.bind().await.map_err(DemoError::Page)?;
        let endpoint = stack.emulator.endpoint();
        let _demo_file = DemoFile::write(DemoFile::path(), endpoint, &stack.database_url())
            .map_err(DemoError::DemoFile)?;
        println!("Events         http://{address}/");
        println!("Wagtail admin  {admin}");
        let username = match self.own_account.get() {
            Some(own) => own.as_ref(),
            None => Some(&stack.superuser.username),
        };
        match username {
            Some(username) => {
                println!("               user {username}");
                println!("               password {}", stack.superuser.password);
            }
            None => println!("               an account of the site's own"),
        }
        println!("Database       {}", stack.database_url());
        println!("Logs           {}", stack.supervisor.logs().display());
        println!(
            "Edit a page and watch its events arrive, or let a receiver fail. Ctrl-C stops and removes everything."
        );
        server.await.map_err(DemoError::Page)
    }
}

/// Returns true if the database is to ring by its log alone. `doorbell` is the value of `DOORBELL`, or empty.
pub fn rings_by_log(doorbell: &str) -> Result<bool, UnknownDoorbell> {
    match doorbell {
        "" => Ok(false),
        "Logs" => Ok(true),
        other => Err(UnknownDoorbell(other.to_owned())),
    }
}

/// Returns the subscribers: one for all page events, one for the events that a cache needs, and the page itself.
fn subscribers() -> Vec<(String, Value)> {
    let cache = ["published", "unpublished", "moved", "deleted"];
    let cache = cache.map(|action| format!("wagtail.page.{action}"));
    [
        ("search", json!({"types": ["wagtail.page.*"]})),
        ("cdn", json!({"types": cache})),
        (OBSERVER, json!({})),
    ]
    .map(|(name, fields)| (name.to_owned(), fields))
    .to_vec()
}

/// Returns the parameters of the template for the retry schedule.
fn retries() -> BTreeMap<&'static str, String> {
    let delays: Vec<String> = RETRY_SECONDS.iter().map(u32::to_string).collect();
    BTreeMap::from([
        ("DeliveryMaxAttempts", (delays.len() + 1).to_string()),
        ("DeliveryRetrySeconds", delays.join(",")),
    ])
}

fn described(event: &Event) -> String {
    format!("{} {}", event.kind, event.subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_rings_by_log_when_asked_and_refuses_other_values() {
        assert!(!rings_by_log("").unwrap());
        assert!(rings_by_log("Logs").unwrap());
        let error = rings_by_log("LambdaEndpoint").unwrap_err().to_string();
        assert!(error.starts_with("DOORBELL=LambdaEndpoint: "), "{error}");
    }
}
