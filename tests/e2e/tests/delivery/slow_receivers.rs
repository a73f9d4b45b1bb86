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

/// Returns the largest number of requests of the slow receiver that were open at once, from this time on.
fn most_at_once(arrivals: &[Timestamp], from: Timestamp) -> usize {
    let later = arrivals.iter().filter(|at| **at >= from);
    let open = later.map(|begun| {
        let is_open = |at: &&Timestamp| {
            let earlier = begun.duration_since(**at);
            !earlier.is_negative() && earlier.unsigned_abs() < SLOW_ANSWER_TIME
        };
        arrivals.iter().filter(is_open).count()
    });
    open.max().unwrap_or_default()
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
    let published = Timestamp::now();
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
        let quick_after = Timestamp::now().duration_since(published);
        // Without pacing, all of it takes as long as the slow receiver: 160 × 0.7 s / 4.
        assert!(quick_after < SignedDuration::from_secs(22), "{quick_after}");

        let paced_since = Timestamp::now();
        work_until(&fleet, workers, |fleet| match fleet.set_aside().len() {
            0 => Wait::Ready(()),
            aside => Wait::NotYet(format!("{aside} aside")),
        })
        .await;
        let slow = arrivals(&fleet, SLOW);
        // Half of the copies. When a sweep gives out turns, the last ones of the earlier sweep are still held.
        let most = most_at_once(&slow, paced_since);
        assert!((1..=3).contains(&most), "{most} at once");
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
