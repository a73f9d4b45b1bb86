//! Log groups whose writer is gone, and streams with nothing in them.

use serde_json::{Value, json};

use super::world::{Group, World, time};
use super::{GONE, SERVICE};
use crate::{OPT_OUT_TAG, Options, Outcome};

const DELETE: Options = Options {
    plan: false,
    enforce: false,
    delete_orphans: true,
};

/// Log groups of an App Runner service, functions and clusters that are there, deleted, or never were.
fn orphans() -> World {
    let world = World::new();
    {
        let mut state = world.state();
        state.services.insert(SERVICE.into(), "PAUSED".into());
        state.services.insert("deleted0".into(), "DELETED".into());
        state.functions.push("wagrun-There-1A2B3C4D5E6F".into());
        state
            .clusters
            .insert("wagrun-There-1A2B3C4D5E6F".into(), "ACTIVE".into());
        state
            .clusters
            .insert("wagrun-Inactive-1A2B3C4D5E6F".into(), "INACTIVE".into());
    }
    let long_ago = time("2026-10-22T11:00:00Z").as_millisecond();
    for name in [
        &format!("/aws/apprunner/wagrun/{SERVICE}/application"),
        &format!("/aws/apprunner/wagrun/{GONE}/application"),
        "/aws/apprunner/wagrun/deleted0/service",
        "/aws/lambda/wagrun-There-1A2B3C4D5E6F",
        "/aws/lambda/wagrun-Gone-1A2B3C4D5E6F",
        "/aws/ecs/wagrun-There-1A2B3C4D5E6F/web-1234",
        "/aws/ecs/wagrun-Gone-1A2B3C4D5E6F/web-1234",
        "/aws/ecs/containerinsights/wagrun-Inactive-1A2B3C4D5E6F/performance",
    ] {
        world.group(name, |group| {
            group.days = Some(30);
            group.streams.insert("some/stream".into(), long_ago);
        });
    }
    world
}

#[tokio::test]
async fn orphans_are_reported_and_not_deleted_unless_asked() {
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
                format!("App Runner service wagrun/{GONE}").as_str(),
                Outcome::Reported
            ),
            ("App Runner service wagrun/deleted0", Outcome::Reported),
            (
                "ECS cluster wagrun-Inactive-1A2B3C4D5E6F",
                Outcome::Reported
            ),
            ("ECS cluster wagrun-Gone-1A2B3C4D5E6F", Outcome::Reported),
            ("function wagrun-Gone-1A2B3C4D5E6F", Outcome::Reported),
        ]
    );
    let orphan: Value = json!(answer.orphans.first[0]);
    assert_eq!(orphan["last_written"], "2026-10-22T11:00:00Z");
    assert_eq!(orphan["expires"], "2026-11-21T11:00:00Z");
}

#[tokio::test]
async fn orphans_are_deleted_where_asked_and_expired() {
    let world = orphans();
    let function = "/aws/lambda/wagrun-Gone-1A2B3C4D5E6F";
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
    // Written to within its retention, one stream of two.
    let outcome = outcomes(&|group| {
        group
            .streams
            .insert("new".into(), time("2026-10-22T13:00:00Z").as_millisecond());
    });
    let deleted = Outcome::Deleted;
    assert_eq!(
        outcome.await,
        [deleted, deleted, deleted, deleted, Outcome::Waits]
    );
    assert_eq!(world.count("DeleteLogGroup"), 4);
    let outcome = outcomes(&|group| {
        group.streams.remove("new");
        group.protected = true;
    });
    assert_eq!(outcome.await, [Outcome::Protected]);
    let outcome = outcomes(&|group| {
        group.protected = false;
        group.tags.insert(OPT_OUT_TAG.into(), "keep".into());
    });
    assert_eq!(outcome.await, [Outcome::OptedOut]);
    // A policy of the account that keeps for ever.
    let outcome = outcomes(&|group| {
        group.tags.clear();
        group.policy = Some("keep".into());
        group.days = None;
    });
    assert_eq!(outcome.await, [Outcome::Waits]);
    assert_eq!(world.count("DeleteLogGroup"), 4);
    let outcome = outcomes(&|group| {
        group.policy = None;
        group.days = Some(30);
    });
    assert_eq!(outcome.await, [deleted]);
    let left: Vec<_> = world.state().groups.keys().cloned().collect();
    assert_eq!(
        left,
        [
            &format!("/aws/apprunner/wagrun/{SERVICE}/application"),
            "/aws/ecs/wagrun-There-1A2B3C4D5E6F/web-1234",
            "/aws/lambda/wagrun-There-1A2B3C4D5E6F",
        ]
    );
}

#[tokio::test]
async fn a_writer_that_nobody_may_ask_about_counts_as_there() {
    let world = orphans();
    world.state().services.insert(GONE.into(), "denied".into());
    let incomplete = world.run(DELETE).await.unwrap_err();
    let expected = format!(
        "1 failed, the first /aws/apprunner/wagrun/{GONE}/application: can't tell whether App Runner service wagrun/{GONE} exists: "
    );
    assert!(
        incomplete.to_string().starts_with(&expected),
        "{incomplete}"
    );
    assert_eq!(
        (
            incomplete.answer.orphans.count,
            world.count("DeleteLogGroup")
        ),
        (4, 4)
    );
}

#[tokio::test]
async fn empty_streams_of_functions_are_counted_and_deleted_where_asked() {
    let world = World::new();
    let (old, new) = (
        time("2026-10-01T00:00:00Z").as_millisecond(),
        time("2026-11-20T00:00:00Z").as_millisecond(),
    );
    world.group("/wagrun/deliver", |group| {
        group.days = Some(30);
        for number in 0..120 {
            group
                .streams
                .insert(format!("2026/10/01/[$LATEST]{number}"), old + number);
        }
        group.streams.insert("2026/11/20/[$LATEST]0".into(), new);
    });
    // A task that was silent may speak again, so its stream stays.
    world.group("/wagrun/web", |group| {
        group.days = Some(30);
        group.streams.insert("web/Main/0123".into(), old);
    });
    world.group("/wagrun/for-ever", |group| {
        group.tags.insert(OPT_OUT_TAG.into(), String::new());
        group.streams.insert("2026/10/01/[1]a".into(), old);
    });
    world.group("/wagrun/tagged", |group| {
        group.days = Some(30);
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
