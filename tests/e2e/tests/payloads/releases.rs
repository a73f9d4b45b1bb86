//! The end of a release, with success and with failure. The emulator has no App Runner. So the function `release` runs in the
//! test against a fake AWS, and its events are put on the stack's topic.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use release::{Config, Handler, Queue, Releaser, WebPlatform, handle};
use serde_json::{Value, json};
use testing::replay::{Request, answering};

use crate::support::runtime::WAIT_TIMEOUT;
use crate::support::stack::{CATCH_ALL, TestStack};

const SERVICE: &str = "arn:aws:apprunner:eu-central-1:111122223333:service/site/1";
const REPOSITORY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/site";
const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Ends one release with success and one with failure. Returns once the catch-all subscriber has both events.
pub async fn publish_both_outcomes(stack: &TestStack) {
    let rolled = json!({
        "sequence": 12,
        "current": release(12, &json!({"phase": "deploying", "deployment_id": "op-1", "migrations_applied": 2})),
    });
    end_release(stack, &rolled, &json!({"check": true}), "site.deployed").await;

    let migrating = json!({
        "sequence": 13,
        "current": release(13, &json!({"phase": "migrating", "attempts": 1})),
    });
    let failed = json!({
        "detail-type": "Lambda Function Invocation Result - Failure",
        "time": Timestamp::now().to_string(), "resources": [],
        "detail": {
            "requestContext": {"condition": "RetriesExhausted"},
            "requestPayload": {"command": "migrate", "deploy": DIGEST},
            "responsePayload": {
                "errorType": "MigrateFailed",
                "errorMessage": "Django's migrations failed: column \"summary\" of relation \"blog_blogpage\" already exists",
            },
        },
    });
    end_release(stack, &migrating, &failed, "site.deployment_failed").await;
}

/// Returns the state of a release that began a minute ago.
fn release(sequence: u64, rest: &Value) -> Value {
    let since = Timestamp::now() - SignedDuration::from_secs(60);
    let mut release = json!({
        "sequence": sequence, "digest": DIGEST, "tag": "prod",
        "started_at": since.to_string(), "phase_started_at": since.to_string(),
    });
    let rest = rest.as_object().unwrap().clone();
    release.as_object_mut().unwrap().extend(rest);
    release
}

/// Gives the function a message, and publishes the function's event on the stack's topic.
async fn end_release(stack: &TestStack, state: &Value, message: &Value, kind: &str) {
    let messages: Arc<Mutex<Vec<HashMap<String, String>>>> = Arc::default();
    let (state, published) = (state.to_string(), Arc::clone(&messages));
    let sdk = answering(move |request| fake_aws(request, &state, &published));
    let config = config();
    let handler = Handler {
        queue: Queue::new(aws_sdk_sqs::Client::new(&sdk), config.queue_url.clone()),
        releaser: Releaser::new(config, &sdk, Timestamp::now),
    };
    let record = json!({
        "messageId": "m", "receiptHandle": "r", "body": message.to_string(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
    });
    let batch = LambdaEvent::new(json!({"Records": [record]}), Context::default());
    let answer = handle(&handler, batch).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));

    let messages = messages.lock().unwrap().clone();
    let event = messages
        .iter()
        .find(|one| one.contains_key("MessageGroupId"));
    let event = event.unwrap_or_else(|| panic!("no event in {messages:?}"));
    let topic = stack.local.deployment.output("EventTopicArn").unwrap();
    let fields = ["Message", "MessageGroupId", "MessageDeduplicationId"]
        .map(|name| (name, event[name].as_str()));
    let parameters = [&[("TopicArn", topic)], &fields[..]].concat();
    let aws = stack.local.deployment.aws();
    aws.query("sns", "Publish", "2010-03-31", &parameters)
        .await
        .unwrap();
    let waited = stack
        .local
        .receiver
        .wait_for(CATCH_ALL, kind, WAIT_TIMEOUT, |event| event.kind == kind);
    waited.await.unwrap_or_else(|missing| panic!("{missing}"));
}

fn config() -> Config {
    Config {
        stack: "wagrun-local".to_owned(),
        repository: REPOSITORY.to_owned(),
        tag: "prod".to_owned(),
        migrate_function: "migrate".to_owned(),
        platform: WebPlatform::AppRunner {
            service_arn: SERVICE.to_owned(),
        },
        state_parameter: "/wagrun-local/release".to_owned(),
        queue_url: "https://sqs.example.org/1/releases.fifo".to_owned(),
        event_topic_arn: "arn:aws:sns:eu-central-1:111122223333:events.fifo".to_owned(),
        alarm_topic_arn: "arn:aws:sns:eu-central-1:111122223333:alarms".to_owned(),
        source: "/wagrun/wagrun-local".to_owned(),
    }
}

/// Answers as a state parameter, as an App Runner service whose last operation succeeded, and as topics.
fn fake_aws(
    request: &Request,
    state: &str,
    published: &Mutex<Vec<HashMap<String, String>>>,
) -> (u16, String) {
    let name = match request.operation.split_once('.') {
        Some((_, operation)) => operation,
        None => "Publish",
    };
    let answer = match name {
        "GetParameter" => json!({"Parameter": {"Value": state}}),
        "PutParameter" => json!({"Version": 1}),
        "DescribeService" => json!({"Service": {
            "ServiceName": "site", "ServiceId": "1", "ServiceArn": SERVICE, "CreatedAt": 1, "UpdatedAt": 1,
            "Status": "RUNNING",
            "SourceConfiguration": {"ImageRepository": {
                "ImageIdentifier": format!("{REPOSITORY}@{DIGEST}"), "ImageRepositoryType": "ECR",
            }},
            "InstanceConfiguration": {}, "NetworkConfiguration": {}, "AutoScalingConfigurationSummary": {},
        }}),
        "ListOperations" => json!({"OperationSummaryList": [{
            "Id": "op-1", "Type": "UPDATE_SERVICE", "Status": "SUCCEEDED", "StartedAt": Timestamp::now().as_second(),
        }]}),
        "Publish" => {
            let form = url::form_urlencoded::parse(request.body.as_bytes()).into_owned();
            published.lock().unwrap().push(form.collect());
            let result = "<PublishResult><MessageId>m</MessageId></PublishResult>";
            return (200, format!("<PublishResponse>{result}</PublishResponse>"));
        }
        other => panic!("the fake AWS does not know {other}"),
    };
    (200, answer.to_string())
}
