use serde_json::{Value, json};
use testing::replay::Replay;

use super::*;

const ARN: &str =
    "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/8fe1e10304f84fd2b0df550fe98a71fa";
const OLD: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site@sha256:01d";
const NEW: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site@sha256:4e3";
/// The start of the release, in seconds since 1970.
const STARTED: i64 = 1_795_000_000;

/// Returns a source with every field that App Runner knows, and this image.
fn source(image: &str) -> Value {
    json!({
        "AuthenticationConfiguration": {"AccessRoleArn": "arn:aws:iam::111122223333:role/access"},
        "AutoDeploymentsEnabled": false,
        "ImageRepository": {
            "ImageRepositoryType": "ECR",
            "ImageIdentifier": image,
            "ImageConfiguration": {
                "Port": "8000",
                "StartCommand": "gunicorn",
                "RuntimeEnvironmentVariables": {"DATABASE_NAME": "wagtail", "EMPTY": ""},
                "RuntimeEnvironmentSecrets": {"SECRET_KEY": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:k"},
            },
        },
    })
}

fn description(status: &str, image: &str) -> Value {
    json!({
        "ServiceName": "wagrun", "ServiceId": "8fe1e103-04f8-4fd2-8b0d-f550fe98a71f", "ServiceArn": ARN,
        "CreatedAt": 1.7e9, "UpdatedAt": 1.7e9, "Status": status, "SourceConfiguration": source(image),
        "InstanceConfiguration": {}, "NetworkConfiguration": {}, "AutoScalingConfigurationSummary": {},
    })
}

fn described(status: &str, image: &str) -> (u16, String) {
    (
        200,
        json!({"Service": description(status, image)}).to_string(),
    )
}

/// Returns operations of `(id, type, status, seconds since the release began)`.
fn operations(operations: &[(&str, &str, &str, i64)]) -> (u16, String) {
    let operations: Vec<_> = operations
        .iter()
        .map(|(id, kind, status, since)| {
            json!({"Id": id, "Type": kind, "Status": status, "TargetArn": ARN, "StartedAt": STARTED + since})
        })
        .collect();
    (200, json!({"OperationSummaryList": operations}).to_string())
}

fn app_runner(replay: &Replay) -> AppRunner {
    AppRunner::new(Client::new(&replay.config()), ARN.to_owned())
}

fn accepted(id: &str) -> Signal {
    Signal::DeploymentAccepted {
        deployment_id: id.to_owned(),
    }
}

fn accepted_already(id: &str) -> Status {
    Status::Accepted {
        deployment_id: id.to_owned(),
    }
}

/// Returns the operations and bodies of the calls.
fn calls(replay: &Replay) -> Vec<(String, Value)> {
    replay
        .requests()
        .into_iter()
        .map(|request| {
            let body = serde_json::from_str(&request.body).unwrap();
            (request.operation, body)
        })
        .collect()
}

#[tokio::test]
async fn an_update_passes_on_the_whole_source_with_the_new_image() {
    let updated =
        json!({"Service": description("OPERATION_IN_PROGRESS", NEW), "OperationId": "op-1"});
    let replay = Replay::new([described("RUNNING", OLD), (200, updated.to_string())]);
    let answer = app_runner(&replay).deploy(NEW).await.unwrap();
    assert_eq!(answer, accepted("op-1"));
    assert_eq!(
        calls(&replay),
        [
            (
                "AppRunner.DescribeService".to_owned(),
                json!({"ServiceArn": ARN})
            ),
            (
                "AppRunner.UpdateService".to_owned(),
                json!({"ServiceArn": ARN, "SourceConfiguration": source(NEW)})
            ),
        ]
    );
}

#[tokio::test]
async fn a_service_that_has_the_image_is_deployed_once_more() {
    let replay = Replay::new([
        described("RUNNING", NEW),
        (200, json!({"OperationId": "op-2"}).to_string()),
    ]);
    let answer = app_runner(&replay).deploy(NEW).await.unwrap();
    assert_eq!(answer, accepted("op-2"));
    let started = (
        "AppRunner.StartDeployment".to_owned(),
        json!({"ServiceArn": ARN}),
    );
    assert_eq!(calls(&replay)[1], started);
}

#[tokio::test]
async fn a_service_that_is_paused_or_busy_defers_the_command() {
    let refused = |code: &str| {
        (
            400,
            json!({"__type": code, "Message": "paused"}).to_string(),
        )
    };
    for (image, code) in [
        (OLD, "InvalidStateException"),
        (NEW, "InvalidRequestException"),
    ] {
        let replay = Replay::new([described("RUNNING", image), refused(code)]);
        let answer = app_runner(&replay).deploy(NEW).await.unwrap();
        assert!(matches!(answer, Signal::CommandDeferred(_)), "{answer:?}");
    }
    let replay = Replay::new([
        described("RUNNING", OLD),
        refused("InvalidRequestException"),
    ]);
    let answer = app_runner(&replay).deploy(NEW).await.unwrap();
    let reason = "cannot update the service: InvalidRequestException: paused";
    assert_eq!(answer, Signal::CommandRefused(reason.to_owned()));

    let replay = Replay::new([described("RUNNING", OLD), (500, String::new())]);
    assert!(app_runner(&replay).deploy(NEW).await.is_err());
}

#[tokio::test]
async fn before_a_deployment_the_status_of_the_service_counts() {
    let broken = |status: &str| Status::Unusable(format!("the service's status is {status}"));
    let table = [
        ("RUNNING", Status::Ready),
        ("PAUSED", Status::Paused),
        ("OPERATION_IN_PROGRESS", Status::Busy),
        ("CREATE_FAILED", broken("CREATE_FAILED")),
        ("DELETED", broken("DELETED")),
    ];
    let started_at = Timestamp::from_second(STARTED).unwrap();
    for (status, service) in table {
        let replay = Replay::new([described(status, OLD)]);
        assert_eq!(
            app_runner(&replay).status(NEW, started_at).await.unwrap(),
            service
        );
    }
}

#[tokio::test]
async fn a_deployment_that_was_accepted_and_not_saved_is_found() {
    let started_at = Timestamp::from_second(STARTED).unwrap();
    let ours = || accepted_already("ours");
    let table = [
        (("ours", "UPDATE_SERVICE", "IN_PROGRESS", 60), ours()),
        (("ours", "START_DEPLOYMENT", "SUCCEEDED", 0), ours()),
        (("older", "UPDATE_SERVICE", "SUCCEEDED", -1), Status::Ready),
        (("other", "RESUME_SERVICE", "SUCCEEDED", 60), Status::Ready),
    ];
    for (operation, service) in table {
        let replay = Replay::new([described("RUNNING", NEW), operations(&[operation])]);
        assert_eq!(
            app_runner(&replay).status(NEW, started_at).await.unwrap(),
            service
        );
    }
}

#[tokio::test]
async fn an_operation_is_followed_by_its_id() {
    let failed = |status: &str| {
        DeploymentStatus::Failed(format!(
            "App Runner's operation ours is {status}; its service log says why"
        ))
    };
    let table = [
        ("PENDING", DeploymentStatus::InProgress),
        ("IN_PROGRESS", DeploymentStatus::InProgress),
        ("SUCCEEDED", DeploymentStatus::Succeeded),
        ("FAILED", failed("FAILED")),
        ("ROLLBACK_IN_PROGRESS", failed("ROLLBACK_IN_PROGRESS")),
        ("ROLLBACK_FAILED", failed("ROLLBACK_FAILED")),
        ("ROLLBACK_SUCCEEDED", failed("ROLLBACK_SUCCEEDED")),
    ];
    for (status, expected) in table {
        let list = operations(&[
            ("newer", "PAUSE_SERVICE", "IN_PROGRESS", 90),
            ("ours", "UPDATE_SERVICE", status, 60),
        ]);
        let replay = Replay::new([list]);
        assert_eq!(
            app_runner(&replay).deployment_status("ours").await.unwrap(),
            expected
        );
    }
    let replay = Replay::new([operations(&[])]);
    assert_eq!(
        app_runner(&replay).deployment_status("ours").await.unwrap(),
        DeploymentStatus::InProgress
    );
}
