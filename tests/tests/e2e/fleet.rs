//! fan-out and deliver with many workers beside each other, and receivers of every manner: nothing is lost, and every lane
//! keeps its order. How fast that is, `make bench` says.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use deliver::{Config, Handler, Reach};
use fan_out::FanOut;
use futures::future::join_all;
use local_stack::fleet::events::{SOURCE, events};
use local_stack::fleet::mapping::Mapping;
use local_stack::fleet::receivers::Manner;
use local_stack::fleet::{Fleet, Options, SUBSCRIBERS_PATH, healthy};
use local_stack::progress::{Progress, Wait, wait_until};
use wagrun::metric::Metrics;
use wagrun::subscriber::{RetrySchedule, Rules, Schemes, SubscriberStore};

use crate::databases::sdk;
use crate::world::PATIENCE;

const CACHE: Duration = Duration::from_secs(30);
/// Of so many answers of deliver, one does not arrive: the function is gone after the receiver has taken the event.
const LOST_ANSWER: usize = 40;

#[tokio::test]
async fn one_event_reaches_many_subscribers() {
    let fleet = Fleet::start(Options::new(healthy(200))).await.unwrap();
    let events = events(1, 1);
    fleet.publish_all(&events);
    work_until(&fleet, usize::MAX, settled).await;
    let account = fleet.account(&events);
    assert!(account.is_in_order(), "{account:?}");
    assert_eq!(
        (account.owed, account.accepted, account.repeated),
        (200, 200, 0)
    );
}

#[tokio::test]
async fn many_events_reach_one_subscriber_in_order() {
    let options = Options {
        // Longer than a try takes, and short enough to see what comes back after a lost answer.
        visibility: Duration::from_secs(3),
        ..Options::new(healthy(1))
    };
    let fleet = Fleet::start(options).await.unwrap();
    let events = events(300, 20);
    fleet.publish_all(&events);
    work_until(&fleet, LOST_ANSWER, settled).await;
    let account = fleet.account(&events);
    assert!(account.is_in_order(), "{account:?}");
    assert_eq!((account.owed, account.accepted), (300, 300));
    // What was delivered but not acknowledged is delivered again, by the same id.
    assert!(account.repeated >= 300 / LOST_ANSWER, "{account:?}");
}

#[tokio::test]
async fn dead_and_slow_receivers_cost_the_others_nothing() {
    let mut subscribers = healthy(20);
    subscribers[3].1 = Manner::Failing;
    subscribers[7].1 = Manner::Gone;
    subscribers[12].1 = Manner::Slow(Duration::from_millis(200));
    subscribers[16].1 = Manner::Slow(Duration::from_millis(200));
    let options = Options {
        retry_seconds: vec![1],
        visibility: Duration::from_secs(3),
        ..Options::new(subscribers)
    };
    let fleet = Fleet::start(options).await.unwrap();
    let events = events(24, 4);
    fleet.publish_all(&events);
    // A dead receiver's later events wait behind those that are still tried.
    work_until(&fleet, LOST_ANSWER, |fleet| {
        let seen = (fleet.account(&events).accepted, dead_lanes(fleet));
        if seen == (18 * 24, 2 * 4) {
            return Wait::Ready(());
        }
        Wait::NotYet(format!("{seen:?} accepted, and lanes with a dead letter"))
    })
    .await;
    let account = fleet.account(&events);
    assert!(account.is_in_order(), "{account:?}");
    assert_eq!(account.owed, 20 * 24);
    assert_eq!(
        account.accepted + account.dead + account.queued,
        account.owed
    );
    let dead = fleet.deliveries.lock().dead().to_vec();
    assert!(dead.iter().all(|one| one.received == 2), "{dead:?}");
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
        let manner = subscriber.and_then(|name| fleet.receivers.manners().get(name));
        manner.is_some_and(|manner| manner.is_dead())
    };
    let lanes = queue.dead().iter().map(|one| &one.group);
    lanes.filter(of_the_dead).collect::<HashSet<_>>().len()
}

/// One copy of a function.
enum Function {
    FanOut(FanOut),
    Deliver(Handler),
}

impl Function {
    async fn handle(&self, batch: &SqsEvent) -> SqsBatchResponse {
        match self {
            Self::FanOut(fan_out) => fan_out::handle(fan_out, batch).await,
            Self::Deliver(handler) => deliver::handle(handler, batch).await,
        }
    }
}

/// Two copies of fan-out and sixteen of deliver, each with subscribers of its own as functions have, work until `look` is
/// satisfied. Of deliver's answers every `lost`th does not arrive.
async fn work_until(fleet: &Fleet, lost: usize, look: impl Fn(&Fleet) -> Wait<()>) {
    let (all_arrive, answers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fan_out = (0..2).map(|_| {
        let function = Function::FanOut(fan_out(fleet));
        work(function, &fleet.fan_out, &all_arrive, usize::MAX)
    });
    let deliver = (0..16).map(|_| {
        let function = Function::Deliver(deliver(fleet));
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

async fn work(function: Function, mapping: &Mapping, answers: &AtomicUsize, lost: usize) {
    loop {
        let invocation = mapping.next().await;
        let batch: SqsEvent = serde_json::from_value(invocation.event).unwrap();
        let response = Box::pin(function.handle(&batch)).await;
        let number = answers.fetch_add(1, Ordering::Relaxed) + 1;
        if number.is_multiple_of(lost) {
            mapping.failed(&invocation.id);
        } else {
            let answer = serde_json::to_vec(&response).unwrap();
            mapping.succeeded(&invocation.id, &answer);
        }
    }
}

fn fan_out(fleet: &Fleet) -> FanOut {
    let aws = sdk(&fleet.endpoint);
    FanOut::new(
        SubscriberStore::new(&aws, SUBSCRIBERS_PATH, CACHE, Rules::LENIENT),
        &aws_sdk_sqs::Client::new(&aws),
        fleet.deliveries.url(&fleet.endpoint),
        None,
    )
}

fn deliver(fleet: &Fleet) -> Handler {
    let config = Config {
        subscribers_path: SUBSCRIBERS_PATH.to_owned(),
        subscriber_cache: CACHE,
        delivery_queue_url: fleet.deliveries.url(&fleet.endpoint),
        invalidation_queue_url: None,
        schedule: RetrySchedule::new(fleet.options().retry_seconds.clone()),
        rules: Rules {
            schemes: Schemes::HttpOrHttps,
            most_attempts: Some(fleet.options().attempts()),
        },
        reach: Reach::Anywhere,
        topic_arn: "arn:aws:sns:us-east-1:000000000000:fleet-events.fifo".to_owned(),
        source: SOURCE.to_owned(),
        metrics: Metrics::new("wagrun/fleet"),
    };
    Handler::new(&sdk(&fleet.endpoint), config).unwrap()
}
