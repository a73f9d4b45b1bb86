//! Runs against a fake AWS that answers HTTP requests.

mod orphans;
mod quotas;
mod world;

use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use wagrun_lambda::telemetry::chain;
use world::{World, time};

use crate::handle;
use crate::log_group::{OPT_OUT_TAG, STACK_TAG};
use crate::request::{Options, Request};

const EXISTING_SERVICE: &str = "8fe1e10304f84fd2b0df550fe98a71fa";
const DELETED_SERVICE: &str = "0123456789abcdef0123456789abcdef";
/// A log group of each kind: without a retention, up to date, with another retention, opted out, and under a policy.
fn one_of_each() -> World {
    let world = World::new();
    world.group("/wagrun/none", |_| {});
    world.group("/wagrun/up-to-date", |group| {
        group.retention_days = Some(30)
    });
    world.group("/wagrun/longer", |group| group.retention_days = Some(365));
    world.group("/wagrun/tagged", |group| {
        group.tags.insert(OPT_OUT_TAG.into(), String::new());
    });
    world.group("/wagrun/under-policy", |group| {
        group.retention_days = Some(90);
        group.policy = Some("everything-90".into());
    });
    world.group("/wagrun/under-policy-for-ever", |group| {
        group.policy = Some("keep".into())
    });
    // Log groups that are not the stack's, although their names begin like its name.
    world.group("/wagrun-dev/none", |_| {});
    world.group("/aws/lambda/wagrun-dev-Function-1A2B3C4D5E6F", |_| {});
    world.group("/aws/lambda/wagrun-by-hand", |_| {});
    world
}

#[tokio::test]
async fn a_missing_retention_is_set_and_nothing_else_is_changed() {
    let world = one_of_each();
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!(world.subjects("PutRetentionPolicy"), ["/wagrun/none"]);
    assert_eq!(
        world.state().groups["/wagrun/none"].retention_days,
        Some(30)
    );
    assert_eq!(
        json!(answer),
        json!({
            "plan": false,
            "retention_days": 30,
            "log_groups": 6,
            "up_to_date": 1,
            "set": {"count": 1, "first": [{"log_group": "/wagrun/none", "from_days": null}]},
            "kept": {"count": 1, "first": [{"log_group": "/wagrun/longer", "days": 365}]},
            "opted_out": {"count": 1, "first": ["/wagrun/tagged"]},
            "under_policy": {"count": 2, "first": [
                {"log_group": "/wagrun/under-policy", "policy": "everything-90", "days": 90},
                {"log_group": "/wagrun/under-policy-for-ever", "policy": "keep", "days": null},
            ]},
            "orphans": {"count": 0, "first": []},
            "empty_streams": {"count": 0, "first": []},
        })
    );
}

#[tokio::test]
async fn a_second_run_finds_nothing_to_do() {
    let world = one_of_each();
    world.run(Options::default()).await.unwrap();
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!((answer.up_to_date, answer.set.count), (2, 0));
    assert_eq!(world.count("PutRetentionPolicy"), 1);
}

#[tokio::test]
async fn enforce_replaces_another_retention_but_no_policy_and_no_opt_out() {
    let world = one_of_each();
    let enforce = Options {
        enforce: true,
        ..Options::default()
    };
    let answer = world.run(enforce).await.unwrap();
    assert_eq!(
        world.subjects("PutRetentionPolicy"),
        ["/wagrun/longer", "/wagrun/none"]
    );
    assert_eq!(answer.set.first[0].from_days, Some(365));
    assert_eq!(answer.under_policy.count, 2);
    assert_eq!(answer.opted_out.first, ["/wagrun/tagged"]);
}

#[tokio::test]
async fn a_plan_reports_the_same_and_changes_nothing() {
    let everything = |plan| Options {
        plan,
        enforce: true,
        delete_orphans: true,
    };
    let world = World::new();
    for name in ["/wagrun/none", "/wagrun/functions"] {
        world.group(name, |group| {
            let written = time("2026-01-01T00:00:00Z").as_millisecond();
            group.streams.insert("2026/01/01/[1]a".into(), written);
        });
    }
    world.group(
        &format!("/aws/apprunner/wagrun/{DELETED_SERVICE}/service"),
        |group| group.retention_days = Some(7),
    );
    let planned = world.run(everything(true)).await.unwrap();
    assert_eq!(world.changes(), 0);
    let mut done = json!(world.run(everything(false)).await.unwrap());
    assert_eq!(world.changes(), 6);
    done["plan"] = true.into();
    assert_eq!(json!(planned), done);
}

#[tokio::test]
async fn a_failure_is_named_and_does_not_stop_the_rest() {
    let world = World::new();
    for name in ["/wagrun/a", "/wagrun/b", "/wagrun/c"] {
        world.group(name, |_| {});
    }
    let denied = (
        "PutRetentionPolicy".into(),
        "/wagrun/b".into(),
        "AccessDeniedException".into(),
    );
    let unlisted = (
        "DescribeLogGroups".into(),
        "/aws/rds/cluster/wagrun/".into(),
        "InvalidParameterException".into(),
    );
    world.state().errors = vec![denied, unlisted];
    let incomplete = world.run(Options::default()).await.unwrap_err();
    assert_eq!(
        world.subjects("PutRetentionPolicy"),
        ["/wagrun/a", "/wagrun/b", "/wagrun/c"]
    );
    assert_eq!((incomplete.failures, incomplete.answer.set.count), (2, 2));
    let message = chain(&*incomplete);
    assert!(
        message.starts_with("2 failed, the first /aws/rds/cluster/wagrun/: DescribeLogGroups failed: service error: "),
        "{message}"
    );
    assert!(message.contains("InvalidParameterException"), "{message}");
}

#[tokio::test]
async fn a_temporary_error_is_retried_within_the_rate_limit() {
    let world = World::new();
    world.group("/wagrun/a", |_| {});
    world.state().errors = [
        "ThrottlingException",
        "OperationAbortedException",
        "ServiceUnavailableException",
    ]
    .map(|code| ("PutRetentionPolicy".into(), "/wagrun/a".into(), code.into()))
    .to_vec();
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!(
        (answer.set.count, world.count("PutRetentionPolicy")),
        (1, 4)
    );
    // The delays are one, two and four seconds.
    assert!((7.0..9.0).contains(&world.seconds()), "{}", world.seconds());
}

#[tokio::test]
async fn a_call_is_given_up_after_six_attempts() {
    let world = World::new();
    world.group("/wagrun/a", |_| {});
    world.group("/wagrun/b", |_| {});
    world.state().errors = vec![
        (
            "PutRetentionPolicy".into(),
            "/wagrun/a".into(),
            "OperationAbortedException".into()
        );
        6
    ];
    let incomplete = world.run(Options::default()).await.unwrap_err();
    assert_eq!(
        world.subjects("PutRetentionPolicy"),
        [["/wagrun/a"; 6].as_slice(), &["/wagrun/b"]].concat()
    );
    let message = chain(&*incomplete);
    assert!(message.contains("OperationAbortedException"), "{message}");
}

#[tokio::test]
async fn a_log_group_that_is_deleted_during_the_run_is_no_failure() {
    let world = World::new();
    world.group("/wagrun/a", |_| {});
    world.state().errors = vec![(
        "PutRetentionPolicy".into(),
        "/wagrun/a".into(),
        "ResourceNotFoundException".into(),
    )];
    let answer = world.run(Options::default()).await.unwrap();
    assert_eq!(answer.set.count, 0);
}

#[tokio::test]
async fn a_created_log_group_is_checked_alone() {
    let world = one_of_each();
    let name = format!("/aws/apprunner/wagrun/{EXISTING_SERVICE}/application");
    world.group(&name, |_| {});
    world.group(&format!("{name}-other"), |_| {});
    let created = Request::CreatedLogGroup(name.clone());
    let answer = world.run_as(&world.config(""), &created).await.unwrap();
    assert_eq!((answer.log_groups, answer.set.count), (1, 1));
    assert_eq!(world.subjects("PutRetentionPolicy"), [name]);
    assert_eq!(world.count("DescribeLogGroups"), 1);
}

#[tokio::test]
async fn a_created_log_group_that_is_not_the_stacks_costs_no_call() {
    let world = one_of_each();
    let created = Request::CreatedLogGroup("/wagrun-dev/none".into());
    let answer = world.run_as(&world.config(""), &created).await.unwrap();
    assert_eq!((answer.log_groups, world.state().calls.len()), (0, 0));
    let deleted = Request::CreatedLogGroup("/wagrun/deleted-again".into());
    let answer = world.run_as(&world.config(""), &deleted).await.unwrap();
    assert_eq!(answer.log_groups, 0);
}

#[tokio::test]
async fn log_groups_are_found_by_tag_and_by_further_prefixes_too() {
    let world = World::new();
    let stack = |group: &mut world::Group, name: &str| {
        group.tags.insert(STACK_TAG.into(), name.into());
    };
    world.group("/aws/codebuild/site", |group| stack(group, "wagrun"));
    world.group("/aws/codebuild/other", |group| stack(group, "wagrun-dev"));
    world.group("/aws/codebuild/wagrun/site", |_| {});
    world.group("/wagrun/both", |group| stack(group, "wagrun"));
    let mut config = world.config("/aws/codebuild/wagrun/");
    config.by_tag = true;
    let all = Request::AllLogGroups(Options::default());
    let answer = world.run_as(&config, &all).await.unwrap();
    assert_eq!(answer.log_groups, 3);
    assert_eq!(
        world.subjects("PutRetentionPolicy"),
        [
            "/aws/codebuild/site",
            "/aws/codebuild/wagrun/site",
            "/wagrun/both"
        ]
    );
}

#[tokio::test]
async fn an_unknown_key_is_an_error_that_names_it() {
    let world = one_of_each();
    let function = world.function(&world.config(""));
    let event = LambdaEvent::new(json!({"deleteorphans": true}), Context::default());
    let error = handle(&function, event).await.unwrap_err();
    assert_eq!(error.error_type, "RequestUnknown");
    assert_eq!(
        error.error_message,
        "the payload cannot be read: unknown field `deleteorphans`, expected one of `plan`, `enforce`, `deleteOrphans`"
    );
    assert_eq!(world.state().calls.len(), 0);
}
