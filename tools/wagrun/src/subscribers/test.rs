//! `wagrun subscribers test`: sends a test event to one subscriber, as deliver does, and reports the result.
//!
//! It runs on the operator's machine with the operator's credentials. It uses the code of deliver with the configuration of
//! the deployed function. So the validation of the parameter, the signature, the rules for addresses and the timeouts are the
//! same. There is no queue: the event is sent once, and the subscriber is not disabled.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use wagrun_delivery::subscriber::{Subscriber, Target};
use wagrun_event::{Event, NewEvent};

use super::matches::count;
use super::parameters::SubscriberParameters;
use super::test_report::Report;
use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::sender::Sender;
use crate::stack::Stack;
use crate::time;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the subscriber
    name: String,
    /// URL of a page of the site, for a CDN that refuses others
    #[arg(long)]
    url: Option<String>,
    /// Do not count the objects that match, which wakes a sleeping database
    #[arg(long)]
    no_count: bool,
    /// Count without a question
    #[arg(long)]
    yes: bool,
}

/// The type of the test event.
pub const EVENT_TYPE: &str = "subscriber.test";
/// The URL of the page that the test event is about, for a target that needs one. No site has such a page.
const PAGE_URL: &str = "https://subscriber.test/wagrun-subscriber-test/";

/// Sends a test event. The verdict is bad when the receiver does not accept it.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let counts = match arguments.no_count {
        true => None,
        false => Some(stack.consent_to_wake(output, arguments.yes)),
    };
    let wait = output.wait(format!("testing {}", arguments.name));
    let report = test(arguments, counts, stack, time::now()).await;
    wait.finish_and_clear();
    let report = report?;
    output.report(&report)?;
    Ok(Verdict::good_if(report.sent.is_accepted()))
}

/// Sends a test event. `counts` is the consent to count the objects that match, or the reason why there is none.
async fn test(
    arguments: &Arguments,
    counts: Option<Result<(), CommandError>>,
    stack: &Stack,
    now: Timestamp,
) -> Result<Report, CommandError> {
    let page_url = match &arguments.url {
        Some(url) if !url.starts_with("https://") => {
            return Err(CommandError::argument(
                "--url",
                "does not begin with https://",
            ));
        }
        Some(url) => url,
        None => PAGE_URL,
    };
    let settings = DeliverSettings::of(stack).await?;
    let stored = SubscriberParameters::of(stack)?
        .one(&arguments.name)
        .await?;
    let sender = Sender::new(&stack.aws, settings)?;
    let subscriber = sender.subscriber(&arguments.name, &stored.parameter, &stored.json)?;
    let event = event(&subscriber, sender.source(), page_url, now);
    let mut report = Report {
        sent: sender.send(&subscriber, &event, now).await?,
        subscriber,
        event,
        matches: None,
    };
    // Events about the site and subscribers have no objects.
    if let Some(consent) = counts
        && report.subscriber.filter.admits_content()
    {
        let parameter = serde_json::from_str(&stored.json).unwrap_or_default();
        report.matches = Some(count(stack, &parameter, consent).await);
    }
    Ok(report)
}

/// Returns an event for this subscriber alone.
fn event(subscriber: &Subscriber, source: &str, page_url: &str, now: Timestamp) -> Event {
    let name = &subscriber.name;
    let mut data = Map::new();
    data.insert("name".into(), Value::String(name.clone()));
    data.insert("title".into(), format!("Test of subscriber {name}").into());
    data.extend(values_for_requests(&subscriber.target, page_url));
    let mut event = Event::new(NewEvent {
        id: Uuid::new_v4(),
        source,
        kind: EVENT_TYPE.to_owned(),
        subject: format!("subscriber/{name}"),
        time: now.to_string(),
        // The event has no commit from which to take a sequence, like subscriber.disabled.
        sequence: now.as_microsecond(),
        data,
    });
    event.subscriber = Some(name.clone());
    event
}

/// Returns the values that the target's own requests need: those of a page that the public sees.
fn values_for_requests(target: &Target, url: &str) -> Map<String, Value> {
    let values = match target {
        Target::Webhook(webhook) if webhook.posts_events() => json!({}),
        Target::Webhook(_) => json!({
            "id": 0, "live": true, "visible_to": "public", "url": url, "urls": [url],
        }),
        Target::CloudFront(_) => json!({"url": url}),
        Target::EventBridge(_) => json!({}),
    };
    match values {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
