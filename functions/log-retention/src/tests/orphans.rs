//! Log groups whose writer no longer exists, and empty streams.

use serde_json::{Value, json};
use wagrun_lambda::telemetry::chain;

use super::world::{Group, World, time};
use super::{DELETED_SERVICE, EXISTING_SERVICE};
use crate::answer::OrphanOutcome;
use crate::log_group::OPT_OUT_TAG;
use crate::request::Options;

const DELETE: Options = Options {
    plan: false,
    enforce: false,
    delete_orphans: true,
};

/// Log groups of App Runner services, functions and clusters that exist, were deleted, or never existed.
fn orphans() -> World {
    let world = World::new();
    {
        let mut state = world.state();
        state
            .services
            .insert(EXISTING_SERVICE.into(), "PAUSED".into());
        state.services.insert("deleted0".into(), "DELETED".into());
        state.functions.push("wagrun-Existing-1A2B3C4D5E6F".into());
        state
            .clusters
            .insert("wagrun-Existing-1A2B3C4D5E6F".into(), "ACTIVE".into());
        state
            .clusters
            .insert("wagrun-Inactive-1A2B3C4D5E6F".into(), "INACTIVE".into());
    }
    let long_ago = time("2026-10-22T11:00:00Z").as_millisecond();
    for name in [
        &format!("/aws/apprunner/wagrun/{EXISTING_SERVICE}/application"),
        &format!("/aws/apprunner/wagrun/{DELETED_SERVICE}/application"),
        "/aws/apprunner/wagrun/deleted0/service",
        "/aws/lambda/wagrun-Existing-1A2B3C4D5E6F",
        "/aws/lambda/wagrun-Missing-1A2B3C4D5E6F",
        "/aws/ecs/wagrun-Existing-1A2B3C4D5E6F/web-1234",
        "/aws/ecs/wagrun-Missing-1A2B3C4D5E6F/web-1234",
        "/aws/ecs/containerinsights/wagrun-Inactive-1A2B3C4D5E6F/performance",
    ] {
        world.group(name, |group| {
            group.retention_days = Some(30);
            group.streams.insert("some/stream".into(), long_ago);
        });
    }
    world
}

#[tokio::test]
async fn orphans_are_reported_and_only_deleted_on_request() {
    let world = orphans();
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!(world.changes(), 0);
    let found: Vec<_> = answer
        .orphans
        .first
        .iter()
        .map(|orphan| (orphan.writer.as_str(), orphan.outcome))
        .collect();
    assert_eq!(
        found,
        [
            (
                format!("App Runner service wagrun/{DELETED_SERVICE}").as_str(),
                OrphanOutcome::Reported
            ),
            (
                "App Runner service wagrun/deleted0",
                OrphanOutcome::Reported
            ),
            (
                "ECS cluster wagrun-Inactive-1A2B3C4D5E6F",
                OrphanOutcome::Reported
            ),
            (
                "ECS cluster wagrun-Missing-1A2B3C4D5E6F",
                OrphanOutcome::Reported
            ),
            (
                "function wagrun-Missing-1A2B3C4D5E6F",
                OrphanOutcome::Reported
            ),
        ]
    );
    let orphan: Value = json!(answer.orphans.first[0]);
    assert_eq!(orphan["last_written"], "2026-10-22T11:00:00Z");
    assert_eq!(orphan["expires"], "2026-11-21T11:00:00Z");
}

#[tokio::test]
async fn orphans_are_deleted_on_request_when_their_retention_has_passed() {
    let world = orphans();
    let function = "/aws/lambda/wagrun-Missing-1A2B3C4D5E6F";
    let outcomes = async |change: &dyn Fn(&mut Group)| {
        change(world.state().groups.get_mut(function).unwrap());
        let answer = world.run(DELETE).await.unwrap();
        answer
            .orphans
            .first
            .iter()
            .map(|orphan| orphan.outcome)
            .collect::<Vec<_>>()
    };
    // One of two streams was written to within the retention.
    let outcome = outcomes(&|group| {
        group
            .streams
            .insert("new".into(), time("2026-10-22T13:00:00Z").as_millisecond());
    });
    let deleted = OrphanOutcome::Deleted;
    assert_eq!(
        outcome.await,
        [
            deleted,
            deleted,
            deleted,
            deleted,
            OrphanOutcome::NotExpired
        ]
    );
    assert_eq!(world.count("DeleteLogGroup"), 4);
    let outcome = outcomes(&|group| {
        group.streams.remove("new");
        group.protected = true;
    });
    assert_eq!(outcome.await, [OrphanOutcome::Protected]);
    let outcome = outcomes(&|group| {
        group.protected = false;
        group.tags.insert(OPT_OUT_TAG.into(), "keep".into());
    });
    assert_eq!(outcome.await, [OrphanOutcome::OptedOut]);
    // A policy of the account keeps events for ever.
    let outcome = outcomes(&|group| {
        group.tags.clear();
        group.policy = Some("keep".into());
        group.retention_days = None;
    });
    assert_eq!(outcome.await, [OrphanOutcome::NotExpired]);
    assert_eq!(world.count("DeleteLogGroup"), 4);
    let outcome = outcomes(&|group| {
        group.policy = None;
        group.retention_days = Some(30);
    });
    assert_eq!(outcome.await, [deleted]);
    let left: Vec<_> = world.state().groups.keys().cloned().collect();
    assert_eq!(
        left,
        [
            &format!("/aws/apprunner/wagrun/{EXISTING_SERVICE}/application"),
            "/aws/ecs/wagrun-Existing-1A2B3C4D5E6F/web-1234",
            "/aws/lambda/wagrun-Existing-1A2B3C4D5E6F",
        ]
    );
}

#[tokio::test]
async fn a_writer_that_cannot_be_looked_up_counts_as_existing() {
    let world = orphans();
    world
        .state()
        .services
        .insert(DELETED_SERVICE.into(), "denied".into());
    let incomplete = world.run(DELETE).await.unwrap_err();
    let expected = format!(
        "1 failed, the first /aws/apprunner/wagrun/{DELETED_SERVICE}/application: cannot tell whether App Runner service wagrun/{DELETED_SERVICE} exists: "
    );
    let message = chain(&*incomplete);
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(
        (
            incomplete.answer.orphans.count,
            world.count("DeleteLogGroup")
        ),
        (4, 4)
    );
}

#[tokio::test]
async fn empty_streams_of_functions_are_counted_and_deleted_on_request() {
    let world = World::new();
    let (old, new) = (
        time("2026-10-01T00:00:00Z").as_millisecond(),
        time("2026-11-20T00:00:00Z").as_millisecond(),
    );
    world.group("/wagrun/deliver", |group| {
        group.retention_days = Some(30);
        for number in 0..120 {
            group
                .streams
                .insert(format!("2026/10/01/[$LATEST]{number}"), old + number);
        }
        group.streams.insert("2026/11/20/[$LATEST]0".into(), new);
    });
    // A task may write to its stream again after any time, so the stream stays.
    world.group("/wagrun/web", |group| {
        group.retention_days = Some(30);
        group.streams.insert("web/Main/0123".into(), old);
    });
    world.group("/wagrun/for-ever", |group| {
        group.tags.insert(OPT_OUT_TAG.into(), String::new());
        group.streams.insert("2026/10/01/[1]a".into(), old);
    });
    world.group("/wagrun/tagged", |group| {
        group.retention_days = Some(30);
        group.tags.insert(OPT_OUT_TAG.into(), String::new());
        group.streams.insert("2026/10/01/[1]a".into(), old);
    });
    let expected = |deleted| {
        json!({"count": 2, "first": [
            {"log_group": "/wagrun/deliver", "streams": 120, "deleted": deleted},
            {"log_group": "/wagrun/tagged", "streams": 1, "deleted": 0},
        ]})
    };
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!(
        (json!(answer.empty_streams), world.changes()),
        (expected(0), 0)
    );
    let answer = world.run(DELETE).await.unwrap();
    assert_eq!(
        (json!(answer.empty_streams), world.count("DeleteLogStream")),
        (expected(120), 120)
    );
    let left: Vec<_> = world.state().groups["/wagrun/deliver"]
        .streams
        .keys()
        .cloned()
        .collect();
    assert_eq!(left, ["2026/11/20/[$LATEST]0"]);
}
