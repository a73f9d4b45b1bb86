//! Tests of the version that stays in force while the newest one cannot be used.

use std::sync::{Arc, Mutex};

use testing::replay::{Request, answering};
use wagrun_event::Event;

use super::*;
use crate::subscriber::{Effect, Target};

const NAME: &str = "/wagrun/subscribers/cdn";

/// An SSM with one parameter, and its calls.
#[derive(Debug, Clone, Default)]
struct Ssm(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The values of all versions, the first one first.
    versions: Vec<String>,
    /// The time of the last change, in seconds.
    changed_at: i64,
    calls: Vec<String>,
    refuses_history: bool,
}

impl Ssm {
    fn new(versions: &[&str]) -> Self {
        let ssm = Self::default();
        ssm.0.lock().unwrap().versions = versions.iter().map(|&one| one.to_owned()).collect();
        ssm
    }

    fn store(&self) -> SubscriberStore {
        let ssm = self.clone();
        let aws = answering(move |request| ssm.answer(request));
        SubscriberStore::new(
            &aws,
            "/wagrun/subscribers",
            Duration::from_secs(30),
            Rules {
                schemes: Schemes::HttpsOnly,
                max_attempts: Some(8),
            },
        )
    }

    fn put(&self, value: &str) {
        self.0.lock().unwrap().versions.push(value.to_owned());
    }

    /// Deletes the parameter and creates it again with these versions.
    fn create_again(&self, versions: &[&str]) {
        let mut state = self.0.lock().unwrap();
        state.versions = versions.iter().map(|&one| one.to_owned()).collect();
        state.changed_at += 1;
    }

    /// Returns the number of reads of the history.
    fn history_calls(&self) -> usize {
        let state = self.0.lock().unwrap();
        let calls = state.calls.iter();
        calls
            .filter(|call| call.ends_with("GetParameterHistory"))
            .count()
    }

    fn answer(&self, request: &Request) -> (u16, String) {
        let mut state = self.0.lock().unwrap();
        state.calls.push(request.operation.clone());
        let described = |(index, value): (usize, &String)| {
            json!({"Name": NAME, "Value": value, "Version": index + 1,
                "LastModifiedDate": state.changed_at})
        };
        let versions: Vec<_> = state.versions.iter().enumerate().map(described).collect();
        if request.operation.ends_with("GetParametersByPath") {
            return (
                200,
                json!({"Parameters": versions.last().iter().collect::<Vec<_>>()}).to_string(),
            );
        }
        assert_eq!(request.operation, "AmazonSSM.GetParameterHistory");
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(asked["Name"], NAME);
        assert_eq!(asked["WithDecryption"], true);
        if state.refuses_history {
            let denied = r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#;
            return (400, denied.to_owned());
        }
        // Pages of fifty, the oldest version first.
        let start: usize = asked["NextToken"]
            .as_str()
            .map_or(0, |next| next.parse().unwrap());
        let end = versions.len().min(start + 50);
        let next = (end < versions.len()).then(|| end.to_string());
        let page = json!({"Parameters": &versions[start..end], "NextToken": next});
        (200, page.to_string())
    }
}

fn webhook(host: &str, more: &str) -> String {
    WEBHOOK
        .replace("example.org", host)
        .replace('}', &format!("{more}}}"))
}

fn host(subscribers: &Subscribers) -> Option<String> {
    let SubscriberStatus::Enabled(subscriber) = subscribers.find("cdn") else {
        return None;
    };
    let Target::Webhook(webhook) = &subscriber.target else {
        panic!("{subscriber:?}");
    };
    let url = webhook.requests[0].url.sample();
    url.host_str().map(str::to_owned)
}

fn event(fields: Value) -> Event {
    let mut event = json!({
        "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
        "type": "wagtail.page.published", "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
        "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
        "data": {},
    });
    let fields = fields.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(event).unwrap()
}

/// The effect of the parameter's fault, and the names for which an event is set aside.
fn effects(subscribers: &Subscribers) -> (Vec<Effect>, Vec<String>) {
    let event = event(json!({}));
    (
        subscribers.faults().map(|one| one.effect).collect(),
        subscribers
            .setting_aside(&event)
            .map(str::to_owned)
            .collect(),
    )
}

#[tokio::test]
async fn the_last_usable_version_stays_in_force() {
    let (first, second) = (webhook("one.example", ""), webhook("two.example", ""));
    let retries = webhook("three.example", r#","retry_seconds":[1,1,1,1,1,1,1,1]"#);
    let http = webhook("four.example", "").replace("https:", "http:");
    let nothing = webhook("five.example", r#","types":["wagtail.page.publish"]"#);
    let ssm = Ssm::new(&[&first, &second, "{", &retries, &http, &nothing]);
    // A copy that started after the fault comes to the same result.
    for store in [ssm.store(), ssm.store()] {
        let subscribers = store.current(at(0)).await.unwrap();
        assert_eq!(host(&subscribers).as_deref(), Some("two.example"));
        let expected = (vec![Effect::LastUsableVersion(2)], vec![]);
        assert_eq!(effects(&subscribers), expected);
        let fault = subscribers.faults().next().unwrap().fault.to_string();
        assert!(fault.contains("types[0]: "), "{fault}");
    }
}

#[tokio::test]
async fn every_version_that_ssm_keeps_is_looked_at_with_two_calls() {
    let mut versions = vec![webhook("one.example", "")];
    versions.extend((1..100).map(|_| "{".to_owned()));
    let versions: Vec<_> = versions.iter().map(String::as_str).collect();
    let ssm = Ssm::new(&versions);
    let subscribers = ssm.store().current(at(0)).await.unwrap();
    assert_eq!(host(&subscribers).as_deref(), Some("one.example"));
    assert_eq!(ssm.history_calls(), 2);
}

#[tokio::test]
async fn a_version_is_looked_for_once_and_again_after_a_change() {
    let (first, second) = (webhook("one.example", ""), webhook("two.example", ""));
    let ssm = Ssm::new(&[&first, "{"]);
    let store = ssm.store();
    for second in [0, 30, 60] {
        let subscribers = store.current(at(second)).await.unwrap();
        assert_eq!(host(&subscribers).as_deref(), Some("one.example"));
    }
    assert_eq!(ssm.history_calls(), 1);
    ssm.put("[");
    store.current(at(90)).await.unwrap();
    assert_eq!(ssm.history_calls(), 2);
    ssm.put(&second);
    let mended = store.current(at(120)).await.unwrap();
    assert_eq!(host(&mended).as_deref(), Some("two.example"));
    assert_eq!(effects(&mended), (vec![], vec![]));
    assert_eq!(ssm.history_calls(), 2);
}

#[tokio::test]
async fn a_parameter_that_was_deleted_and_created_again_has_none_of_its_versions() {
    let (first, other) = (webhook("one.example", ""), webhook("two.example", ""));
    let ssm = Ssm::new(&[&first, "{"]);
    let store = ssm.store();
    let before = store.current(at(0)).await.unwrap();
    assert_eq!(host(&before).as_deref(), Some("one.example"));
    ssm.create_again(&[&other, "{"]);
    let after = store.current(at(30)).await.unwrap();
    assert_eq!(host(&after).as_deref(), Some("two.example"));
    ssm.create_again(&["{"]);
    let alone = store.current(at(60)).await.unwrap();
    assert_eq!(
        effects(&alone),
        (vec![Effect::SetAside], vec!["cdn".to_owned()])
    );
}

#[tokio::test]
async fn events_are_set_aside_without_a_usable_version_and_those_of_one_that_is_off_are_not() {
    let on = webhook("one.example", "");
    let off = webhook("one.example", r#","enabled":false"#);
    let aside = (vec![Effect::SetAside], vec!["cdn".to_owned()]);
    let cases: [(&[&str], _); 5] = [
        (&["{"], aside.clone()),
        (&["{", "[]"], aside.clone()),
        // The newest one may have been meant to switch it on.
        (&[&on, &off, "{"], aside),
        (
            &[&on, r#"{"target":"pigeon","enabled":false}"#],
            (vec![Effect::Off], vec![]),
        ),
        (&[&off], (vec![], vec![])),
    ];
    for (versions, expected) in cases {
        let subscribers = Ssm::new(versions).store().current(at(0)).await.unwrap();
        assert_eq!(effects(&subscribers), expected, "{versions:?}");
    }
}

#[tokio::test]
async fn a_request_for_one_subscriber_is_set_aside_for_that_one_only() {
    let subscribers = Ssm::new(&["{"]).store().current(at(0)).await.unwrap();
    for (fields, expected) in [
        (json!({"subscriber": "cdn"}), 1),
        (json!({"subscriber": "search"}), 0),
        (
            json!({"type": "wagtail.page.snapshot", "subscriber": "cdn"}),
            1,
        ),
        (json!({"type": "wagtail.page.snapshot"}), 0),
    ] {
        let event = event(fields);
        assert_eq!(
            subscribers.setting_aside(&event).count(),
            expected,
            "{event:?}"
        );
    }
}

#[tokio::test]
async fn versions_that_cannot_be_read_are_asked_for_again() {
    let ssm = Ssm::new(&[&webhook("one.example", ""), "{"]);
    let store = ssm.store();
    ssm.0.lock().unwrap().refuses_history = true;
    let subscribers = store.current(at(0)).await.unwrap();
    assert_eq!(effects(&subscribers).0, [Effect::SetAside]);
    ssm.0.lock().unwrap().refuses_history = false;
    let subscribers = store.current(at(30)).await.unwrap();
    assert_eq!(host(&subscribers).as_deref(), Some("one.example"));
}
