//! Tests of the store, with replayed answers of SSM.

mod directory;
mod earlier_versions;

use super::*;
use crate::subscriber::SubscriberStatus;
use crate::subscriber::definition::Schemes;
use serde_json::{Value, json};
use testing::replay::Replay;

const WEBHOOK: &str = r#"{"target":"webhook","url":"https://example.org/","secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#;

fn page(parameters: &[(&str, &str)], next: Option<&str>) -> (u16, String) {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| json!({"Name": name, "Value": value}))
        .collect();
    let body = json!({"Parameters": parameters, "NextToken": next});
    (200, body.to_string())
}

fn store(replay: &Replay) -> SubscriberStore {
    SubscriberStore::new(
        &replay.config(),
        "/wagrun/subscribers/",
        Duration::from_secs(30),
        Rules {
            schemes: Schemes::HttpsOnly,
            max_attempts: None,
        },
    )
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[tokio::test]
async fn all_pages_are_read_and_an_invalid_parameter_harms_only_itself() {
    let disabled = WEBHOOK.replace('}', r#","enabled":false}"#);
    let replay = Replay::new([
        page(
            &[
                ("/wagrun/subscribers/cdn", WEBHOOK),
                ("/wagrun/subscribers/broken", "{"),
            ],
            Some("more"),
        ),
        page(
            &[
                ("/wagrun/subscribers/team/search", WEBHOOK),
                ("/wagrun/subscribers/off", &disabled),
            ],
            None,
        ),
        // The broken one has no version before.
        page(&[("/wagrun/subscribers/broken", "{")], None),
    ]);
    let subscribers = store(&replay).current(at(0)).await.unwrap();

    assert!(matches!(
        subscribers.find("cdn"),
        SubscriberStatus::Enabled(_)
    ));
    assert!(matches!(
        subscribers.find("team/search"),
        SubscriberStatus::Enabled(_)
    ));
    assert_eq!(subscribers.find("off"), SubscriberStatus::Disabled);
    assert_eq!(subscribers.find("nobody"), SubscriberStatus::Gone);
    assert!(matches!(
        subscribers.find("broken"),
        SubscriberStatus::Invalid(_)
    ));
    let faults = subscribers.faults().map(|one| one.fault.to_string());
    let errors: Vec<_> = faults.collect();
    assert_eq!(
        errors,
        ["subscriber /wagrun/subscribers/broken: is not JSON (line 1, column 1)"]
    );

    let requests = replay.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].operation, "AmazonSSM.GetParametersByPath");
    assert_eq!(
        serde_json::from_str::<Value>(&requests[0].body).unwrap(),
        json!({"Path": "/wagrun/subscribers", "Recursive": true, "WithDecryption": true})
    );
    assert!(requests[1].body.contains(r#""NextToken":"more""#));
}

#[tokio::test]
async fn an_answer_is_used_until_it_is_too_old() {
    let replay = Replay::new([page(&[], None), page(&[], None)]);
    let store = store(&replay);
    for (second, requests) in [(0, 1), (29, 1), (30, 2), (59, 2)] {
        store.current(at(second)).await.unwrap();
        assert_eq!(replay.requests().len(), requests, "after {second} s");
    }
}

#[tokio::test]
async fn an_answer_from_before_the_asked_time_is_not_used() {
    let replay = Replay::new([page(&[], None), page(&[], None)]);
    let store = store(&replay);
    store.current(at(0)).await.unwrap();
    store.loaded_after(at(5), at(6)).await.unwrap();
    store.loaded_after(at(5), at(7)).await.unwrap();
    assert_eq!(replay.requests().len(), 2);
}

#[tokio::test]
async fn without_ssm_old_subscribers_are_not_used() {
    let denied = r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#;
    let replay = Replay::new([page(&[], None), (400, denied.to_owned())]);
    let store = store(&replay);
    store.current(at(0)).await.unwrap();
    let error = store.current(at(31)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the subscribers under /wagrun/subscribers"
    );
    let chain = wagrun_lambda::telemetry::chain(&error);
    assert!(chain.contains("not authorized"), "{chain}");
}
