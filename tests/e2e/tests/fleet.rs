//! fan-out and deliver with many workers beside each other, and receivers of every behavior: nothing is lost, and every lane
//! keeps its order. How fast that is, `make bench` says.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use deliver::{Config, Handler, Reach};
use fan_out::FanOut;
use futures::future::join_all;
use serde_json::{Value, json};
use testing::fleet::events::{SOURCE, events};
use testing::fleet::mapping::EventSourceMapping;
use testing::fleet::receivers::Behavior;
use testing::fleet::{
    BACKLOG_BUCKET, BACKLOGS_PATH, Fleet, FleetOptions, SUBSCRIBERS_PATH, healthy,
};
use testing::progress::{Progress, Wait, wait_until};
use wagrun_delivery::subscriber::{RetrySchedule, Rules, Schemes, SubscriberStore};
use wagrun_lambda::metric::Metrics;

use crate::databases::sdk;
use crate::world::PATIENCE;

/// Of so many answers of deliver, one does not arrive: the function is gone after the receiver has taken the event.
const LOST_ANSWER: usize = 40;
/// Copies of deliver.
const DELIVERERS: usize = 16;

#[tokio::test]
async fn one_event_reaches_many_subscribers() {
    let fleet = Fleet::start(FleetOptions::new(healthy(200))).await.unwrap();
    let events = events(1, 1);
    fleet.publish_all(&events);
    work_until(&fleet, usize::MAX, settled).await;
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!(
        (audit.expected, audit.accepted, audit.duplicates),
        (200, 200, 0)
    );
}

#[tokio::test]
async fn many_events_reach_one_subscriber_in_order() {
    let options = FleetOptions {
        // Longer than a try takes, and short enough to see what comes back after a lost answer.
        visibility_timeout: Duration::from_secs(3),
        ..FleetOptions::new(healthy(1))
    };
    let fleet = Fleet::start(options).await.unwrap();
    let events = events(300, 20);
    fleet.publish_all(&events);
    work_until(&fleet, LOST_ANSWER, settled).await;
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!((audit.expected, audit.accepted), (300, 300));
    // What was delivered but not acknowledged is delivered again, by the same id.
    assert!(audit.duplicates >= 300 / LOST_ANSWER, "{audit:?}");
}

#[tokio::test]
async fn dead_and_slow_receivers_cost_the_others_nothing() {
    let mut subscribers = healthy(20);
    subscribers[3].1 = Behavior::Failing;
    subscribers[7].1 = Behavior::Unreachable;
    subscribers[12].1 = Behavior::Slow(Duration::from_millis(200));
    subscribers[16].1 = Behavior::Slow(Duration::from_millis(200));
    let options = FleetOptions {
        retry_seconds: vec![1],
        visibility_timeout: Duration::from_secs(3),
        ..FleetOptions::new(subscribers)
    };
    let fleet = Fleet::start(options).await.unwrap();
    let events = events(24, 4);
    fleet.publish_all(&events);
    // A dead receiver's later events wait behind those that are still tried.
    work_until(&fleet, LOST_ANSWER, |fleet| {
        let seen = (fleet.audit(&events).accepted, dead_lanes(fleet));
        if seen == (18 * 24, 2 * 4) {
            return Wait::Ready(());
        }
        Wait::NotYet(format!("{seen:?} accepted, and lanes with a dead letter"))
    })
    .await;
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!(audit.expected, 20 * 24);
    assert_eq!(
        audit.accepted + audit.dead_letters + audit.queued,
        audit.expected
    );
    let dead = fleet.deliveries.lock().dead_letters().to_vec();
    assert!(dead.iter().all(|one| one.received == 2), "{dead:?}");
}

/// The window is so small that one dead receiver's deliveries fill it; on AWS it is two thousand times as large.
#[tokio::test]
async fn a_dead_receiver_that_fills_the_queues_window_is_set_aside_and_comes_back_in_order() {
    let (dead, well) = ("subscriber-0000", "subscriber-0001");
    let mut subscribers = healthy(2);
    subscribers[0].1 = Behavior::Failing;
    let options = FleetOptions {
        retry_seconds: vec![1, 3, 3, 3, 3, 3, 3],
        visibility_timeout: Duration::from_secs(3),
        window: 60,
        crowded_at: 60,
        cache_time: Duration::ZERO,
        ..FleetOptions::new(subscribers)
    };
    let fleet = Fleet::start(options).await.unwrap();
    let events = events(200, 100);
    fleet.publish_all(&events);
    let taken_by = |fleet: &Fleet, name: &str| {
        let arrivals = fleet.receivers.arrivals();
        let taken = arrivals
            .iter()
            .filter(|one| one.accepted && one.subscriber == name);
        taken.count()
    };
    // All workers wait, and what could go is behind what can't.
    work_until(&fleet, usize::MAX, |fleet| {
        let (taken, waiting) = (taken_by(fleet, well), fleet.deliver.waiting());
        match taken < 200 && fleet.events.lock().is_empty() && waiting == DELIVERERS {
            true => Wait::Ready(()),
            false => Wait::NotYet(format!("{taken} taken, {waiting} workers wait")),
        }
    })
    .await;
    work_until(&fleet, LOST_ANSWER, |fleet| {
        let audit = fleet.audit(&events);
        match (taken_by(fleet, well), audit.set_aside, audit.queued) {
            (200.., 200, 0) => Wait::Ready(()),
            seen => Wait::NotYet(format!("{seen:?} taken, aside and queued")),
        }
    })
    .await;

    fleet.receivers.recover(dead);
    let looking = deliver(&fleet);
    let looks = async {
        // As the schedule has it, every five minutes there.
        let mut every = tokio::time::interval(Duration::from_secs(1));
        let payload = json!({"look_after": "backlogs"});
        let payload = serde_json::value::to_raw_value(&payload).unwrap();
        loop {
            every.tick().await;
            deliver::handle(&looking, &payload).await.unwrap();
        }
    };
    let back = work_until(&fleet, LOST_ANSWER, |fleet| {
        let backlogs = fleet.services.parameters().names_below(BACKLOGS_PATH);
        match (fleet.audit(&events).set_aside, backlogs.len()) {
            (0, 0) => Wait::Ready(()),
            seen => Wait::NotYet(format!("{seen:?} aside, and backlogs")),
        }
    });
    tokio::select! {
        () = back => {}
        () = looks => {}
    }
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!(audit.accepted, 400);
}

/// Whether every delivery was accepted or given up.
fn settled(fleet: &Fleet) -> Wait<()> {
    if fleet.is_settled() {
        return Wait::Ready(());
    }
    let waiting = fleet.deliveries.lock().len();
    Wait::NotYet(format!("{waiting} deliveries in the queue"))
}

/// How many lanes of dead receivers have a dead letter.
fn dead_lanes(fleet: &Fleet) -> usize {
    let queue = fleet.deliveries.lock();
    let of_the_dead = |lane: &&String| {
        let subscriber = lane.split('|').next();
        let behavior = subscriber.and_then(|name| fleet.receivers.behaviors().get(name));
        behavior.is_some_and(|behavior| !behavior.accepts())
    };
    let lanes = queue.dead_letters().iter().map(|one| &one.group);
    lanes.filter(of_the_dead).collect::<HashSet<_>>().len()
}

/// One copy of a function.
enum Function {
    FanOut(FanOut),
    Deliver(Box<Handler>),
}

impl Function {
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

/// Two copies of fan-out and some of deliver, each with subscribers of its own as functions have, work until `look` is
/// satisfied. Of deliver's answers every `lost`th does not arrive.
async fn work_until(fleet: &Fleet, lost: usize, look: impl Fn(&Fleet) -> Wait<()>) {
    let (all_arrive, answers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fan_out = (0..2).map(|_| {
        let function = Function::FanOut(fan_out(fleet));
        work(function, &fleet.fan_out, &all_arrive, usize::MAX)
    });
    let deliver = (0..DELIVERERS).map(|_| {
        let function = Function::Deliver(Box::new(deliver(fleet)));
        work(function, &fleet.deliver, &answers, lost)
    });
    let quiet = Progress::quiet();
    let held = wait_until(&quiet, "deliveries", PATIENCE, || async {
        Ok::<_, Infallible>(look(fleet))
    });
    // Not spawned, as rustc cannot tell yet that what they await may change threads.
    tokio::select! {
        _ = join_all(fan_out) => {}
        _ = join_all(deliver) => {}
        held = held => held.unwrap(),
    }
}

async fn work(
    function: Function,
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
            Rules::LENIENT,
        ),
        &aws_sdk_sqs::Client::new(&aws),
        fleet.deliveries.url(&fleet.endpoint),
        None,
    )
}

fn deliver(fleet: &Fleet) -> Handler {
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
        rules: Rules {
            schemes: Schemes::HttpOrHttps,
            most_attempts: Some(fleet.options().max_attempts()),
        },
        reach: Reach::Anywhere,
        topic_arn: "arn:aws:sns:us-east-1:000000000000:fleet-events.fifo".to_owned(),
        source: SOURCE.to_owned(),
        metrics: Metrics::new("wagrun/fleet"),
    };
    Handler::new(&sdk(&fleet.endpoint), config).unwrap()
}
