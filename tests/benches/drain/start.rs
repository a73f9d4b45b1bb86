//! The cold start of every function: from the start of the process to its first request for an invocation, and the memory then.

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

/// The functions that events do not wait for.
const OTHERS: [&str; 5] = [
    "subscriber-directory",
    "migrate",
    "release",
    "custom-domain",
    "log-retention",
];

/// Variables with which these functions start. None of them is called.
const VARIABLES: [(&str, &str); 25] = [
    ("SUBSCRIBERS_PATH", "/wagrun/subscribers/"),
    ("DIRECTORY_BUCKET", "backlogs"),
    ("METRICS_NAMESPACE", "wagrun/bench"),
    ("DATABASE_HOST", "localhost"),
    ("DATABASE_NAME", "site"),
    ("DATABASE_USER", "wagtail"),
    ("DATABASE_SSL_MODE", "disable"),
    ("DATABASE_AUTH", "none"),
    ("DATABASE_WEB_USER", "web"),
    ("DATABASE_RELAY_USER", "relay"),
    ("DOORBELL", "Logs"),
    ("SITE_DIRECTORY", "/app"),
    ("SITE_PYTHON", "/usr/bin/python3"),
    ("SECRET_KEY", "none"),
    ("WEB_PLATFORM", "AppRunner"),
    (
        "SERVICE_ARN",
        "arn:aws:apprunner:us-east-1:000000000000:service/site/1",
    ),
    ("STACK", "wagrun"),
    ("STACK_NAME", "wagrun"),
    (
        "REPOSITORY",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/site",
    ),
    ("RELEASE_TAG", "prod"),
    ("MIGRATE_FUNCTION", "migrate"),
    ("STATE_PARAMETER", "/wagrun/release"),
    (
        "RELEASE_QUEUE_URL",
        "https://sqs.us-east-1.amazonaws.com/000000000000/releases.fifo",
    ),
    (
        "TOPIC_ARN",
        "arn:aws:sns:us-east-1:000000000000:events.fifo",
    ),
    (
        "ALARM_TOPIC_ARN",
        "arn:aws:sns:us-east-1:000000000000:alarms",
    ),
];

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
    let mut variables: Vec<_> = VARIABLES
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    variables.push(("EVENT_SOURCE", "/wagrun/bench".to_owned()));
    let mut functions = vec![
        ("fan-out", LIMIT, fleet.fan_out_environment()),
        ("deliver", LIMIT, fleet.deliver_environment()),
    ];
    functions.extend(OTHERS.map(|name| (name, "–", variables.clone())));
    for (name, limit, variables) in functions {
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
        print(name, limit, starts);
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
