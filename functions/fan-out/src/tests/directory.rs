//! Subscribers that a directory has, or should have.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use testing::bucket_in_memory::BucketInMemory;
use testing::replay::{Answer, Request, answering};
use wagrun_delivery::directory::{Directory, Entry, KEY};

use super::backfills::asked_for;
use super::*;

/// The names of the calls, in their order.
type Calls = Arc<Mutex<Vec<String>>>;

/// Returns a fan-out whose directory was listed at `as_of` and has these subscribers. SSM has others.
fn with_directory(as_of: Timestamp, listed: &[&str], in_ssm: &[&str]) -> (FanOut, Calls) {
    let mut directory = Directory::new("/wagrun/subscribers", Rules::LENIENT, as_of);
    for name in listed {
        let entry = Entry {
            version: 1,
            changed_at: Some(1),
            value: Some(subscriber(json!({}))),
            is_usable: true,
            in_force: None,
            is_incomplete: false,
        };
        directory.subscribers.insert((*name).to_owned(), entry);
    }
    let content = String::from_utf8(directory.encode().unwrap()).unwrap();
    let mut bucket = BucketInMemory::default();
    bucket.answer("PUT", &format!("/{KEY}"), &content);
    let bucket = Mutex::new(bucket);
    let in_ssm: Vec<_> = in_ssm.iter().map(|name| (*name).to_owned()).collect();
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let aws = answering(move |request| {
        let (call, answer) = answer(&mut bucket.lock().unwrap(), &in_ssm, request);
        seen.lock().unwrap().push(call);
        answer
    });
    let max_age = Duration::from_secs(30);
    let store = SubscriberStore::new(&aws, "/wagrun/subscribers", max_age, Rules::LENIENT)
        .with_directory_of(&aws, Some("backlogs".into()));
    let sqs = aws_sdk_sqs::Client::new(&aws);
    (
        FanOut::new(store, &sqs, "https://sqs.example.org/".into(), None),
        calls,
    )
}

fn answer(bucket: &mut BucketInMemory, in_ssm: &[String], request: &Request) -> (String, Answer) {
    let call: Value = serde_json::from_str(&request.body).unwrap_or_default();
    match request.operation.as_str() {
        "" => {
            let (method, path) = request.line.split_once(' ').unwrap();
            let path = path.split('?').next().unwrap();
            let answer = bucket.answer_if(method, path, &request.conditions, "");
            ("GetObject".into(), answer.into())
        }
        "AmazonSSM.GetParameter" => {
            let name = call["Name"].as_str().unwrap();
            let is_there = in_ssm.iter().any(|one| name.ends_with(&format!("/{one}")));
            let parameter = json!({"Name": name, "Value": subscriber(json!({})), "Version": 1});
            let answer = match is_there {
                true => (200, json!({"Parameter": parameter}).to_string()),
                false => (400, r#"{"__type":"ParameterNotFound"}"#.to_owned()),
            };
            ("GetParameter".into(), answer.into())
        }
        "AmazonSSM.GetParametersByPath" => {
            let all: Vec<_> = in_ssm
                .iter()
                .map(|name| (name.as_str(), subscriber(json!({}))))
                .collect();
            ("GetParametersByPath".into(), parameters(&all).into())
        }
        "AmazonSQS.SendMessageBatch" => {
            let count = call["Entries"].as_array().unwrap().len();
            let ids: Vec<_> = (0..count).collect();
            (format!("SendMessageBatch of {count}"), sent(&ids).into())
        }
        other => panic!("{other}"),
    }
}

fn requested_at() -> Timestamp {
    Timestamp::from_millisecond(0x019a_e000_0000).unwrap()
}

fn after(seconds: i64) -> Timestamp {
    requested_at() + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn an_event_costs_no_read_of_ssm() {
    let (fan_out, calls) = with_directory(after(0), &["a", "b"], &[]);
    for second in [1, 2] {
        fan_out
            .fan_out(&event("page/4"), after(second))
            .await
            .unwrap();
    }
    let expected = [
        "GetObject",
        "SendMessageBatch of 2",
        "SendMessageBatch of 2",
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_subscriber_that_the_directory_does_not_have_yet_gets_the_snapshot_that_was_asked_for() {
    let (fan_out, calls) = with_directory(after(-60), &["a"], &["a", "new"]);
    let snapshot = asked_for(json!({"type": "wagtail.page.snapshot", "subscriber": "new"}));
    for second in [1, 2] {
        fan_out.fan_out(&snapshot, after(second)).await.unwrap();
    }
    // One read of its parameter is good for the whole run.
    let expected = [
        "GetObject",
        "GetParameter",
        "SendMessageBatch of 1",
        "SendMessageBatch of 1",
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_replay_for_all_reaches_a_subscriber_that_the_directory_does_not_have_yet() {
    let (fan_out, calls) = with_directory(after(-60), &["a"], &["a", "new"]);
    let replay = asked_for(json!({"replayed": true}));
    for second in [1, 2] {
        fan_out.fan_out(&replay, after(second)).await.unwrap();
    }
    let expected = [
        "GetObject",
        "GetParametersByPath",
        "SendMessageBatch of 2",
        "SendMessageBatch of 2",
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_request_from_before_the_listing_needs_the_directory_only() {
    let (fan_out, calls) = with_directory(after(1), &["new"], &[]);
    let snapshot = asked_for(json!({"type": "wagtail.page.snapshot", "subscriber": "new"}));
    fan_out.fan_out(&snapshot, after(2)).await.unwrap();
    assert_eq!(
        *calls.lock().unwrap(),
        ["GetObject", "SendMessageBatch of 1"]
    );
}

#[tokio::test]
async fn with_a_writer_that_stands_still_all_parameters_are_read() {
    let (fan_out, calls) = with_directory(after(-901), &["a"], &["a", "new"]);
    fan_out.fan_out(&event("page/4"), after(0)).await.unwrap();
    let expected = ["GetObject", "GetParametersByPath", "SendMessageBatch of 2"];
    assert_eq!(*calls.lock().unwrap(), expected);
}
