//! The cold start: from the start of the process to its first request for an invocation, and the memory then.

use std::error::Error;
use std::time::Duration;

use testing::fleet::programs::Usage;
use testing::fleet::{Fleet, FleetOptions, healthy};

use crate::function::Function;
use crate::site::{Site, binary};
use crate::statistics::{median, mib, ms};
use crate::topic::Topic;

const STARTS: usize = 15;
const LIMIT: &str = "10";

pub async fn run(site: &Site) -> Result<(), Box<dyn Error>> {
    let topic = Topic::start(Duration::ZERO).await?;
    println!("| cold start | ms | resident, MiB | limit, ms |");
    println!("|---|---:|---:|---:|");
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(first_request(site.content_events(&topic).await?).await?);
    }
    print("content-events", LIMIT, starts);
    let fleet = Fleet::start(FleetOptions::new(healthy(1))).await?;
    for (name, variables) in [
        ("fan-out", fleet.fan_out_environment()),
        ("deliver", fleet.deliver_environment()),
    ] {
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            let function = Function::start(
                &site.supervisor,
                name,
                vec![binary(name)?],
                &fleet.endpoint,
                variables.clone(),
            );
            starts.push(first_request(function.await?).await?);
        }
        print(name, LIMIT, starts);
    }
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(first_request(site.peer(&topic).await?).await?);
    }
    print("Python", "–", starts);
    Ok(())
}

async fn first_request(mut function: Function) -> Result<(Duration, Usage), Box<dyn Error>> {
    let took = function.ready().await?;
    let usage = function.usage()?;
    function.stop().await?;
    Ok((took, usage))
}

fn print(name: &str, limit: &str, starts: Vec<(Duration, Usage)>) {
    let resident = starts
        .iter()
        .map(|(_, usage)| usage.peak)
        .max()
        .unwrap_or(0);
    let took = median(starts.into_iter().map(|(took, _)| took).collect());
    println!(
        "| {name} | {:.1} | {:.1} | {limit} |",
        ms(took),
        mib(resident)
    );
}
