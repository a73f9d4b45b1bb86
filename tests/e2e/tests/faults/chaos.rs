//! The faults of a round, one after the other in a random order, until the time is over.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use testing::fleet::SUBSCRIBERS_PATH;
use testing::fleet::receivers::Behavior;
use tokio::time::{Instant, sleep};

use super::invocations::Invocations;
use super::sql_gate::Network;
use super::world::{SUBSCRIBERS, World};
use crate::support::database::{crash_server, restart_server};

/// The time between two faults.
const MAX_PAUSE: Duration = Duration::from_millis(800);
/// The time between two kills of a function.
const KILL_INTERVAL: Duration = Duration::from_millis(150);
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
    RetriesAreChanged,
    ReceiverFails,
    ReceiverIsSlow,
    DjangoMigrates,
}

const FAULTS: [Fault; 11] = [
    Fault::DatabaseCrashes,
    Fault::DatabaseRestarts,
    Fault::DatabaseRefuses,
    Fault::DatabaseIsSilent,
    Fault::ManyDrainers,
    Fault::AwsIsDisturbed,
    Fault::ParameterIsBroken,
    Fault::RetriesAreChanged,
    Fault::ReceiverFails,
    Fault::ReceiverIsSlow,
    Fault::DjangoMigrates,
];

/// Makes faults until the time is over, each at least once, and ends them all. Returns a count of them.
pub async fn disturb(
    world: &World,
    content_events: &Invocations,
    migrate: &Invocations,
    stop_at: Instant,
    mut rng: Rng,
) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut faults: Vec<Fault> = Vec::new();
    while Instant::now() < stop_at || !faults.is_empty() {
        if faults.is_empty() {
            faults = FAULTS.to_vec();
            rng.shuffle(&mut faults);
        }
        let Some(fault) = faults.pop() else { break };
        *counts.entry(format!("{fault:?}")).or_default() += 1;
        match fault {
            Fault::ManyDrainers => {
                (0..BURST).for_each(|_| content_events.invoke(json!({"sweep": true})));
            }
            Fault::DjangoMigrates => migrate.invoke(json!({"command": "migrate"})),
            other => make(world, other, &mut rng).await,
        }
        sleep(MAX_PAUSE.mul_f64(rng.f64())).await;
    }
    format!("{counts:?}")
}

/// Arms a kill again and again, until the future is dropped.
pub async fn kill(world: &World) {
    loop {
        sleep(KILL_INTERVAL).await;
        world.kill_plan.arm();
    }
}

async fn make(world: &World, fault: Fault, rng: &mut Rng) {
    let length = Duration::from_millis(rng.u64(300..2500));
    let subscriber = format!("subscriber-{:04}", rng.usize(..SUBSCRIBERS));
    let receivers = &world.fleet.receivers;
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
        Fault::ParameterIsBroken => {
            set_parameter(world, &subscriber, "{".to_owned());
            sleep(length).await;
            set_parameter(world, &subscriber, usable(world, &subscriber).to_string());
        }
        Fault::RetriesAreChanged => {
            let mut value = usable(world, &subscriber);
            value["retry_seconds"] = json!(vec![1; 20]);
            set_parameter(world, &subscriber, value.to_string());
        }
        Fault::ReceiverFails | Fault::ReceiverIsSlow => {
            let behavior = match fault {
                Fault::ReceiverFails => Behavior::Failing,
                _ => Behavior::Slow(Duration::from_millis(300)),
            };
            receivers.change(&subscriber, behavior);
            sleep(length).await;
            receivers.recover(&subscriber);
        }
        Fault::ManyDrainers | Fault::DjangoMigrates => {}
    }
}

fn usable(world: &World, subscriber: &str) -> Value {
    let mut parameters = world.fleet.receivers.parameters();
    let found = parameters.find(|(name, _)| *name == subscriber);
    found.map(|(_, value)| value).unwrap()
}

fn set_parameter(world: &World, subscriber: &str, value: String) {
    let name = format!("{SUBSCRIBERS_PATH}/{subscriber}");
    world.fleet.services.parameters().set(&name, value);
}
