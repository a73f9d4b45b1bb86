//! A receiver that answers slowly, but well, in a bulk change: the deliveries of others do not wait for it.
//!
//! Everything is twenty times as fast as on AWS, except that every copy knows of a backlog after ten seconds.

use std::time::Duration;

use deliver::PacingLimits;
use jiff::{SignedDuration, Timestamp};
use testing::fleet::events::events;
use testing::fleet::receivers::Behavior;
use testing::fleet::{BACKLOGS_PATH, Fleet, FleetOptions, healthy};
use testing::progress::Wait;

use crate::support::fleet_workers::{Workers, deliver, sweep_every, work_until};

const SLOW: &str = "subscriber-0000";
const QUICK: &str = "subscriber-0001";
/// The time that the slow receiver takes for an answer: fourteen seconds on AWS.
const SLOW_ANSWER_TIME: Duration = Duration::from_millis(700);
/// The number of copies of deliver, the template's default.
const COPIES: usize = 4;

/// The limits of the template, but twenty times as fast.
fn limits(copies: usize) -> PacingLimits {
    PacingLimits {
        slow_attempt: Duration::from_millis(100),
        long_wait: SignedDuration::from_secs(3),
        copies,
    }
}

async fn fleet() -> Fleet {
    let mut subscribers = healthy(2);
    subscribers[0].1 = Behavior::Slow(SLOW_ANSWER_TIME);
    let options = FleetOptions {
        cache_time: Duration::ZERO,
        visibility_timeout: Duration::from_secs(9),
        ..FleetOptions::new(subscribers)
    };
    Fleet::start(options).await.unwrap()
}

/// Returns the time of each request of a subscriber.
fn arrivals(fleet: &Fleet, subscriber: &str) -> Vec<Timestamp> {
    let arrivals = fleet.receivers.arrivals().into_iter();
    let of_subscriber = arrivals.filter(|one| one.subscriber == subscriber);
    of_subscriber.map(|one| one.at).collect()
}

/// Returns the average number of requests of the slow receiver that were open at once, from this time to the last one.
fn average_at_once(arrivals: &[Timestamp], from: Timestamp) -> f64 {
    let later: Vec<_> = arrivals.iter().filter(|at| **at >= from).collect();
    let last = later.iter().max().unwrap();
    let took = last.duration_since(from).as_secs_f64() + SLOW_ANSWER_TIME.as_secs_f64();
    later.len() as f64 * SLOW_ANSWER_TIME.as_secs_f64() / took
}

#[tokio::test]
async fn a_slow_receiver_gets_half_of_the_copies_in_a_bulk_change_and_the_others_do_not_wait() {
    const PAGES: usize = 160;
    let fleet = fleet().await;
    let workers = Workers {
        copies: COPIES,
        lost: usize::MAX,
        pacing: limits(COPIES),
    };
    let bulk = events(PAGES, PAGES);
    fleet.publish_all(&bulk);
    let sweeper = deliver(&fleet, workers.pacing);
    let work = async {
        work_until(&fleet, workers, |fleet| {
            match (arrivals(fleet, QUICK).len(), fleet.set_aside().len()) {
                (PAGES, 1..) => Wait::Ready(()),
                seen => Wait::NotYet(format!("{seen:?} accepted, and aside")),
            }
        })
        .await;
        // Without pacing, both take the same time, because the copies take their deliveries in turn.
        let slow = arrivals(&fleet, SLOW).len();
        assert!(slow < PAGES * 3 / 4, "{slow} of {PAGES} to the slow one");

        let paced_since = Timestamp::now();
        work_until(&fleet, workers, |fleet| match fleet.set_aside().len() {
            0 => Wait::Ready(()),
            aside => Wait::NotYet(format!("{aside} aside")),
        })
        .await;
        let slow = arrivals(&fleet, SLOW);
        // A turn takes a while to reach its next lane. So two turns keep 1.2 copies busy and four 1.7, and fewer on a busy machine.
        let at_once = average_at_once(&slow, paced_since);
        assert!(at_once < 1.5, "{at_once} of {COPIES} copies");
    };
    tokio::select! {
        () = work => {}
        () = sweep_every(Duration::from_secs(15), &sweeper) => {}
    }
    let audit = fleet.audit(&bulk);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!(audit.accepted, 2 * PAGES);
    assert_eq!(
        fleet.services.parameters().names_below(BACKLOGS_PATH).len(),
        1
    );
}

/// Several events of each page: a page's later ones come after its earlier ones, also while they are paced.
#[tokio::test]
async fn a_paced_lane_keeps_its_order() {
    let fleet = fleet().await;
    let workers = Workers {
        copies: COPIES,
        lost: 25,
        pacing: limits(COPIES),
    };
    let bulk = events(80, 20);
    fleet.publish_all(&bulk);
    let sweeper = deliver(&fleet, workers.pacing);
    let work = work_until(&fleet, workers, |fleet| {
        let audit = fleet.audit(&bulk);
        match (audit.accepted, audit.set_aside, fleet.is_settled()) {
            (160, 0, true) => Wait::Ready(()),
            seen => Wait::NotYet(format!("{seen:?} accepted, aside, settled")),
        }
    });
    tokio::select! {
        () = work => {}
        () = sweep_every(Duration::from_secs(5), &sweeper) => {}
    }
    let audit = fleet.audit(&bulk);
    assert!(audit.is_consistent(), "{audit:?}");
}
