//! Compares the latency of healthy receivers in two fleets of a hundred: one is all healthy, and in the other a tenth is dead and
//! a tenth slow. Both have the same number of workers.

use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

use testing::fleet::audit::Audit;
use testing::fleet::events::events;
use testing::fleet::receivers::Behavior;
use testing::fleet::{FleetOptions, healthy};
use tokio::time::{MissedTickBehavior, interval};

use crate::statistics::{latencies, ms, percentile};
use crate::workers::Workers;

const SUBSCRIBERS: usize = 100;
/// The time that a slow receiver takes for an answer.
const SLOW_ANSWER_TIME: Duration = Duration::from_secs(2);
/// The interval between two events. Each event goes to every subscriber.
const EVENT_INTERVAL: Duration = Duration::from_millis(500);
const EVENTS: usize = 16;
const PAGES: usize = 10;
/// The numbers of workers. Ten slow receivers with two events a second and two seconds each occupy 40.
const WORKERS: [usize; 3] = [24, 48, 96];

/// The measurements of one fleet, over the receivers that are healthy in both.
struct Measurement {
    p50: Duration,
    p99: Duration,
    audit: Audit,
    /// The highest number of busy workers just before an event.
    busy: usize,
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    println!(
        "| workers | p50 alone, ms | p50 in the mix | p99 alone, ms | p99 in the mix | p99, mix : alone | busy just before an event | lost | out of order |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for worker_count in WORKERS {
        let alone = measure(worker_count, healthy(SUBSCRIBERS)).await?;
        let mixed = measure(worker_count, mixed_subscribers()).await?;
        println!(
            "| {worker_count} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {} | {} | {} |",
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

/// Returns subscribers of which each tenth is dead and each tenth slow.
fn mixed_subscribers() -> Vec<(String, Behavior)> {
    let mut subscribers = healthy(SUBSCRIBERS);
    for (number, (_, behavior)) in subscribers.iter_mut().enumerate() {
        *behavior = match number % 20 {
            3 => Behavior::Failing,
            13 => Behavior::Unreachable,
            7 | 17 => Behavior::Slow(SLOW_ANSWER_TIME),
            _ => Behavior::Healthy,
        };
    }
    subscribers
}

async fn measure(
    worker_count: usize,
    subscribers: Vec<(String, Behavior)>,
) -> Result<Measurement, Box<dyn Error>> {
    // These are the same subscribers in both fleets.
    let healthy_in_both: HashSet<_> = mixed_subscribers()
        .into_iter()
        .filter(|(_, behavior)| *behavior == Behavior::Healthy)
        .map(|(name, _)| name)
        .collect();
    let mut workers = Workers::new(FleetOptions::new(subscribers)).await?;
    workers.start_fan_out(2).await?;
    workers.start_deliver(worker_count).await?;
    // Every worker first reads the subscribers once. The first two events reach every worker.
    let events = events(EVENTS + 2, PAGES);
    let (first, measured) = events.split_at(2);
    workers.fleet.publish_all(first);
    workers
        .until("the first", || workers.fleet.is_settled())
        .await?;

    let mut pace = interval(EVENT_INTERVAL);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut busy = 0;
    for event in measured {
        pace.tick().await;
        busy = busy.max(worker_count - workers.fleet.deliver.waiting());
        workers.fleet.publish(event);
    }
    workers
        .until("every delivery", || workers.fleet.is_settled())
        .await?;
    let warm: HashSet<_> = first.iter().map(|event| event.id.to_string()).collect();
    let latencies = latencies(&workers.fleet, |arrival| {
        healthy_in_both.contains(&arrival.subscriber) && !warm.contains(&arrival.webhook_id)
    });
    Ok(Measurement {
        p50: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
        audit: workers.fleet.audit(&events),
        busy,
    })
}
