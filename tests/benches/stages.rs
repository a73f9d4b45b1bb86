//! From a click on "Publish" to the webhook, stage by stage, on the whole local stack: the median of some publications.
//!
//! The emulator plays Lambda, SNS and SQS. Its share is what lies between the functions' own lines: the starts of invocations, the
//! topic and both queues. On AWS other times stand there.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local_stack::admin::{Action, Fields};
use local_stack::stack::{LocalStack, StackOptions};
use local_stack::timeline::Timeline;
use serde_json::{Value, json};
use testing::progress::Progress;
use testing::receiver::WebhookRequest;
use wagrun_event::Event;

const SUBSCRIBER: &str = "bench";
const PUBLICATIONS: usize = 30;
const WARM_UP: usize = 3;
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = StackOptions {
        progress: Progress::lines(),
        subscribers: vec![(SUBSCRIBER.to_owned(), json!({}))],
        ..StackOptions::new("stages")
    };
    let stack = LocalStack::start(options).await?;
    let since = Timestamp::now().as_millisecond();
    let admin = stack.admin().await?;
    let mut timelines = Vec::new();
    for number in 0..PUBLICATIONS + WARM_UP {
        let fields = Fields::titled(&format!("Page {number}"));
        let clicked = Timestamp::now();
        let page = admin
            .create_page(stack.home, "blog/blogindexpage", &fields, Action::Publish)
            .await?;
        let answered = Timestamp::now();
        let (event, received) = published(&stack, &format!("page/{page}")).await?;
        let mut timeline = Timeline::of(&stack.database_url(), event.id).await?;
        timeline.add("\"Publish\" clicked", clicked);
        timeline.add("the admin answers the editor", answered);
        timeline.add("webhook received", received);
        if number >= WARM_UP {
            timelines.push((event.id.to_string(), timeline));
        }
    }
    let fanned_out = own_lines(&stack, "fan-out", "fanned out", since).await?;
    let attempted = own_lines(&stack, "deliver", "delivery attempted", since).await?;
    let mut stages: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (id, mut timeline) in timelines {
        if let Some((at, _)) = fanned_out.get(&id) {
            timeline.add("fan-out has queued the delivery", *at);
        }
        if let Some((at, duration)) = attempted.get(&id) {
            timeline.add("deliver begins its attempt", *at - *duration);
        }
        for (milliseconds, what) in timeline.stages() {
            stages
                .entry(what.to_owned())
                .or_default()
                .push(milliseconds);
        }
    }
    print(stages);
    Ok(())
}

fn print(stages: BTreeMap<String, Vec<f64>>) {
    let mut medians: Vec<(f64, String)> = stages
        .into_iter()
        .map(|(what, mut times)| {
            times.sort_by(f64::total_cmp);
            (times[times.len() / 2], what)
        })
        .collect();
    medians.sort_by(|one, other| one.0.total_cmp(&other.0));
    println!(
        "| stage, the median of {PUBLICATIONS} publications | since the click, ms | since the stage before, ms |"
    );
    println!("|---|---:|---:|");
    let mut before = 0.0;
    for (since, what) in medians {
        println!("| {what} | {since:.1} | {:.1} |", since - before);
        before = since;
    }
}

/// Waits for the webhook of a page's publication. Returns the event and the time of its arrival.
async fn published(
    stack: &LocalStack,
    subject: &str,
) -> Result<(Event, Timestamp), Box<dyn Error>> {
    let find = |requests: &[WebhookRequest]| {
        requests.iter().find_map(|request| {
            let event = request.event.as_ref().ok()?;
            let is_meant = event.subject == subject && event.kind == "wagtail.page.published";
            is_meant.then(|| (event.clone(), request.received_at))
        })
    };
    let what = format!("the event of {subject}");
    let waited = stack.receiver.wait_until(SUBSCRIBER, &what, TIMEOUT, find);
    Ok(waited.await?)
}

/// Returns the time of a function's line about each event, and the duration that it names.
async fn own_lines(
    stack: &LocalStack,
    function: &str,
    message: &str,
    since: i64,
) -> Result<BTreeMap<String, (Timestamp, SignedDuration)>, Box<dyn Error>> {
    let lines = stack.deployment.function_logs(function, since).await?;
    let fields = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(&line.message).ok())
        .filter(|line| line["message"] == message);
    Ok(fields
        .filter_map(|line| {
            let id = line["event.id"].as_str()?.to_owned();
            let at = line["timestamp"].as_str()?.parse().ok()?;
            let duration = line["duration_ms"].as_i64().unwrap_or_default();
            Some((id, (at, SignedDuration::from_millis(duration))))
        })
        .collect())
}
