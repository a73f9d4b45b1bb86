//! fan-out and deliver with many concurrent workers and with receivers of each kind: no delivery is lost, and every lane
//! keeps its order. `make bench` measures their speed.

use std::collections::HashSet;
use std::time::Duration;

use deliver::PacingLimits;
use testing::fleet::events::events;
use testing::fleet::receivers::Behavior;
use testing::fleet::{BACKLOGS_PATH, Fleet, FleetOptions, SUBSCRIBERS_PATH, healthy};
use testing::progress::Wait;
use wagrun_event::Event;

use crate::support::fleet_workers::{Workers, deliver, sweep_every};

/// One answer of deliver is lost in so many: the function ends after the receiver has accepted the event.
const LOST_ANSWER_INTERVAL: usize = 40;
/// The number of concurrent copies of deliver.
const DELIVER_WORKERS: usize = 16;

/// Runs [`DELIVER_WORKERS`] copies of deliver until `enough` is ready. Every `lost`th answer is lost.
async fn work_until(fleet: &Fleet, lost: usize, enough: impl Fn(&Fleet) -> Wait<()>) {
    let workers = Workers {
        copies: DELIVER_WORKERS,
        lost,
        pacing: PacingLimits::new(DELIVER_WORKERS),
    };
    crate::support::fleet_workers::work_until(fleet, workers, enough).await;
}

/// Sweeps while the functions work, until nothing is set aside.
async fn sweep_until_empty(fleet: &Fleet, events: &[Event]) {
    let sweeper = deliver(fleet, PacingLimits::new(DELIVER_WORKERS));
    let sweeps = sweep_every(Duration::from_secs(1), &sweeper);
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
        // Longer than an attempt takes, and short enough to see the redelivery after a lost answer.
        visibility_timeout: Duration::from_secs(3),
        ..FleetOptions::new(healthy(1))
    };
    let fleet = Fleet::start(options).await.unwrap();
    let events = events(300, 20);
    fleet.publish_all(&events);
    work_until(&fleet, LOST_ANSWER_INTERVAL, settled).await;
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!((audit.expected, audit.accepted), (300, 300));
    // A delivery without an acknowledgement is delivered again with the same id.
    assert!(audit.duplicates >= 300 / LOST_ANSWER_INTERVAL, "{audit:?}");
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
    // The later events of a dead receiver wait behind those that are still retried.
    work_until(&fleet, LOST_ANSWER_INTERVAL, |fleet| {
        let seen = (
            fleet.audit(&events).accepted,
            lanes_with_dead_letters(fleet),
        );
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

/// The window of the queue is small enough that the deliveries of one dead receiver fill it. On AWS it is 2 000 times as large.
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
    let accepted_by = |fleet: &Fleet, name: &str| {
        let arrivals = fleet.receivers.arrivals();
        let accepted = arrivals
            .iter()
            .filter(|one| one.accepted && one.subscriber == name);
        accepted.count()
    };
    // All workers wait, and the deliveries that could be sent are behind those that cannot.
    work_until(&fleet, usize::MAX, |fleet| {
        let (accepted, waiting) = (accepted_by(fleet, well), fleet.deliver.waiting());
        match accepted < 200 && fleet.events.lock().is_empty() && waiting == DELIVER_WORKERS {
            true => Wait::Ready(()),
            false => Wait::NotYet(format!("{accepted} accepted, {waiting} workers wait")),
        }
    })
    .await;
    work_until(&fleet, LOST_ANSWER_INTERVAL, |fleet| {
        let audit = fleet.audit(&events);
        match (accepted_by(fleet, well), audit.set_aside, audit.queued) {
            (200.., 200, 0) => Wait::Ready(()),
            seen => Wait::NotYet(format!("{seen:?} accepted, aside and queued")),
        }
    })
    .await;

    fleet.receivers.recover(dead);
    sweep_until_empty(&fleet, &events).await;
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!(audit.accepted, 400);
}

/// One typo has a usable version before it. The other parameter cannot be used from its first version on.
#[tokio::test]
async fn a_typo_in_a_parameter_loses_no_event_and_breaks_no_order() {
    let (mistyped, broken) = ("subscriber-0000", "subscriber-0001");
    let options = FleetOptions {
        retry_seconds: vec![1; 7],
        visibility_timeout: Duration::from_secs(3),
        cache_time: Duration::ZERO,
        ..FleetOptions::new(healthy(3))
    };
    let fleet = Fleet::start(options).await.unwrap();
    let parameter = |name: &str| format!("{SUBSCRIBERS_PATH}/{name}");
    let (_, mended) = (fleet.receivers.parameters())
        .find(|(name, _)| *name == broken)
        .unwrap();
    {
        let mut parameters = fleet.services.parameters();
        parameters.set(&parameter(mistyped), "{".to_owned());
        parameters.remove(&parameter(broken));
        parameters.set(&parameter(broken), "{".to_owned());
    }
    let events = events(24, 4);
    fleet.publish_all(&events);
    work_until(&fleet, LOST_ANSWER_INTERVAL, |fleet| {
        let audit = fleet.audit(&events);
        match (audit.accepted, audit.set_aside, audit.queued) {
            (48, 24, 0) => Wait::Ready(()),
            seen => Wait::NotYet(format!("{seen:?} accepted, aside and queued")),
        }
    })
    .await;
    let mended = mended.to_string();
    fleet.services.parameters().set(&parameter(broken), mended);
    sweep_until_empty(&fleet, &events).await;
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!(audit.accepted, 72);
}

/// Returns ready when every delivery was accepted or given up.
fn settled(fleet: &Fleet) -> Wait<()> {
    if fleet.is_settled() {
        return Wait::Ready(());
    }
    let waiting = fleet.deliveries.lock().len();
    Wait::NotYet(format!("{waiting} deliveries in the queue"))
}

/// Returns the number of lanes of dead receivers that have a dead letter.
fn lanes_with_dead_letters(fleet: &Fleet) -> usize {
    let queue = fleet.deliveries.lock();
    let is_of_dead_receiver = |lane: &&String| {
        let subscriber = lane.split('|').next();
        let behavior = subscriber.and_then(|name| fleet.receivers.behaviors().get(name));
        behavior.is_some_and(|behavior| !behavior.accepts())
    };
    let lanes = queue.dead_letters().iter().map(|one| &one.group);
    lanes
        .filter(is_of_dead_receiver)
        .collect::<HashSet<_>>()
        .len()
}
