use serde_json::json;

use super::*;
use crate::config::WebPlatform;

const DIGEST: &str = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234cafe";
const SERVICE: &str =
    "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/8fe1e10304f84fd2b0df550fe98a71fa";

fn config() -> Config {
    crate::tests::config(WebPlatform::AppRunner {
        service_arn: SERVICE.to_owned(),
    })
}

fn parse(message: &Value) -> Message {
    Message::parse(&message.to_string(), &config()).unwrap()
}

/// An event as in ECR's user guide, "Amazon ECR events and EventBridge".
fn push(change: impl FnOnce(&mut Value)) -> Value {
    let mut message = json!({
        "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": "111122223333", "time": "2026-11-24T01:54:34Z", "region": "eu-central-1",
        "resources": [],
        "detail": {
            "result": "SUCCESS", "repository-name": "team/site", "image-digest": DIGEST,
            "action-type": "PUSH", "image-tag": "prod",
        },
    });
    change(&mut message["detail"]);
    message
}

#[test]
fn a_push_of_the_repository_and_tag_is_a_signal() {
    let Message::Signal(Signal::ImagePushed(requested)) = parse(&push(|_| ())) else {
        panic!("not a push");
    };
    assert_eq!(requested.image.digest, DIGEST);
    assert_eq!(requested.image.tag.as_deref(), Some("prod"));
    assert_eq!(requested.requested_at.to_string(), "2026-11-24T01:54:34Z");
}

#[test]
fn any_other_image_action_is_unrelated() {
    let table: [(&str, Value, &str); 5] = [
        (
            "action-type",
            json!("DELETE"),
            "the event is not a successful push",
        ),
        (
            "result",
            json!("FAILURE"),
            "the event is not a successful push",
        ),
        (
            "repository-name",
            json!("site"),
            "the push was to another repository",
        ),
        ("image-tag", json!("dev"), "the image has another tag"),
        // A layer of an index, or a push by digest.
        ("image-tag", json!(null), "the image has another tag"),
    ];
    for (field, value, reason) in table {
        let message = push(|detail| detail[field] = value);
        assert_eq!(parse(&message), Message::Unrelated(reason));
    }
}

/// An event as in Lambda's developer guide, "Capturing records of Lambda asynchronous invocations".
fn invocation(result: &str, request: Value, response: Value) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": format!("Lambda Function Invocation Result - {result}"),
        "source": "lambda", "account": "111122223333", "time": "2026-11-24T01:56:00Z", "region": "eu-central-1",
        "resources": [
            "arn:aws:events:eu-central-1:111122223333:event-bus/default",
            "arn:aws:lambda:eu-central-1:111122223333:function:wagrun-Migrate:$LATEST",
        ],
        "detail": {
            "version": "1.0", "timestamp": "2026-11-24T01:56:00.123Z",
            "requestContext": {
                "requestId": "e4b46cbf-b738-4d43-8880-a18cdf61200e",
                "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:wagrun-Migrate:$LATEST",
                "condition": if result == "Success" { "Success" } else { "RetriesExhausted" },
                "approximateInvokeCount": 1,
            },
            "requestPayload": request,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": response,
        },
    })
}

#[test]
fn the_result_of_migrate_has_the_number_of_migrations_or_the_error() {
    let request = || json!({"command": "migrate", "deploy": DIGEST});
    let answer = json!({"run": 4, "applied_django": ["blog.0002_author", "blog.0003_cover"], "watched_tables": 21});
    let table = [
        ("Success", answer, Ok(2)),
        ("Success", json!(null), Ok(0)),
        (
            "Failure",
            json!({"errorType": "MigrateFailed", "errorMessage": "Django's migrations failed: …"}),
            Err("Django's migrations failed: …".to_owned()),
        ),
        // Lambda gave the event up, so there is no response.
        ("Failure", json!(null), Err("RetriesExhausted".to_owned())),
    ];
    for (kind, response, result) in table {
        let digest = DIGEST.to_owned();
        assert_eq!(
            parse(&invocation(kind, request(), response)),
            Message::Signal(Signal::MigrateEnded { digest, result })
        );
    }
}

#[test]
fn an_invocation_of_migrate_without_a_release_is_unrelated() {
    let table = [
        json!({"command": "migrate"}),
        json!({"command": "plan", "deploy": DIGEST}),
        json!({"RequestType": "Create", "ResponseURL": "https://example.org/"}),
    ];
    for request in table {
        let message = invocation("Success", request, json!({}));
        assert_eq!(
            parse(&message),
            Message::Unrelated("migrate was not invoked for a release")
        );
    }
}

#[test]
fn an_event_of_the_platform_is_a_signal() {
    let table = [
        (
            "AppRunner Service Operation Status Change",
            "operationStatus",
            "UpdateServiceFailed",
        ),
        (
            "ECS Deployment State Change",
            "eventName",
            "SERVICE_DEPLOYMENT_COMPLETED",
        ),
    ];
    for (kind, field, event) in table {
        let message = |resource: &str| {
            json!({
                "detail-type": kind, "source": "aws", "time": "2026-11-24T02:00:00Z",
                "resources": [resource], "detail": {field: event},
            })
        };
        assert_eq!(
            parse(&message(SERVICE)),
            Message::Signal(Signal::ServiceChanged {
                event: event.to_owned(),
                occurred_at: "2026-11-24T02:00:00Z".parse().unwrap(),
            })
        );
        assert_eq!(
            parse(&message("arn:other")),
            Message::Unrelated("the event is of another service")
        );
    }
}

#[test]
fn a_queued_request_is_read() {
    let by_tag = ImageReference {
        tag: Some("v1".to_owned()),
        digest: None,
    };
    assert_eq!(
        parse(&json!({"deploy": {"tag": "v1"}})),
        Message::Deploy(by_tag)
    );
    assert_eq!(
        parse(&json!({"check": true})),
        Message::Signal(Signal::Check)
    );
}

#[test]
fn the_error_names_what_is_wrong_with_a_message() {
    let table = [
        (
            "",
            "cannot read the message: EOF while parsing a value at line 1 column 0",
        ),
        (
            r#"{"deploy":{"tags":"v1"}}"#,
            "cannot read the message: unknown field `tags`, expected `tag` or `digest`",
        ),
        (
            r#"{"deploy":{"tag":"v1"},"now":true}"#,
            "cannot read the message: unknown field `now`, expected `deploy`",
        ),
        (
            r#"["ECR Image Scan","2026-11-24T02:00:00Z",[],{}]"#,
            "cannot read the message: invalid type: sequence, expected a map at line 1 column 0",
        ),
        ("{}", "cannot read the message: missing field `detail-type`"),
        (
            r#"{"detail-type":"ECR Image Scan","time":"2026-11-24T02:00:00Z","detail":{}}"#,
            r#"detail-type: unknown "ECR Image Scan""#,
        ),
        (
            r#"{"detail-type":"ECR Image Action","time":"2026-11-24T02:00:00Z","detail":{}}"#,
            "cannot read the message: missing field `action-type`",
        ),
    ];
    for (body, expected) in table {
        let error = Message::parse(body, &config()).unwrap_err();
        assert_eq!(wagrun_lambda::telemetry::chain(&error), expected);
    }
}
