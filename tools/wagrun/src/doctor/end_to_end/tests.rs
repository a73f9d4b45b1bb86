//! The way of a marked change against replayed answers of AWS.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use testing::replay::{Request, answering};

use super::*;

const SENT: &str = "1795297607227";
const SEQUENCE: &str = "1795297606526651";

/// The run that brings the event of the marked change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BroughtBy {
    Doorbell,
    RunByHand,
    Nothing,
}

fn message(subscriber: &str, sent: &str, sequence: &str) -> Value {
    let event = json!({
        "specversion": "1.0", "id": Uuid::nil(), "source": "/wagrun/test", "type": "wagrun.marked",
        "subject": format!("subscriber/{subscriber}"), "time": "2026-11-21T21:46:46.426651Z",
        "datacontenttype": "application/json", "partitionkey": format!("subscriber/{subscriber}"), "sequence": sequence,
        "subscriber": subscriber, "data": {},
    });
    json!({"Body": event.to_string(), "ReceiptHandle": "r", "Attributes": {"SentTimestamp": sent}})
}

/// Returns a stack whose database rings this function.
fn stack(rings: &'static str, brought_by: BroughtBy) -> (Stack, Arc<Mutex<Vec<String>>>) {
    let calls: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, marked, is_there) = (
        Arc::clone(&calls),
        Mutex::new(String::new()),
        AtomicBool::new(false),
    );
    let aws = answering(move |request: &Request| {
        if request.operation == "AmazonSQS.ReceiveMessage" {
            let messages = match is_there.swap(false, Ordering::SeqCst) {
                // Another doctor's comes first.
                true => json!([
                    message("another", SEQUENCE, SENT),
                    message(&marked.lock().unwrap(), SENT, SEQUENCE)
                ]),
                false => json!([]),
            };
            return (200, json!({"Messages": messages}).to_string());
        }
        let payload: Value = serde_json::from_str(&request.body).unwrap_or_default();
        if let Some(name) = payload["mark"].as_str() {
            kept.lock().unwrap().push("mark".to_owned());
            name.clone_into(&mut marked.lock().unwrap());
            is_there.store(brought_by == BroughtBy::Doorbell, Ordering::SeqCst);
            let marked =
                json!({"captured_at": "2026-11-21T21:46:46.426651Z", "doorbell_function": rings});
            return (200, json!({"marked": marked}).to_string());
        }
        if payload["xid"].is_string() {
            kept.lock().unwrap().push("run by hand".to_owned());
            is_there.store(brought_by == BroughtBy::RunByHand, Ordering::SeqCst);
            return (200, json!({"published": 1}).to_string());
        }
        // SNS has the name of the call in the body.
        let of_sns = request.body.strip_prefix("Action=");
        let name = of_sns.and_then(|body| body.split('&').next());
        let name = name.unwrap_or(&request.operation);
        kept.lock().unwrap().push(name.to_owned());
        match name {
            "AmazonSQS.CreateQueue" => (200, json!({"QueueUrl": "https://sqs/queue"}).to_string()),
            "Subscribe" => (
                200,
                "<SubscribeResponse><SubscribeResult><SubscriptionArn>arn</SubscriptionArn></SubscribeResult></SubscribeResponse>"
                    .to_owned(),
            ),
            "Unsubscribe" => (200, "<UnsubscribeResponse/>".to_owned()),
            _ => (200, "{}".to_owned()),
        }
    });
    let outputs = [
        ("ContentEventsFunctionName", "site-content-events"),
        (
            "EventTopicArn",
            "arn:aws:sns:eu-central-1:111122223333:events.fifo",
        ),
    ];
    (Stack::with_outputs("site", aws, &outputs), calls)
}

async fn examine(rings: &'static str, brought_by: BroughtBy) -> (Outcome, Vec<String>) {
    let (stack, calls) = stack(rings, brought_by);
    let timeout = Duration::from_millis(50);
    let outcome = marked_change_within(&stack, timeout, timeout)
        .await
        .unwrap();
    let calls = calls.lock().unwrap().clone();
    (outcome, calls)
}

const OWN: &str = "arn:aws:lambda:eu-central-1:111122223333:function:site-content-events";

#[tokio::test]
async fn an_event_that_a_doorbell_brings_tells_its_way() {
    let (outcome, calls) = examine(OWN, BroughtBy::Doorbell).await;
    let way = "a run claimed it 100 ms after its capture, and 700 ms later it was in the queue";
    assert_eq!(outcome, Outcome::Passed(way.to_owned()));
    // Nothing is left, and no run was started by hand.
    let expected = [
        "AmazonSQS.CreateQueue",
        "Subscribe",
        "mark",
        "AmazonSQS.DeleteMessage",
        "AmazonSQS.DeleteMessage",
        "Unsubscribe",
        "AmazonSQS.DeleteQueue",
    ];
    assert_eq!(calls, expected);
}

#[tokio::test]
async fn a_doorbell_that_does_not_ring_is_told_from_a_topic_that_does_not_deliver() {
    let (outcome, calls) = examine(OWN, BroughtBy::RunByHand).await;
    let text = "no doorbell rang for it within 0 s. A run that was started by hand brought it";
    assert_eq!(outcome, Outcome::Failed(text.to_owned()));
    assert!(calls.ends_with(&["Unsubscribe".to_owned(), "AmazonSQS.DeleteQueue".to_owned()]));

    let (outcome, calls) = examine(OWN, BroughtBy::Nothing).await;
    let text = "it did not arrive within 0 s, nor after a run that was started by hand. So the topic did not bring it";
    assert_eq!(outcome, Outcome::Failed(text.to_owned()));
    assert!(calls.ends_with(&["Unsubscribe".to_owned(), "AmazonSQS.DeleteQueue".to_owned()]));
}

#[tokio::test]
async fn a_doorbell_of_another_stack_is_named_at_once() {
    let (outcome, calls) = examine("older-content-events", BroughtBy::Nothing).await;
    let text = "the database rings older-content-events, and content-events is site-content-events: let migrate run again";
    assert_eq!(outcome, Outcome::Failed(text.to_owned()));
    assert!(!calls.contains(&"run by hand".to_owned()));
}

#[test]
fn a_message_without_times_is_an_error_that_names_the_field() {
    let error = |sent: &str, sequence: &str| {
        let message = message("doctor-1", sent, sequence);
        let message = Message::builder()
            .body(message["Body"].as_str().unwrap())
            .attributes(MessageSystemAttributeName::SentTimestamp, sent)
            .build();
        Way::of(&message).unwrap_err().to_string()
    };
    assert!(error("soon", SEQUENCE).starts_with("SentTimestamp: "));
    assert!(error(SENT, "x").starts_with("sequence: "));
}
