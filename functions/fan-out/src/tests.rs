//! Tests of the function as Lambda calls it, with prepared answers of SSM and SQS.

mod backfills;
mod directory;
mod invalidations;
mod together;
mod unusable;

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use serde_json::{Value, json};
use testing::replay::Replay;
use wagrun_delivery::subscriber::{Rules, SubscriberStore};

use crate::{FanOut, FanOutError, handle};

const ID: &str = "0f2c8f6e-7d1b-4c8e-9a53-000000000001";

fn event(subject: &str) -> String {
    json!({
        "specversion": "1.0", "id": ID, "source": "/wagrun/test", "type": "wagtail.page.published",
        "subject": subject, "time": "2026-11-21T21:46:46.426651Z", "datacontenttype": "application/json",
        "partitionkey": subject, "sequence": "0000000000001106",
        "data": {"content_type": "blog.blogpage", "url": "https://example.org/blog/a/"},
    })
    .to_string()
}

fn subscriber(rest: Value) -> String {
    let mut subscriber = json!({
        "target": "webhook", "url": "http://127.0.0.1/", "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    });
    let fields = rest.as_object().unwrap().clone();
    subscriber.as_object_mut().unwrap().extend(fields);
    subscriber.to_string()
}

fn parameters(subscribers: &[(&str, String)]) -> (u16, String) {
    let parameters: Vec<_> = subscribers
        .iter()
        .map(|(name, value)| json!({"Name": format!("/wagrun/subscribers/{name}"), "Value": value}))
        .collect();
    (200, json!({"Parameters": parameters}).to_string())
}

fn sent(entries: &[usize]) -> (u16, String) {
    let entries: Vec<_> = entries
        .iter()
        .map(|id| json!({"Id": id.to_string(), "MessageId": "m", "MD5OfMessageBody": "0"}))
        .collect();
    (
        200,
        json!({"Successful": entries, "Failed": []}).to_string(),
    )
}

const INVALIDATIONS: &str = "https://sqs.example.org/1/invalidations";

impl FanOut {
    /// Fans out one event by itself.
    async fn fan_out(&self, body: &str, now: Timestamp) -> Result<(), FanOutError> {
        match self.prepare(body, now).await? {
            Some(prepared) => self.send(vec![prepared]).await.into_iter().collect(),
            None => Ok(()),
        }
    }
}

async fn run(
    ssm: (u16, String),
    sqs: Vec<(u16, String)>,
    records: &[(&str, String)],
) -> (Vec<String>, Vec<Value>) {
    run_with(Some(INVALIDATIONS), ssm, sqs, records).await
}

/// Runs the function on records of `(message id, body)`. Returns the reported ids and the calls to SQS.
async fn run_with(
    invalidations: Option<&str>,
    ssm: (u16, String),
    sqs: Vec<(u16, String)>,
    records: &[(&str, String)],
) -> (Vec<String>, Vec<Value>) {
    let sqs = Replay::new(sqs);
    let subscribers = SubscriberStore::new(
        &Replay::new([ssm]).config(),
        "/wagrun/subscribers",
        Duration::from_secs(30),
        Rules::LENIENT,
    );
    let fan_out = FanOut::new(
        subscribers,
        &aws_sdk_sqs::Client::new(&sqs.config()),
        "https://sqs.example.org/1/deliveries.fifo".into(),
        invalidations.map(str::to_owned),
    );
    let records: Vec<_> = records
        .iter()
        .map(|(id, body)| {
            // As on the topic: the group is the object.
            let group = serde_json::from_str::<Value>(body)
                .ok()
                .and_then(|event| Some(event.get("subject")?.as_str()?.to_owned()));
            json!({"messageId": id, "body": body, "attributes": {"MessageGroupId": group.unwrap_or("none".into())}})
        })
        .collect();
    let batch: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    let reported = handle(&fan_out, &batch)
        .await
        .batch_item_failures
        .into_iter()
        .map(|failure| failure.item_identifier)
        .collect();
    let calls = sqs
        .requests()
        .iter()
        .map(|request| {
            assert_eq!(request.operation, "AmazonSQS.SendMessageBatch");
            serde_json::from_str(&request.body).unwrap()
        })
        .collect();
    (reported, calls)
}

#[tokio::test]
async fn each_matching_subscriber_gets_a_delivery_in_its_lane() {
    let ssm = parameters(&[
        ("all", subscriber(json!({}))),
        ("images", subscriber(json!({"types": ["wagtail.image.*"]}))),
        ("news", subscriber(json!({"under": "/news/"}))),
        ("off", subscriber(json!({"enabled": false}))),
        ("team/blog", subscriber(json!({"under": "/blog/"}))),
    ]);
    let event = event("page/4");
    let (reported, calls) = run(ssm, vec![sent(&[0, 1])], &[("1", event.clone())]).await;
    assert!(reported.is_empty());
    let entry = |id: &str, name: &str| {
        json!({
            "Id": id,
            "MessageGroupId": format!("{name}|page/4"),
            "MessageDeduplicationId": format!("{ID}:{name}"),
            "MessageBody": format!(r#"{{"subscriber":"{name}","event":{event}}}"#),
        })
    };
    assert_eq!(
        calls,
        [json!({
            "QueueUrl": "https://sqs.example.org/1/deliveries.fifo",
            "Entries": [entry("0", "all"), entry("1", "team/blog")],
        })]
    );
}

#[tokio::test]
async fn an_event_that_concerns_nobody_sends_nothing() {
    let ssm = parameters(&[("news", subscriber(json!({"under": "/news/"})))]);
    let (reported, calls) = run(ssm, vec![], &[("1", event("page/4"))]).await;
    assert!(reported.is_empty());
    assert!(calls.is_empty());
}

#[tokio::test]
async fn more_than_ten_subscribers_take_several_calls() {
    let names: Vec<_> = (0..12).map(|n| format!("s{n:02}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), subscriber(json!({}))))
        .collect();
    let sqs = vec![sent(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), sent(&[0, 1])];
    let (reported, calls) = run(parameters(&all), sqs, &[("1", event("page/4"))]).await;
    assert!(reported.is_empty());
    let lengths: Vec<_> = calls
        .iter()
        .map(|call| call["Entries"].as_array().unwrap().len())
        .collect();
    assert_eq!(lengths, [10, 2]);
}

#[tokio::test]
async fn a_refused_delivery_fails_its_event_and_holds_back_its_object_only() {
    let ssm = parameters(&[("a", subscriber(json!({}))), ("b", subscriber(json!({})))]);
    let refused = json!({
        "Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "0"}],
        "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": false, "Message": "try later"}],
    });
    let records = [
        ("1", event("page/4")),
        ("2", event("page/4")),
        ("3", event("page/5")),
    ];
    let (reported, calls) = run(
        ssm,
        vec![(200, refused.to_string()), sent(&[0, 1])],
        &records,
    )
    .await;
    assert_eq!(reported, ["1", "2"]);
    assert_eq!(calls.len(), 2);
}

#[tokio::test]
async fn a_delivery_that_the_answer_does_not_name_counts_as_refused() {
    let ssm = parameters(&[("a", subscriber(json!({}))), ("b", subscriber(json!({})))]);
    let (reported, _) = run(ssm, vec![sent(&[0])], &[("1", event("page/4"))]).await;
    assert_eq!(reported, ["1"]);
}

#[tokio::test]
async fn a_refused_delivery_does_not_keep_back_the_next_call() {
    let names: Vec<_> = (0..12).map(|n| format!("s{n:02}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), subscriber(json!({}))))
        .collect();
    let sqs = vec![sent(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), sent(&[0, 1])];
    let (reported, calls) = run(parameters(&all), sqs, &[("1", event("page/4"))]).await;
    assert_eq!(reported, ["1"]);
    assert_eq!(calls.len(), 2);
}

#[tokio::test]
async fn a_failed_call_fails_the_event() {
    let ssm = parameters(&[("a", subscriber(json!({})))]);
    let error = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}"#;
    let (reported, _) = run(ssm, vec![(400, error.into())], &[("1", event("page/4"))]).await;
    assert_eq!(reported, ["1"]);
}

#[tokio::test]
async fn what_is_no_event_fails_alone() {
    let ssm = parameters(&[("a", subscriber(json!({})))]);
    let records = [("1", "{}".into()), ("2", event("page/5"))];
    let (reported, calls) = run(ssm, vec![sent(&[0])], &records).await;
    assert_eq!(reported, ["1"]);
    assert_eq!(calls.len(), 1);
}

#[tokio::test]
async fn the_error_says_what_the_event_lacks() {
    let subscribers = SubscriberStore::new(
        &Replay::new([(200, "{}")]).config(),
        "/wagrun/subscribers",
        Duration::from_secs(30),
        Rules::LENIENT,
    );
    let sqs = aws_sdk_sqs::Client::new(&Replay::new([(200, "{}")]).config());
    let fan_out = FanOut::new(subscribers, &sqs, String::new(), None);
    let error = fan_out
        .fan_out(r#"{"specversion":"1.0"}"#, Timestamp::UNIX_EPOCH)
        .await
        .unwrap_err();
    assert_eq!(
        wagrun_lambda::telemetry::chain(&error),
        "the message is not an event: missing field `id` at line 1 column 21"
    );
}

#[tokio::test]
async fn without_subscribers_known_the_event_waits() {
    let denied = r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#;
    let (reported, calls) = run((400, denied.into()), vec![], &[("1", event("page/4"))]).await;
    assert_eq!(reported, ["1"]);
    assert!(calls.is_empty());
}
