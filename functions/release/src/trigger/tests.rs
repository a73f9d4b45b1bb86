use super::*;
use crate::config::WebPlatform;
use serde_json::json;

const DIGEST: &str = "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234cafe";
const SERVICE: &str =
    "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/8fe1e10304f84fd2b0df550fe98a71fa";

fn config() -> Config {
    crate::tests::config(WebPlatform::AppRunner {
        service_arn: SERVICE.to_owned(),
    })
}

fn parse(message: &Value) -> Trigger {
    Trigger::parse(&message.to_string(), &config()).unwrap()
}

/// As in ECR's user guide, "Amazon ECR events and EventBridge".
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
fn a_push_of_the_repository_and_tag_is_a_wish() {
    let Trigger::Event(Event::Pushed(wish)) = parse(&push(|_| ())) else {
        panic!("no push");
    };
    assert_eq!(wish.image.digest, DIGEST);
    assert_eq!(wish.image.tag.as_deref(), Some("prod"));
    assert_eq!(wish.at.to_string(), "2026-11-24T01:54:34Z");
}

#[test]
fn any_other_image_action_is_none() {
    let table: [(&str, Value, &str); 5] = [
        ("action-type", json!("DELETE"), "it is no successful push"),
        ("result", json!("FAILURE"), "it is no successful push"),
        (
            "repository-name",
            json!("site"),
            "it is another repository's",
        ),
        ("image-tag", json!("dev"), "it has another tag"),
        // A layer of an index, or a push by digest.
        ("image-tag", json!(null), "it has another tag"),
    ];
    for (field, value, reason) in table {
        let message = push(|detail| detail[field] = value);
        assert_eq!(parse(&message), Trigger::Foreign(reason));
    }
}

/// As in Lambda's developer guide, "Capturing records of Lambda asynchronous invocations".
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
fn migrates_answer_says_how_much_was_applied_or_what_went_wrong() {
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
        // Lambda gave the event up before anybody could answer.
        ("Failure", json!(null), Err("RetriesExhausted".to_owned())),
    ];
    for (kind, response, result) in table {
        let digest = DIGEST.to_owned();
        assert_eq!(
            parse(&invocation(kind, request(), response)),
            Trigger::Event(Event::Migrated { digest, result })
        );
    }
}

#[test]
fn what_migrate_did_for_others_is_none() {
    let table = [
        json!({"command": "migrate"}),
        json!({"command": "plan", "deploy": DIGEST}),
        json!({"RequestType": "Create", "ResponseURL": "https://example.org/"}),
    ];
    for request in table {
        let message = invocation("Success", request, json!({}));
        assert_eq!(
            parse(&message),
            Trigger::Foreign("migrate was invoked for something else")
        );
    }
}

#[test]
fn what_the_platforms_say_is_a_reason_to_look() {
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
    for (kind, field, what) in table {
        let message = |resource: &str| {
            json!({
                "detail-type": kind, "source": "aws", "time": "2026-11-24T02:00:00Z",
                "resources": [resource], "detail": {field: what},
            })
        };
        assert_eq!(
            parse(&message(SERVICE)),
            Trigger::Event(Event::ServiceChanged {
                what: what.to_owned(),
                at: "2026-11-24T02:00:00Z".parse().unwrap(),
            })
        );
        assert_eq!(
            parse(&message("arn:other")),
            Trigger::Foreign("it is another service's")
        );
    }
}

#[test]
fn our_own_messages_are_short() {
    let by_tag = Reference {
        tag: Some("v1".to_owned()),
        digest: None,
    };
    assert_eq!(
        parse(&json!({"deploy": {"tag": "v1"}})),
        Trigger::Deploy(by_tag)
    );
    assert_eq!(parse(&json!({"look": true})), Trigger::Event(Event::Look));
}

#[test]
fn what_nobody_understands_is_named() {
    let table = [
        (
            "",
            "the message can't be read: EOF while parsing a value at line 1 column 0",
        ),
        (
            r#"{"deploy":{"tags":"v1"}}"#,
            "the message can't be read: unknown field `tags`, expected `tag` or `digest`",
        ),
        (
            r#"{"deploy":{"tag":"v1"},"now":true}"#,
            "the message can't be read: unknown field `now`, expected `deploy`",
        ),
        (
            "{}",
            "the message can't be read: missing field `detail-type`",
        ),
        (
            r#"{"detail-type":"ECR Image Scan","time":"2026-11-24T02:00:00Z","detail":{}}"#,
            r#"detail-type: unknown "ECR Image Scan""#,
        ),
        (
            r#"{"detail-type":"ECR Image Action","time":"2026-11-24T02:00:00Z","detail":{}}"#,
            "the message can't be read: missing field `action-type`",
        ),
    ];
    for (body, expected) in table {
        let error = Trigger::parse(body, &config()).unwrap_err();
        assert_eq!(wagrun_lambda::telemetry::chain(&error), expected);
    }
}
