//! Copies of fan-out and deliver that work on a fleet.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use deliver::{Config, Handler, Reach, build_handler};
use fan_out::FanOut;
use futures::future::join_all;
use serde_json::{Value, json};
use testing::fleet::events::SOURCE;
use testing::fleet::mapping::EventSourceMapping;
use testing::fleet::{BACKLOG_BUCKET, BACKLOGS_PATH, Fleet, SUBSCRIBERS_PATH};
use testing::progress::{Progress, Wait, wait_until};
use wagrun_delivery::subscriber::{RetrySchedule, Rules, Schemes, SubscriberStore};
use wagrun_event::Event;
use wagrun_lambda::metric::Metrics;

use super::{DELIVER_WORKERS, LOST_ANSWER_INTERVAL};
use crate::support::runtime::WAIT_TIMEOUT;
use crate::support::sdk::sdk;

/// Sweeps while the functions work, until nothing is set aside.
pub async fn sweep_until_empty(fleet: &Fleet, events: &[Event]) {
    let sweeper = deliver(fleet);
    let sweeps = async {
        // The schedule on AWS has an interval of five minutes.
        let mut every = tokio::time::interval(Duration::from_secs(1));
        let payload = json!({"sweep": "backlogs"});
        let payload = serde_json::value::to_raw_value(&payload).unwrap();
        loop {
            every.tick().await;
            deliver::handle(&sweeper, &payload).await.unwrap();
        }
    };
    let back = work_until(fleet, LOST_ANSWER_INTERVAL, |fleet| {
        let backlogs = fleet.services.parameters().names_below(BACKLOGS_PATH);
        match (fleet.audit(events).set_aside, backlogs.len()) {
            (0, 0) => Wait::Ready(()),
            seen => Wait::NotYet(format!("{seen:?} aside, and backlogs")),
        }
    });
    tokio::select! {
        () = back => {}
        () = sweeps => {}
    }
}

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

/// Runs two copies of fan-out and [`DELIVER_WORKERS`] of deliver until `enough` is ready. Each copy has its own subscribers, as
/// on Lambda. Every `lost`th answer of deliver is lost.
pub async fn work_until(fleet: &Fleet, lost: usize, enough: impl Fn(&Fleet) -> Wait<()>) {
    let (all_arrive, answers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fan_out = (0..2).map(|_| {
        let function = FunctionCopy::FanOut(Box::new(fan_out(fleet)));
        work(function, &fleet.fan_out, &all_arrive, usize::MAX)
    });
    let deliver = (0..DELIVER_WORKERS).map(|_| {
        let function = FunctionCopy::Deliver(Box::new(deliver(fleet)));
        work(function, &fleet.deliver, &answers, lost)
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
        ),
        &aws_sdk_sqs::Client::new(&aws),
        fleet.deliveries.url(&fleet.endpoint),
        None,
    )
}

/// Returns the rules for parameters, which are the same for both functions.
fn rules(fleet: &Fleet) -> Rules {
    Rules {
        schemes: Schemes::HttpOrHttps,
        max_attempts: Some(fleet.options().max_attempts()),
    }
}

pub fn deliver(fleet: &Fleet) -> Handler {
    let config = Config {
        subscribers_path: SUBSCRIBERS_PATH.to_owned(),
        subscriber_cache: fleet.options().cache_time,
        delivery_queue_url: fleet.deliveries.url(&fleet.endpoint),
        invalidation_queue_url: None,
        schedule: RetrySchedule::new(fleet.options().retry_seconds.clone()),
        backlogs_path: BACKLOGS_PATH.to_owned(),
        backlog_bucket: BACKLOG_BUCKET.to_owned(),
        dead_letter_queue_url: fleet.given_up.url(&fleet.endpoint),
        crowded_at: fleet.options().crowded_at,
        rules: rules(fleet),
        reach: Reach::Anywhere,
        topic_arn: "arn:aws:sns:us-east-1:000000000000:fleet-events.fifo".to_owned(),
        source: SOURCE.to_owned(),
        metrics: Metrics::new("wagrun/fleet"),
    };
    build_handler(&sdk(&fleet.endpoint), config).unwrap()
}
