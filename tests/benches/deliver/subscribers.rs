//! Measures how new copies find many subscribers, while SSM allows forty reads a second: by the parameters, by the subscriber
//! directory, and with a directory that cannot be used.

use std::error::Error;
use std::time::{Duration, Instant};

use aws_config::{Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use serde_json::Value;
use subscriber_directory::{Config, Writer};
use testing::aws::{ACCESS_KEY, REGION};
use testing::fleet::events::events;
use testing::fleet::programs::usage;
use testing::fleet::{BACKLOG_BUCKET, Fleet, FleetOptions, SUBSCRIBERS_PATH, healthy};
use wagrun_delivery::directory::{Directory, KEY};
use wagrun_delivery::subscriber::{Rules, Schemes, Subscribers};

use crate::statistics::ms;
use crate::throughput::{
    DELIVER_WORKERS, MAX_RUN_TIME, PARAMETER_QUOTA, print_head, print_row, settle,
};
use crate::workers::Workers;

/// The most subscribers that are compared once more. The time grows with their number, and is nearly a minute for ten thousand.
const MAX_COMPARED: usize = 1000;

/// The longest measurement where the copies read the parameters, which need not end. A hundred subscribers take eleven seconds of the quota.
const MAX_PARAMETERS_TIME: Duration = Duration::from_secs(20);

/// The way in which the functions find the subscribers.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Parameters,
    Directory,
    NoDirectory,
}

impl Way {
    /// Returns the longest measurement. Only the way by the parameters may not end. Without a directory a delivery that is refused twice
    /// waits for five minutes.
    fn limit(self) -> Duration {
        match self {
            Self::Parameters => MAX_PARAMETERS_TIME,
            Self::Directory | Self::NoDirectory => 10 * MAX_RUN_TIME,
        }
    }
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    let mut writers = Vec::new();
    println!("SSM allows {PARAMETER_QUOTA} calls a second, and all copies are new.\n");
    print_head();
    for (subscribers, ways) in [
        (
            100,
            &[Way::Parameters, Way::Directory, Way::NoDirectory][..],
        ),
        (1000, &[Way::Parameters, Way::Directory]),
        (10_000, &[Way::Directory]),
    ] {
        for way in ways {
            writers.extend(measure(subscribers, *way).await?);
        }
    }
    println!(
        "\n| subscribers | directory, kB | to build it, s | its calls of SSM | a comparison without a change, s | one change, ms | to decode it, ms | to match all, ms | fan-out, MiB | deliver, MiB |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in writers {
        println!("{row}");
    }
    println!();
    Ok(())
}

/// Publishes one event to new copies. Returns a row about the directory, if there is one.
async fn measure(subscribers: usize, way: Way) -> Result<Option<String>, Box<dyn Error>> {
    let options = FleetOptions {
        parameter_quota: Some(PARAMETER_QUOTA),
        retry_seconds: vec![5, 300, 1800, 7200, 18_000, 36_000, 36_000],
        has_directory: way != Way::Parameters,
        ..FleetOptions::new(healthy(subscribers))
    };
    let mut workers = Workers::new(options).await?;
    let mut row = None;
    if way == Way::Directory {
        row = Some(write(&workers.fleet, subscribers).await?);
    }
    let fan_out = workers.start_fan_out(1).await?;
    let deliver = workers.start_deliver(DELIVER_WORKERS).await?;
    let events = events(1, 1);
    let outcome = settle(&mut workers, &events, way.limit()).await?;
    let name = match way {
        Way::Parameters => "each copy reads the parameters",
        Way::Directory => "with the directory",
        Way::NoDirectory => "there is no directory",
    };
    print_row(
        &format!("{subscribers} subscribers × 1 event, {name}"),
        &outcome,
    );
    let peak = |process| usage(process).map(|usage| usage.peak as f64 / 1024.0);
    Ok(match row {
        Some(row) => {
            let (fan_out, deliver) = (peak(&fan_out[0])?, peak(&deliver[0])?);
            Some(format!("{row} {fan_out:.1} | {deliver:.1} |"))
        }
        None => None,
    })
}

/// Has the directory written, and returns the beginning of its row.
async fn write(fleet: &Fleet, subscribers: usize) -> Result<String, Box<dyn Error>> {
    let rules = Rules {
        schemes: Schemes::HttpOrHttps,
        max_attempts: Some(8),
    };
    let config = Config {
        subscribers_path: SUBSCRIBERS_PATH.to_owned(),
        directory_bucket: BACKLOG_BUCKET.to_owned(),
        rules,
    };
    let writer = Writer::new(&sdk(&fleet.endpoint).await, config);
    let started = Instant::now();
    Box::pin(writer.compare()).await?;
    let build = started.elapsed();
    let calls: usize = fleet
        .services
        .calls()
        .iter()
        .filter(|(name, _)| name.starts_with("AmazonSSM"))
        .map(|(_, count)| count)
        .sum();
    let compare = match subscribers {
        ..=MAX_COMPARED => {
            let started = Instant::now();
            Box::pin(writer.compare()).await?;
            format!("{:.1}", started.elapsed().as_secs_f64())
        }
        _ => "–".to_owned(),
    };

    let changed = format!("{SUBSCRIBERS_PATH}/subscriber-0000");
    let value = fleet
        .receivers
        .parameters()
        .find(|(name, _)| *name == "subscriber-0000");
    let value = value.map_or(Value::Null, |(_, value)| value);
    fleet.services.parameters().set(&changed, value.to_string());
    let started = Instant::now();
    Box::pin(writer.enter_change(&changed)).await?;
    let change = started.elapsed();

    let content = fleet
        .services
        .bucket()
        .objects
        .get(KEY)
        .cloned()
        .unwrap_or_default();
    let started = Instant::now();
    let known = Subscribers::from(Directory::decode(content.as_bytes())?);
    let decode = started.elapsed();
    let event = &events(1, 1)[0];
    let started = Instant::now();
    let matching = known.matching(event).count();
    let matched = started.elapsed();
    assert_eq!(matching, subscribers);
    Ok(format!(
        "| {subscribers} | {} | {:.1} | {calls} | {compare} | {:.0} | {:.1} | {:.1} |",
        content.len() / 1000,
        build.as_secs_f64(),
        ms(change),
        ms(decode),
        ms(matched),
    ))
}

/// Returns a configuration with the retries of the writer in the template.
async fn sdk(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "bench");
    let config = wagrun_lambda::aws::config().await.into_builder();
    config
        .endpoint_url(endpoint)
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(10))
        .build()
}
