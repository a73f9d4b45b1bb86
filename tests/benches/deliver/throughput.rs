//! Measures one event for a thousand subscribers, and ten thousand events for one subscriber.

use std::error::Error;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use testing::fleet::events::events;
use testing::fleet::{Fleet, FleetOptions, healthy};
use wagrun_event::Event;

use crate::workers::Workers;

/// The number of copies of deliver.
pub const DELIVER_WORKERS: usize = 32;
/// The calls a second that SSM lets an account make to read parameters, without the paid higher throughput.
pub const PARAMETER_QUOTA: usize = 40;
/// The longest measurement.
pub const MAX_RUN_TIME: Duration = Duration::from_secs(30);

/// The deliveries of some events.
pub struct Outcome {
    owed: usize,
    accepted: usize,
    disordered: usize,
    lost: usize,
    /// The longest measurement.
    limit: Duration,
    /// The time from the publication of the first event to the arrival of the last delivery.
    took: Duration,
    /// The calls of SSM, and those of them that it refused.
    parameters: (usize, usize),
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    print_head();
    let mut workers = start(1000).await?;
    let all = events(2, 2);
    let cold = settle(&mut workers, &all[..1], MAX_RUN_TIME).await?;
    let warm = settle(&mut workers, &all[1..], MAX_RUN_TIME).await?;
    drop(workers);
    print_row("1 000 subscribers × 1 event, all copies new", &cold);
    print_row("the same, all copies warm", &warm);
    let mut workers = start(1).await?;
    let many = settle(&mut workers, &events(10_000, 100), MAX_RUN_TIME).await?;
    drop(workers);
    print_row("1 subscriber × 10 000 events on 100 pages", &many);
    println!();
    Ok(())
}

/// Prints the head of a table of outcomes.
pub fn print_head() {
    println!(
        "| one copy of fan-out, {DELIVER_WORKERS} of deliver | owed | accepted | lost | out of order | until the last, s | per second | SSM calls | of them refused |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
}

async fn start(subscribers: usize) -> Result<Workers, Box<dyn Error>> {
    let options = FleetOptions {
        retry_seconds: vec![5, 300, 1800, 7200, 18_000, 36_000, 36_000],
        ..FleetOptions::new(healthy(subscribers))
    };
    let mut workers = Workers::new(options).await?;
    workers.start_fan_out(1).await?;
    workers.start_deliver(DELIVER_WORKERS).await?;
    Ok(workers)
}

/// Publishes the events, and waits until each is delivered, at most `limit`.
pub async fn settle(
    workers: &mut Workers,
    events: &[Event],
    limit: Duration,
) -> Result<Outcome, Box<dyn Error>> {
    let (calls, published) = (parameters(&workers.fleet), Timestamp::now());
    let deadline = Instant::now() + limit;
    workers.fleet.publish_all(events);
    let over = || workers.fleet.is_settled() || Instant::now() > deadline;
    workers.until("every delivery", over).await?;

    let fleet = &workers.fleet;
    // The events that fan-out has not handled yet are in its own queue.
    let waiting = fleet.events.lock().len() * fleet.options().subscribers.len();
    let audit = fleet.audit(events);
    let arrivals = fleet.receivers.arrivals();
    let last = arrivals.iter().map(|arrival| arrival.at).max();
    let took = last.unwrap_or(published).duration_since(published);
    let called = parameters(fleet);
    Ok(Outcome {
        owed: audit.expected,
        accepted: audit.accepted,
        disordered: audit.out_of_order.len(),
        lost: audit.lost.len().saturating_sub(waiting),
        limit,
        took: Duration::try_from(took).unwrap_or_default(),
        parameters: (called.0 - calls.0, called.1 - calls.1),
    })
}

/// Returns the number of calls that read parameters, and of those that were refused.
fn parameters(fleet: &Fleet) -> (usize, usize) {
    let calls = fleet.services.calls();
    let of = |name: &str| calls.get(name).copied().unwrap_or_default();
    let operations = ["GetParametersByPath", "GetParameter"].map(|one| format!("AmazonSSM.{one}"));
    let refused = operations
        .iter()
        .map(|one| of(&format!("{one} ThrottlingException")))
        .sum();
    let answered: usize = operations.iter().map(|one| of(one)).sum();
    (answered + refused, refused)
}

pub fn print_row(name: &str, outcome: &Outcome) {
    let Outcome {
        owed,
        accepted,
        lost,
        disordered,
        limit,
        took,
        parameters: (asked, refused),
    } = *outcome;
    let (took, rate) = if accepted == owed {
        let seconds = took.as_secs_f64();
        let rate = owed as f64 / seconds;
        (format!("{seconds:.2}"), format!("{rate:.0}"))
    } else {
        (format!("more than {}", limit.as_secs()), "–".to_owned())
    };
    println!(
        "| {name} | {owed} | {accepted} | {lost} | {disordered} | {took} | {rate} | {asked} | {refused} |"
    );
}
