use serde_json::{Value, json};
use testing::replay::Replay;

use super::*;

const ARN: &str = "arn:aws:ecs:eu-central-1:111122223333:service/wagrun/web";
const OLD: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site@sha256:01d";
const NEW: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site@sha256:4e3";
/// The start of the release, in seconds since 1970.
const STARTED: i64 = 1_795_000_000;

/// Returns a container with every field that ECS knows, and this image.
fn container(image: &str) -> Value {
    json!({
        "image": image,
        "containerPort": 8000,
        "awsLogsConfiguration": {"logGroup": "/wagrun/web", "logStreamPrefix": "web"},
        "command": ["gunicorn"],
        "environment": [{"name": "DATABASE_NAME", "value": "wagtail"}],
        "secrets": [{"name": "SECRET_KEY", "valueFrom": "arn:aws:ssm:eu-central-1:111122223333:parameter/key"}],
    })
}

/// Returns a service with revisions of `(arn, image, seconds since the release began)`.
fn described(status: &str, revisions: &[(&str, &str, i64)]) -> (u16, String) {
    let revisions: Vec<_> = revisions
        .iter()
        .map(|(arn, image, since)| {
            json!({"serviceRevisionArn": arn, "primaryContainer": container(image), "createdAt": STARTED + since})
        })
        .collect();
    let service = json!({
        "serviceArn": ARN, "cluster": "wagrun", "status": {"statusCode": status}, "activeConfigurations": revisions,
    });
    (200, json!({"service": service}).to_string())
}

/// Returns a page of deployments of `(target revision, status, seconds)`.
fn deployments(token: Option<&str>, deployments: &[(&str, &str, i64)]) -> (u16, String) {
    let deployments: Vec<_> = deployments
        .iter()
        .map(|(revision, status, since)| {
            json!({
                "targetServiceRevisionArn": revision, "status": status, "statusReason": "because",
                "createdAt": STARTED + since,
            })
        })
        .collect();
    let page = json!({"serviceDeployments": deployments, "nextToken": token});
    (200, page.to_string())
}

fn express(replay: &Replay) -> EcsExpress {
    EcsExpress::new(
        Client::new(&replay.config()),
        ARN.to_owned(),
        "wagrun".to_owned(),
    )
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

fn calls(replay: &Replay) -> Vec<(String, Value)> {
    replay
        .requests()
        .into_iter()
        .map(|request| {
            let (_, operation) = request.operation.split_once('.').unwrap();
            (
                operation.to_owned(),
                serde_json::from_str(&request.body).unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn an_update_passes_on_the_newest_container_with_the_new_image() {
    let target = json!({"service": {"targetConfiguration": {"serviceRevisionArn": "revision-3"}}});
    let older = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site@sha256:01de4";
    let replay = Replay::new([
        described(
            "ACTIVE",
            &[("revision-2", OLD, -1), ("revision-1", older, -2)],
        ),
        (200, target.to_string()),
    ]);
    let answer = express(&replay).deploy(NEW).await.unwrap();
    assert_eq!(answer, accepted("revision-3"));
    let update = json!({"serviceArn": ARN, "primaryContainer": container(NEW)});
    assert_eq!(
        calls(&replay),
        [
            (
                "DescribeExpressGatewayService".to_owned(),
                json!({"serviceArn": ARN})
            ),
            ("UpdateExpressGatewayService".to_owned(), update),
        ]
    );
}

#[tokio::test]
async fn a_refused_update_has_the_reason_of_ecs() {
    let refused = json!({"__type": "AccessDeniedException", "message": "iam:PassRole"});
    let replay = Replay::new([
        described("ACTIVE", &[("revision-1", OLD, -1)]),
        (400, refused.to_string()),
    ]);
    let reason = "cannot update the service: AccessDeniedException: iam:PassRole";
    let answer = express(&replay).deploy(NEW).await.unwrap();
    assert_eq!(answer, Signal::CommandRefused(reason.to_owned()));
}

#[tokio::test]
async fn before_a_deployment_the_status_of_the_service_counts() {
    let started_at = Timestamp::from_second(STARTED).unwrap();
    let draining = Status::Unusable("the service's status is DRAINING".to_owned());
    let ours = accepted_already("revision-2");
    let table = [
        ("ACTIVE", vec![("revision-1", OLD, -9)], Status::Ready),
        ("DRAINING", vec![("revision-1", OLD, -9)], draining),
        // The same image from before the release: it is deployed once more.
        ("ACTIVE", vec![("revision-1", NEW, -9)], Status::Ready),
        // Accepted in an invocation that could not save it.
        (
            "ACTIVE",
            vec![("revision-1", OLD, -9), ("revision-2", NEW, 9)],
            ours,
        ),
    ];
    for (status, revisions, service) in table {
        let replay = Replay::new([described(status, &revisions)]);
        assert_eq!(
            express(&replay).status(NEW, started_at).await.unwrap(),
            service
        );
    }
}

#[tokio::test]
async fn the_newest_deployment_of_the_revision_counts() {
    let failed =
        |status: &str| DeploymentStatus::Failed(format!("the deployment is {status}: because"));
    let table = [
        ("PENDING", DeploymentStatus::InProgress),
        ("IN_PROGRESS", DeploymentStatus::InProgress),
        ("SUCCESSFUL", DeploymentStatus::Succeeded),
        ("STOPPED", failed("STOPPED")),
        ("STOP_REQUESTED", failed("STOP_REQUESTED")),
        ("ROLLBACK_REQUESTED", failed("ROLLBACK_REQUESTED")),
        ("ROLLBACK_IN_PROGRESS", failed("ROLLBACK_IN_PROGRESS")),
        ("ROLLBACK_SUCCESSFUL", failed("ROLLBACK_SUCCESSFUL")),
        ("ROLLBACK_FAILED", failed("ROLLBACK_FAILED")),
    ];
    for (status, expected) in table {
        let replay = Replay::new([
            deployments(
                Some("more"),
                &[("ours", "SUCCESSFUL", -9), ("other", "STOPPED", 99)],
            ),
            deployments(None, &[("ours", status, 9), ("other", "SUCCESSFUL", 98)]),
        ]);
        assert_eq!(
            express(&replay).deployment_status("ours").await.unwrap(),
            expected
        );
        let list = |token: Value| {
            let mut list = json!({"cluster": "wagrun", "service": ARN});
            if !token.is_null() {
                list["nextToken"] = token;
            }
            ("ListServiceDeployments".to_owned(), list)
        };
        assert_eq!(calls(&replay), [list(json!(null)), list(json!("more"))]);
    }
    let replay = Replay::new([deployments(None, &[])]);
    assert_eq!(
        express(&replay).deployment_status("ours").await.unwrap(),
        DeploymentStatus::InProgress
    );
}
