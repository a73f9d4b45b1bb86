//! Measures the whole way from a row to a receiver, as the processor time of each function for one delivery.
//!
//! Changed pages of a site's database are drained by content-events into a topic on this machine. Its messages go through fan-out to
//! one subscriber by `http`. There is one copy of each function.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::json;
use testing::fleet::programs::usage;
use testing::fleet::{FleetOptions, healthy};
use testing::process::Process;
use wagrun_event::Event;

use crate::site::Site;
use crate::statistics::ms;
use crate::topic::Topic;
use crate::workers::Workers;

/// The pages that are changed.
const CHANGES: i32 = 5_000;
/// The runs of which the median counts.
const RUNS: usize = 3;
const LIMIT: f64 = 0.42;
/// The longest time of one function's work.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The processor time of one delivery in each function.
struct Costs {
    content_events: Duration,
    fan_out: Duration,
    deliver: Duration,
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    let site = Site::new().await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(measure(&site).await?);
    }
    let median = |of: fn(&Costs) -> Duration| {
        let mut times: Vec<Duration> = runs.iter().map(of).collect();
        times.sort_unstable();
        ms(times[times.len() / 2])
    };
    let all = median(|run| run.content_events + run.fan_out + run.deliver);
    println!("| from a row to a receiver by `http` | processor, ms | limit |");
    println!("|---|---:|---:|");
    println!(
        "| content-events | {:.3} | |",
        median(|run| run.content_events)
    );
    println!("| fan-out | {:.3} | |", median(|run| run.fan_out));
    println!("| deliver | {:.3} | |", median(|run| run.deliver));
    println!("| all | {all:.3} | {LIMIT} |\n");
    Ok(())
}

async fn measure(site: &Site) -> Result<Costs, Box<dyn Error>> {
    let count = usize::try_from(CHANGES)?;
    let (events, content_events) = drain(site, count).await?;
    let mut workers = Workers::new(FleetOptions::new(healthy(1))).await?;
    let fan_out = workers.start_fan_out(1).await?;
    let before = usage(&fan_out[0])?.cpu;
    workers.fleet.publish_all(&events);
    until(&fan_out[0], || {
        workers.fleet.deliveries.lock().len() == count
    })
    .await?;
    let fan_out = usage(&fan_out[0])?.cpu - before;

    let deliver = workers.start_deliver(1).await?;
    until(&deliver[0], || workers.fleet.deliveries.lock().is_empty()).await?;
    // The start of a process counts, because the first deliveries cannot be told apart. It is some milliseconds.
    let deliver = usage(&deliver[0])?.cpu;
    let audit = workers.fleet.audit(&events);
    if !audit.is_consistent() || audit.accepted != count {
        return Err(format!("{audit:?}").into());
    }
    let deliveries = u32::try_from(count)?;
    Ok(Costs {
        content_events: content_events / deliveries,
        fan_out: fan_out / deliveries,
        deliver: deliver / deliveries,
    })
}

/// Changes each page, and drains the changes. Returns the events, and the processor time of content-events.
async fn drain(site: &Site, count: usize) -> Result<(Vec<Event>, Duration), Box<dyn Error>> {
    let topic = Topic::keeping().await?;
    let mut session = site.owner().await?;
    site.fill(&mut session, CHANGES).await?;
    let mut function = site.content_events(&topic).await?;
    function.ready().await?;
    let before = function.usage()?.cpu;
    function.invoke(&json!({"sweep": true})).await?;
    let cpu = function.usage()?.cpu - before;
    function.stop().await?;
    let messages = topic.take_messages();
    let events: Vec<Event> = messages
        .iter()
        .map(|message| serde_json::from_str(message))
        .collect::<Result<_, _>>()?;
    match events.len() == count {
        true => Ok((events, cpu)),
        false => Err(format!("{} of {count} events were published", events.len()).into()),
    }
}

async fn until(process: &Process, is_done: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    while !is_done() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        process.check()?;
        if began.elapsed() > TIMEOUT {
            return Err("the function does not come to an end".into());
        }
    }
    Ok(())
}
