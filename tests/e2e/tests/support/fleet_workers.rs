//! The workers of a fleet: copies of fan-out and deliver in this process.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use deliver::{Config, Handler, PacingLimits, Reach, build_handler};
use fan_out::FanOut;
use futures::future::join_all;
use serde_json::{Value, json};
use testing::fleet::events::SOURCE;
use testing::fleet::mapping::EventSourceMapping;
use testing::fleet::{BACKLOG_BUCKET, BACKLOGS_PATH, Fleet, SUBSCRIBERS_PATH};
use testing::progress::{Progress, Wait, wait_until};
use wagrun_delivery::subscriber::{RetrySchedule, Rules, Schemes, SubscriberStore};
use wagrun_lambda::metric::Metrics;

use super::runtime::WAIT_TIMEOUT;
use super::sdk::sdk;

/// One copy of a function.
enum FunctionCopy {
    FanOut(Box<FanOut>),
    Deliver(Box<Handler>),
}

impl FunctionCopy {
    async fn handle(&self, batch: Value) -> Vec<u8> {
        match self {
            Self::FanOut(fan_out) => {
                let batch: SqsEvent = serde_json::from_value(batch).unwrap();
                serde_json::to_vec(&fan_out::handle(fan_out, &batch).await).unwrap()
            }
            Self::Deliver(handler) => {
                let batch = serde_json::value::to_raw_value(&batch).unwrap();
                let answer = deliver::handle(handler, &batch).await.unwrap();
                serde_json::to_vec(&answer).unwrap()
            }
        }
    }
}

/// The copies of deliver that work for a fleet.
#[derive(Debug, Clone, Copy)]
pub struct Workers {
    /// The number of copies.
    pub copies: usize,
    /// Every answer with a multiple of this number is lost.
    pub lost: usize,
    /// The limits from which a slow subscriber is paced.
    pub pacing: PacingLimits,
}

/// Runs two copies of fan-out and some of deliver until `enough` is ready. Each copy has its own subscribers, as on Lambda.
pub async fn work_until(fleet: &Fleet, workers: Workers, enough: impl Fn(&Fleet) -> Wait<()>) {
    let (all_arrive, answers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fan_out = (0..2).map(|_| {
        let function = FunctionCopy::FanOut(Box::new(fan_out(fleet)));
        work(function, &fleet.fan_out, &all_arrive, usize::MAX)
    });
    let deliver = (0..workers.copies).map(|_| {
        let function = FunctionCopy::Deliver(Box::new(deliver(fleet, workers.pacing)));
        work(function, &fleet.deliver, &answers, workers.lost)
    });
    let quiet = Progress::quiet();
    let held = wait_until(&quiet, "deliveries", WAIT_TIMEOUT, || async {
        Ok::<_, Infallible>(enough(fleet))
    });
    // They are not spawned, because rustc cannot prove that their futures are `Send`.
    tokio::select! {
        _ = join_all(fan_out) => {}
        _ = join_all(deliver) => {}
        held = held => held.unwrap(),
    }
}

async fn work(
    function: FunctionCopy,
    mapping: &EventSourceMapping,
    answers: &AtomicUsize,
    lost: usize,
) {
    loop {
        let invocation = mapping.next().await;
        let answer = Box::pin(function.handle(invocation.event)).await;
        let number = answers.fetch_add(1, Ordering::Relaxed) + 1;
        if number.is_multiple_of(lost) {
            mapping.failed(&invocation.id);
        } else {
            mapping.succeeded(&invocation.id, &answer);
        }
    }
}

fn fan_out(fleet: &Fleet) -> FanOut {
    let aws = sdk(&fleet.endpoint);
    FanOut::new(
        SubscriberStore::new(
            &aws,
            SUBSCRIBERS_PATH,
            fleet.options().cache_time,
            rules(fleet),
        )
        .with_directory_of(&aws, fleet.directory_bucket()),
        &aws_sdk_sqs::Client::new(&aws),
        fleet.deliveries.url(&fleet.endpoint),
        None,
    )
}

/// Returns the rules for parameters, which are the same for both functions.
pub fn rules(fleet: &Fleet) -> Rules {
    Rules {
        schemes: Schemes::HttpOrHttps,
        max_attempts: Some(fleet.options().max_attempts()),
    }
}

/// Returns a copy of deliver.
pub fn deliver(fleet: &Fleet, pacing: PacingLimits) -> Handler {
    let config = Config {
        subscribers_path: SUBSCRIBERS_PATH.to_owned(),
        subscriber_cache: fleet.options().cache_time,
        directory_bucket: fleet.directory_bucket(),
        delivery_queue_url: fleet.deliveries.url(&fleet.endpoint),
        invalidation_queue_url: None,
        schedule: RetrySchedule::new(fleet.options().retry_seconds.clone()),
        backlogs_path: BACKLOGS_PATH.to_owned(),
        backlog_bucket: BACKLOG_BUCKET.to_owned(),
        dead_letter_queue_url: fleet.given_up.url(&fleet.endpoint),
        crowded_at: fleet.options().crowded_at,
        pacing,
        rules: rules(fleet),
        reach: Reach::Anywhere,
        topic_arn: "arn:aws:sns:us-east-1:000000000000:fleet-events.fifo".to_owned(),
        source: SOURCE.to_owned(),
        metrics: Metrics::new("wagrun/fleet"),
    };
    build_handler(&sdk(&fleet.endpoint), config).unwrap()
}

/// Sweeps the backlogs at this interval. On AWS it is five minutes.
pub async fn sweep_every(interval: Duration, sweeper: &Handler) {
    let mut every = tokio::time::interval(interval);
    let payload = json!({"sweep": "backlogs"});
    let payload = serde_json::value::to_raw_value(&payload).unwrap();
    loop {
        every.tick().await;
        deliver::handle(sweeper, &payload).await.unwrap();
    }
}
