//! The subscriber directory with many concurrent copies: whatever happens to it, no delivery is lost, and every lane keeps its order.

use std::time::Duration;

use deliver::PacingLimits;
use subscriber_directory::{Config, Writer};
use testing::fleet::events::events;
use testing::fleet::{BACKLOG_BUCKET, Fleet, FleetOptions, SUBSCRIBERS_PATH, healthy};
use testing::progress::Wait;
use wagrun_delivery::directory::KEY;

use crate::support::fleet_workers::{Workers, rules, work_until};
use crate::support::sdk::sdk;

const COPIES: usize = 16;

fn writer(fleet: &Fleet) -> Writer {
    let config = Config {
        subscribers_path: SUBSCRIBERS_PATH.to_owned(),
        directory_bucket: BACKLOG_BUCKET.to_owned(),
        rules: rules(fleet),
    };
    Writer::new(&sdk(&fleet.endpoint), config)
}

/// Runs new copies of the functions until every delivery is made.
async fn settle(fleet: &Fleet) {
    let workers = Workers {
        copies: COPIES,
        lost: usize::MAX,
        pacing: PacingLimits::new(COPIES),
    };
    work_until(fleet, workers, |fleet| match fleet.is_settled() {
        true => Wait::Ready(()),
        false => Wait::NotYet(format!("{} deliveries", fleet.deliveries.lock().len())),
    })
    .await;
}

/// Returns the number of calls of SSM that read subscribers one by one, and of those that listed parameters of any kind.
fn reads(fleet: &Fleet) -> (usize, usize) {
    let calls = fleet.services.calls();
    let of = |name: &str| calls.get(name).copied().unwrap_or_default();
    (
        of("AmazonSSM.GetParameter"),
        of("AmazonSSM.GetParametersByPath"),
    )
}

#[tokio::test]
async fn new_copies_find_a_thousand_subscribers_under_the_quota_of_ssm() {
    let fleet = Fleet::start(FleetOptions {
        has_directory: true,
        parameter_quota: Some(40),
        // Each copy reads once, however long the test takes.
        cache_time: Duration::from_secs(3600),
        ..FleetOptions::new(healthy(1000))
    });
    let fleet = fleet.await.unwrap();
    Box::pin(writer(&fleet).compare()).await.unwrap();
    let (_, listed_before) = reads(&fleet);
    let events = events(1, 1);
    fleet.publish_all(&events);
    settle(&fleet).await;
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!((audit.accepted, audit.duplicates), (1000, 0));
    // Each copy of deliver lists the records of backlogs.
    let (single, listed) = reads(&fleet);
    assert_eq!(single, 0);
    assert!(listed - listed_before <= COPIES, "{listed}");
}

#[tokio::test]
async fn a_directory_that_is_deleted_or_damaged_loses_no_delivery() {
    let fleet = Fleet::start(FleetOptions {
        has_directory: true,
        // Each delivery looks at the directory.
        cache_time: Duration::ZERO,
        ..FleetOptions::new(healthy(20))
    });
    let fleet = fleet.await.unwrap();
    Box::pin(writer(&fleet).compare()).await.unwrap();
    let events = events(24, 4);
    for (part, damage) in events.chunks(6).zip([None, Some(""), Some("{"), None]) {
        match damage {
            None => drop(Box::pin(writer(&fleet).compare()).await.unwrap()),
            Some("") => drop(fleet.services.bucket().objects.remove(KEY)),
            Some(content) => {
                let path = format!("/{KEY}");
                fleet.services.bucket().answer("PUT", &path, content);
            }
        }
        let (before, _) = reads(&fleet);
        fleet.publish_all(part);
        settle(&fleet).await;
        let (after, _) = reads(&fleet);
        assert_eq!(after > before, damage.is_some(), "{damage:?}");
    }
    let audit = fleet.audit(&events);
    assert!(audit.is_consistent(), "{audit:?}");
    assert_eq!((audit.accepted, audit.duplicates), (480, 0));
}
