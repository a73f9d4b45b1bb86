//! The faults of a round, one after the other in a random order, until the time is over.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use testing::fleet::SUBSCRIBERS_PATH;
use testing::fleet::receivers::Behavior;
use tokio::time::{Instant, sleep, sleep_until};

use super::functions::Functions;
use super::sql_gate::Network;
use super::world::{SUBSCRIBERS, World};
use crate::support::database::{crash_server, restart_server};

/// The time between two faults.
const MAX_PAUSE: Duration = Duration::from_millis(800);
/// The time between two kills of a function.
const KILL_INTERVAL: Duration = Duration::from_millis(250);
/// The mean time of a fault of a subscriber. Its deliveries are set aside after ten seconds.
const LASTING: Duration = Duration::from_secs(12);
/// The longest time for which a receiver is well before it fails again, and for which it does.
const RELAPSE: Duration = Duration::from_secs(3);
/// The number of sweeps that start at once.
const BURST: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    DatabaseCrashes,
    DatabaseRestarts,
    DatabaseRefuses,
    DatabaseIsSilent,
    ManyDrainers,
    AwsIsDisturbed,
    ParameterIsBroken,
    ParameterIsUnusable,
    RetriesAreChanged,
    ReceiverFails,
    ReceiverIsSlow,
    DjangoMigrates,
}

const FAULTS: [Fault; 12] = [
    Fault::DatabaseCrashes,
    Fault::DatabaseRestarts,
    Fault::DatabaseRefuses,
    Fault::DatabaseIsSilent,
    Fault::ManyDrainers,
    Fault::AwsIsDisturbed,
    Fault::ParameterIsBroken,
    Fault::ParameterIsUnusable,
    Fault::RetriesAreChanged,
    Fault::ReceiverFails,
    Fault::ReceiverIsSlow,
    Fault::DjangoMigrates,
];

/// Makes faults and kills functions until the time is over, and ends all faults. Each is made at least once. Returns their counts.
pub async fn disturb(
    world: &World,
    functions: &Functions,
    length: Duration,
    mut rng: Rng,
) -> String {
    let kills = async {
        loop {
            sleep(KILL_INTERVAL).await;
            world.kill_plan.arm();
        }
    };
    let counts = tokio::select! {
        counts = make_all(world, functions, length, &mut rng) => counts,
        () = kills => unreachable!(),
    };
    world.kill_plan.disarm();
    format!("{counts:?}")
}

async fn make_all(
    world: &World,
    functions: &Functions,
    length: Duration,
    rng: &mut Rng,
) -> BTreeMap<Fault, usize> {
    let stop_at = Instant::now() + length;
    let mut counts = BTreeMap::new();
    let mut lasting: Vec<Turn> = Vec::new();
    let mut faults = FAULTS.to_vec();
    rng.shuffle(&mut faults);
    while let Some(fault) = faults.pop() {
        *counts.entry(fault).or_default() += 1;
        let subscriber = format!("subscriber-{:04}", rng.usize(..SUBSCRIBERS));
        match fault {
            Fault::ManyDrainers => {
                let drain = &functions.content_events.invocations;
                (0..BURST).for_each(|_| drain.invoke(json!({"sweep": true})));
            }
            Fault::DjangoMigrates => {
                let migrate = &functions.migrate.invocations;
                migrate.invoke(json!({"command": "migrate"}));
            }
            Fault::ParameterIsBroken
            | Fault::ParameterIsUnusable
            | Fault::RetriesAreChanged
            | Fault::ReceiverFails
            | Fault::ReceiverIsSlow => {
                begin(world, fault, &subscriber);
                lasting.extend(turns(fault, &subscriber, rng));
            }
            other => make(world, other, rng).await,
        }
        sleep(MAX_PAUSE.mul_f64(rng.f64())).await;
        for turn in lasting.extract_if(.., |turn| Instant::now() >= turn.at) {
            turn.take(world);
        }
        if faults.is_empty() && Instant::now() < stop_at {
            faults = FAULTS.to_vec();
            rng.shuffle(&mut faults);
        }
    }
    lasting.sort_by_key(|turn| turn.at);
    for turn in lasting {
        sleep_until(turn.at).await;
        turn.take(world);
    }
    counts
}

/// The begin or the end of a fault of a subscriber.
struct Turn {
    at: Instant,
    fault: Fault,
    subscriber: String,
    is_end: bool,
}

impl Turn {
    fn take(&self, world: &World) {
        match self.is_end {
            true => end(world, self.fault, &self.subscriber),
            false => begin(world, self.fault, &self.subscriber),
        }
    }
}

/// Returns the turns of a fault that has begun. A receiver that failed comes back, and fails once more when its deliveries return.
fn turns(fault: Fault, subscriber: &str, rng: &mut Rng) -> Vec<Turn> {
    let mut at = Instant::now() + LASTING * rng.u32(50..150) / 100;
    let mut turns = Vec::new();
    let mut add = |at, is_end| {
        let subscriber = subscriber.to_owned();
        turns.push(Turn {
            at,
            fault,
            subscriber,
            is_end,
        });
    };
    add(at, true);
    if fault == Fault::ReceiverFails {
        for is_end in [false, true] {
            at += RELAPSE.mul_f64(rng.f64());
            add(at, is_end);
        }
    }
    turns
}

/// Makes a fault of the database or of AWS, and ends it.
async fn make(world: &World, fault: Fault, rng: &mut Rng) {
    let length = Duration::from_millis(rng.u64(300..2500));
    match fault {
        Fault::DatabaseCrashes => crash_server().await,
        Fault::DatabaseRestarts => restart_server().await,
        Fault::DatabaseRefuses | Fault::DatabaseIsSilent => {
            let network = match fault {
                Fault::DatabaseRefuses => Network::Refusing,
                _ => Network::Silent,
            };
            world.network.send_replace(network);
            sleep(length).await;
            world.network.send_replace(Network::Open);
        }
        Fault::AwsIsDisturbed => {
            world.aws_faults.set_disturbed(true);
            sleep(length * 2).await;
            world.aws_faults.set_disturbed(false);
        }
        _ => unreachable!("{fault:?} is not made here"),
    }
}

/// Begins a fault of a subscriber.
fn begin(world: &World, fault: Fault, subscriber: &str) {
    let name = format!("{SUBSCRIBERS_PATH}/{subscriber}");
    let receivers = &world.fleet.receivers;
    let mut parameters = world.fleet.services.parameters();
    match fault {
        Fault::ParameterIsBroken => parameters.set(&name, "{".to_owned()),
        Fault::ParameterIsUnusable => {
            parameters.remove(&name);
            parameters.set(&name, "{".to_owned());
        }
        Fault::RetriesAreChanged => {
            let mut value = usable(world, subscriber);
            value["retry_seconds"] = json!(vec![1; 25]);
            parameters.set(&name, value.to_string());
        }
        Fault::ReceiverFails => receivers.change(subscriber, Behavior::Failing),
        Fault::ReceiverIsSlow => {
            receivers.change(subscriber, Behavior::Slow(Duration::from_millis(100)));
        }
        _ => unreachable!("{fault:?} does not last"),
    }
}

/// Ends a fault of a subscriber.
fn end(world: &World, fault: Fault, subscriber: &str) {
    match fault {
        Fault::ReceiverFails | Fault::ReceiverIsSlow => world.fleet.receivers.recover(subscriber),
        _ => {
            let name = format!("{SUBSCRIBERS_PATH}/{subscriber}");
            let value = usable(world, subscriber).to_string();
            world.fleet.services.parameters().set(&name, value);
        }
    }
}

fn usable(world: &World, subscriber: &str) -> Value {
    let mut parameters = world.fleet.receivers.parameters();
    let found = parameters.find(|(name, _)| *name == subscriber);
    found.map(|(_, value)| value).unwrap()
}
