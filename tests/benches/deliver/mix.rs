//! A hundred subscribers of which a tenth is dead and a tenth slow, beside the same hundred in good health, with the same
//! number of workers: what the healthy ones notice of it.

use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

use testing::fleet::audit::Audit;
use testing::fleet::events::events;
use testing::fleet::receivers::Behavior;
use testing::fleet::{FleetOptions, healthy};
use tokio::time::{MissedTickBehavior, interval};

use crate::crew::Crew;
use crate::statistics::{latencies, ms, percentile};

const SUBSCRIBERS: usize = 100;
const SLOW: Duration = Duration::from_secs(2);
/// An event every so often; each goes to every subscriber.
const PACE: Duration = Duration::from_millis(500);
const EVENTS: usize = 40;
const PAGES: usize = 10;
/// Slow deliveries in progress: ten receivers, two events a second, two seconds each; that is forty.
const WORKERS: [usize; 3] = [24, 48, 96];

/// How the healthy fared.
struct Half {
    p50: Duration,
    p99: Duration,
    audit: Audit,
    /// The most workers that were busy when an event was published.
    busy: usize,
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    println!(
        "| workers | p50 alone, ms | p50 in the mix | p99 alone, ms | p99 in the mix | p99, mix : alone | busy just before an event | lost | out of order |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for workers in WORKERS {
        let alone = half(workers, healthy(SUBSCRIBERS)).await?;
        let mixed = half(workers, mix()).await?;
        println!(
            "| {workers} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {} | {} | {} |",
            ms(alone.p50),
            ms(mixed.p50),
            ms(alone.p99),
            ms(mixed.p99),
            mixed.p99.as_secs_f64() / alone.p99.as_secs_f64(),
            mixed.busy,
            alone.audit.lost.len() + mixed.audit.lost.len(),
            alone.audit.out_of_order.len() + mixed.audit.out_of_order.len(),
        );
    }
    println!();
    Ok(())
}

/// Of each ten, one that is dead and one that is slow.
fn mix() -> Vec<(String, Behavior)> {
    let mut subscribers = healthy(SUBSCRIBERS);
    for (number, (_, behavior)) in subscribers.iter_mut().enumerate() {
        *behavior = match number % 20 {
            3 => Behavior::Failing,
            13 => Behavior::Unreachable,
            7 | 17 => Behavior::Slow(SLOW),
            _ => Behavior::Healthy,
        };
    }
    subscribers
}

async fn half(
    workers: usize,
    subscribers: Vec<(String, Behavior)>,
) -> Result<Half, Box<dyn Error>> {
    // The same ones in both halves.
    let well: HashSet<_> = mix()
        .into_iter()
        .filter(|(_, behavior)| *behavior == Behavior::Healthy)
        .map(|(name, _)| name)
        .collect();
    let mut crew = Crew::new(FleetOptions::new(subscribers)).await?;
    crew.start_fan_out(2).await?;
    crew.start_deliver(workers).await?;
    // Everybody reads the subscribers once before it counts: two rounds reach every worker.
    let events = events(EVENTS + 2, PAGES);
    let (first, measured) = events.split_at(2);
    crew.fleet.publish_all(first);
    crew.until("the first", || crew.fleet.is_settled()).await?;

    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut busy = 0;
    for event in measured {
        pace.tick().await;
        busy = busy.max(workers - crew.fleet.deliver.waiting());
        crew.fleet.publish(event);
    }
    crew.until("every delivery", || crew.fleet.is_settled())
        .await?;
    let warm: HashSet<_> = first.iter().map(|event| event.id.to_string()).collect();
    let latencies = latencies(&crew.fleet, |arrival| {
        well.contains(&arrival.subscriber) && !warm.contains(&arrival.webhook_id)
    });
    Ok(Half {
        p50: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
        audit: crew.fleet.audit(&events),
        busy,
    })
}
