//! One event for a thousand subscribers, and ten thousand events for one.

use std::error::Error;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use testing::fleet::events::events;
use testing::fleet::{Fleet, FleetOptions, healthy};
use wagrun_event::Event;

use crate::crew::Crew;

const DELIVER: usize = 32;
/// How often SSM lets an account read parameters in a second, unless more is paid for.
const PARAMETER_QUOTA: usize = 40;
/// How long a run is looked at that may not end.
const LOOK: Duration = Duration::from_secs(60);

/// What came of some events.
struct Outcome {
    owed: usize,
    accepted: usize,
    disordered: usize,
    lost: usize,
    /// From the first event's publication until the last one was received.
    took: Duration,
    /// Calls of SSM that it answered, and that it refused.
    parameters: (usize, usize),
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    println!(
        "| one copy of fan-out, {DELIVER} of deliver | owed | accepted | lost | out of order | until the last, s | per second | SSM calls | of them refused |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut crew = start(1000, None).await?;
    let all = events(2, 2);
    let cold = settle(&mut crew, &all[..1]).await?;
    let warm = settle(&mut crew, &all[1..]).await?;
    drop(crew);
    row("1 000 subscribers × 1 event, all copies new", &cold);
    row("the same, all copies warm", &warm);
    let mut crew = start(1, None).await?;
    let many = settle(&mut crew, &events(10_000, 100)).await?;
    drop(crew);
    row("1 subscriber × 10 000 events on 100 pages", &many);
    for subscribers in [100, 1000] {
        let mut crew = start(subscribers, Some(PARAMETER_QUOTA)).await?;
        let limited = settle(&mut crew, &events(1, 1)).await?;
        let name = format!(
            "{subscribers} subscribers × 1 event, all copies new, SSM allows {PARAMETER_QUOTA} calls a second"
        );
        row(&name, &limited);
    }
    println!();
    Ok(())
}

async fn start(subscribers: usize, quota: Option<usize>) -> Result<Crew, Box<dyn Error>> {
    let options = FleetOptions {
        parameter_quota: quota,
        retry_seconds: vec![5, 300, 1800, 7200, 18_000, 36_000, 36_000],
        ..FleetOptions::new(healthy(subscribers))
    };
    let mut crew = Crew::new(options).await?;
    crew.start_fan_out(1).await?;
    crew.start_deliver(DELIVER).await?;
    Ok(crew)
}

/// Publishes the events, and waits until each is delivered, or for a minute.
async fn settle(crew: &mut Crew, events: &[Event]) -> Result<Outcome, Box<dyn Error>> {
    let (calls, published) = (parameters(&crew.fleet), Timestamp::now());
    let deadline = Instant::now() + LOOK;
    crew.fleet.publish_all(events);
    let over = || crew.fleet.is_settled() || Instant::now() > deadline;
    crew.until("every delivery", over).await?;

    let fleet = &crew.fleet;
    // Those that fan-out has not sent yet wait in its own queue.
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
        took: Duration::try_from(took).unwrap_or_default(),
        parameters: (called.0 - calls.0, called.1 - calls.1),
    })
}

/// How often parameters were asked for, and how often refused.
fn parameters(fleet: &Fleet) -> (usize, usize) {
    let calls = fleet.services.calls();
    let of = |name: &str| calls.get(name).copied().unwrap_or_default();
    let operation = "AmazonSSM.GetParametersByPath";
    let refused = of(&format!("{operation} ThrottlingException"));
    (of(operation) + refused, refused)
}

fn row(name: &str, outcome: &Outcome) {
    let Outcome {
        owed,
        accepted,
        lost,
        disordered,
        took,
        parameters: (asked, refused),
    } = *outcome;
    let (took, rate) = if accepted == owed {
        let seconds = took.as_secs_f64();
        let rate = owed as f64 / seconds;
        (format!("{seconds:.2}"), format!("{rate:.0}"))
    } else {
        (format!("more than {}", LOOK.as_secs()), "–".to_owned())
    };
    println!(
        "| {name} | {owed} | {accepted} | {lost} | {disordered} | {took} | {rate} | {asked} | {refused} |"
    );
}
