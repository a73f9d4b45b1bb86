use serde_json::{Value, json};
use testing::replay::Replay;

use super::*;

const ARN: &str =
    "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/8fe1e10304f84fd2b0df550fe98a71fa";
const OLD: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site@sha256:01d";
const NEW: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site@sha256:4e3";
/// When the release began, in seconds.
const STARTED: i64 = 1_795_000_000;

/// Everything that a source can hold, with this image.
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

/// Operations of `(id, type, status, seconds since the release began)`.
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

/// Operations and bodies of the calls.
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
    let answer = app_runner(&replay).roll(NEW).await.unwrap();
    assert_eq!(answer, Event::Rolled("op-1".to_owned()));
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
    let answer = app_runner(&replay).roll(NEW).await.unwrap();
    assert_eq!(answer, Event::Rolled("op-2".to_owned()));
    let started = (
        "AppRunner.StartDeployment".to_owned(),
        json!({"ServiceArn": ARN}),
    );
    assert_eq!(calls(&replay)[1], started);
}

#[tokio::test]
async fn a_service_that_can_not_be_deployed_now_is_no_failure() {
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
        let answer = app_runner(&replay).roll(NEW).await.unwrap();
        assert!(matches!(answer, Event::NotNow(_)), "{answer:?}");
    }
    let replay = Replay::new([
        described("RUNNING", OLD),
        refused("InvalidRequestException"),
    ]);
    let answer = app_runner(&replay).roll(NEW).await.unwrap();
    let reason = "can't update the service: InvalidRequestException: paused";
    assert_eq!(answer, Event::Refused(reason.to_owned()));

    let replay = Replay::new([described("RUNNING", OLD), (500, String::new())]);
    assert!(app_runner(&replay).roll(NEW).await.is_err());
}

#[tokio::test]
async fn before_the_order_the_service_is_seen_as_it_is() {
    let broken = |status: &str| Service::Broken(format!("the service's status is {status}"));
    let table = [
        ("RUNNING", Service::Ready),
        ("PAUSED", Service::Paused),
        ("OPERATION_IN_PROGRESS", Service::Busy),
        ("CREATE_FAILED", broken("CREATE_FAILED")),
        ("DELETED", broken("DELETED")),
    ];
    let started = Timestamp::from_second(STARTED).unwrap();
    for (status, service) in table {
        let replay = Replay::new([described(status, OLD)]);
        assert_eq!(
            app_runner(&replay).look(NEW, started).await.unwrap(),
            service
        );
    }
}

#[tokio::test]
async fn an_order_that_was_given_and_not_remembered_is_found() {
    let started = Timestamp::from_second(STARTED).unwrap();
    let ours = || Service::Ordered("ours".to_owned());
    let table = [
        (("ours", "UPDATE_SERVICE", "IN_PROGRESS", 60), ours()),
        (("ours", "START_DEPLOYMENT", "SUCCEEDED", 0), ours()),
        (("older", "UPDATE_SERVICE", "SUCCEEDED", -1), Service::Ready),
        (("other", "RESUME_SERVICE", "SUCCEEDED", 60), Service::Ready),
    ];
    for (operation, service) in table {
        let replay = Replay::new([described("RUNNING", NEW), operations(&[operation])]);
        assert_eq!(
            app_runner(&replay).look(NEW, started).await.unwrap(),
            service
        );
    }
}

#[tokio::test]
async fn an_operation_is_followed_by_its_id() {
    let failed = |status: &str| {
        Progress::Failed(format!(
            "App Runner's operation ours is {status}; its service log says why"
        ))
    };
    let table = [
        ("PENDING", Progress::UnderWay),
        ("IN_PROGRESS", Progress::UnderWay),
        ("SUCCEEDED", Progress::Succeeded),
        ("FAILED", failed("FAILED")),
        ("ROLLBACK_IN_PROGRESS", failed("ROLLBACK_IN_PROGRESS")),
        ("ROLLBACK_FAILED", failed("ROLLBACK_FAILED")),
        ("ROLLBACK_SUCCEEDED", failed("ROLLBACK_SUCCEEDED")),
    ];
    for (status, progress) in table {
        let list = operations(&[
            ("newer", "PAUSE_SERVICE", "IN_PROGRESS", 90),
            ("ours", "UPDATE_SERVICE", status, 60),
        ]);
        let replay = Replay::new([list]);
        assert_eq!(
            app_runner(&replay).progress("ours").await.unwrap(),
            progress
        );
    }
    let replay = Replay::new([operations(&[])]);
    assert_eq!(
        app_runner(&replay).progress("ours").await.unwrap(),
        Progress::UnderWay
    );
}
