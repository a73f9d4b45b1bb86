//! A Parameter Store and a bucket in memory. A test may act before the answer to any call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use testing::bucket_in_memory::BucketInMemory;
use testing::replay::{Answer, Request, answering};
use wagrun_delivery::directory::{Directory, KEY};
use wagrun_delivery::subscriber::{Rules, Schemes, SubscriberStatus, Subscribers};

use crate::{Config, Pauses, Writer};

pub const PATH: &str = "/wagrun/subscribers";

/// The rules of deliver in the template.
pub const RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: Some(8),
};

type Step = Box<dyn FnOnce(&mut State) + Send>;

#[derive(Default)]
pub struct State {
    pub bucket: BucketInMemory,
    /// The versions of each parameter, the newest last: value, and time of the change.
    parameters: BTreeMap<String, Vec<(String, i64)>>,
    /// The parameters under a key that the writer may not use.
    pub locked: BTreeSet<String>,
    /// The error of the next reading that decrypts, if it is to fail.
    pub fault: Option<&'static str>,
    /// Number of readings that still see the version before the newest.
    pub behind: usize,
    /// The steps of others, each before the answer to the next call of this operation.
    steps: Vec<(&'static str, Step)>,
    /// The operations that were called.
    pub calls: Vec<String>,
    changes: i64,
}

/// The parts of AWS that the writer calls.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>);

pub fn webhook(host: &str) -> String {
    let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    json!({"target": "webhook", "url": format!("https://{host}/"), "secrets": secrets}).to_string()
}

impl World {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn put(&self, name: &str, value: &str) {
        self.state().put(name, value);
    }

    pub fn delete(&self, name: &str) {
        self.state().delete(name);
    }

    /// Lets another act before the answer to the next call of this operation, such as `PutObject`.
    pub fn before(&self, operation: &'static str, step: impl FnOnce(&mut State) + Send + 'static) {
        self.state().steps.push((operation, Box::new(step)));
    }

    pub fn writer(&self) -> Writer {
        self.writer_with(RULES, || Timestamp::from_second(1_800_000_000).unwrap())
    }

    pub fn writer_with(&self, rules: Rules, clock: fn() -> Timestamp) -> Writer {
        let world = self.clone();
        let aws = answering(move |request| world.answer(request));
        let config = Config {
            subscribers_path: PATH.into(),
            directory_bucket: "backlogs".into(),
            rules,
        };
        let pauses = Pauses {
            between_calls: Duration::ZERO,
            before_second_reading: Duration::ZERO,
            after_conflict: Duration::ZERO,
        };
        Writer::with(&aws, config, pauses, clock)
    }

    /// Returns the directory; none when there is none.
    pub fn directory(&self) -> Option<Directory> {
        let state = self.state();
        let content = state.bucket.objects.get(KEY)?;
        Some(Directory::decode(content.as_bytes()).unwrap())
    }

    /// Returns each subscriber of the directory with the host that its events are sent to, or the reason why it has none.
    pub fn hosts(&self) -> Vec<(String, String)> {
        let Some(directory) = self.directory() else {
            return Vec::new();
        };
        let names: Vec<_> = directory.subscribers.keys().cloned().collect();
        let subscribers = Subscribers::from(directory);
        let host = |name: &str| match subscribers.find(name) {
            SubscriberStatus::Enabled(one) => match &one.target {
                wagrun_delivery::subscriber::Target::Webhook(webhook) => webhook.origins()[0]
                    .trim_start_matches("https://")
                    .to_owned(),
                other => panic!("{other:?}"),
            },
            SubscriberStatus::Disabled => "off".into(),
            SubscriberStatus::Invalid(fault) => fault.problem.to_string(),
            SubscriberStatus::Gone => "gone".into(),
        };
        names
            .iter()
            .map(|name| (name.clone(), host(name)))
            .collect()
    }

    /// Returns the number of calls of an operation so far.
    pub fn count(&self, operation: &str) -> usize {
        let state = self.state();
        state.calls.iter().filter(|call| *call == operation).count()
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let operation = match request.operation.strip_prefix("AmazonSSM.") {
            Some(operation) => operation.to_owned(),
            None if request.line.starts_with("GET") => "GetObject".to_owned(),
            None => "PutObject".to_owned(),
        };
        state.calls.push(operation.clone());
        let place = state
            .steps
            .iter()
            .position(|(awaited, _)| *awaited == operation);
        if let Some(place) = place {
            let (_, step) = state.steps.remove(place);
            step(&mut state);
        }
        if operation.ends_with("Object") {
            let (method, path) = request.line.split_once(' ').unwrap();
            let path = path.split('?').next().unwrap();
            return state
                .bucket
                .answer_if(method, path, &request.conditions, &request.body)
                .into();
        }
        let call: Value = serde_json::from_str(&request.body).unwrap();
        state.parameter_store(&operation, &call).into()
    }
}

impl State {
    pub fn put(&mut self, name: &str, value: &str) {
        self.changes += 1;
        let versions = self.parameters.entry(format!("{PATH}/{name}")).or_default();
        versions.push((value.to_owned(), self.changes));
    }

    pub fn delete(&mut self, name: &str) {
        self.parameters.remove(&format!("{PATH}/{name}"));
    }

    fn parameter_store(&mut self, operation: &str, call: &Value) -> (u16, String) {
        let decrypts = call["WithDecryption"] == true;
        match operation {
            "GetParametersByPath" => {
                assert!(!decrypts, "a listing costs no calls of KMS");
                let all: Vec<_> = self.parameters.keys().cloned().collect();
                let start: usize = call["NextToken"]
                    .as_str()
                    .map_or(0, |next| next.parse().unwrap());
                let end = all.len().min(start + 10);
                let page: Vec<_> = all[start..end]
                    .iter()
                    .map(|name| self.newest(name))
                    .collect();
                let next = (end < all.len()).then(|| end.to_string());
                (
                    200,
                    json!({"Parameters": page, "NextToken": next}).to_string(),
                )
            }
            "GetParameters" => {
                let names = call["Names"].as_array().unwrap();
                assert!(names.len() <= 10, "{names:?}");
                let names: Vec<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
                if decrypts && names.iter().any(|name| self.locked.contains(*name)) {
                    return denied();
                }
                if decrypts && let Some(code) = self.fault.take() {
                    return (400, json!({"__type": code}).to_string());
                }
                let is_behind = self.behind > 0;
                self.behind = self.behind.saturating_sub(1);
                let found = names
                    .iter()
                    .filter(|name| self.parameters.contains_key(**name));
                let found: Vec<_> = found
                    .filter_map(|name| match is_behind {
                        true => self.version(name, self.parameters[*name].len().checked_sub(2)?),
                        false => Some(self.newest(name)),
                    })
                    .collect();
                (
                    200,
                    json!({"Parameters": found, "InvalidParameters": []}).to_string(),
                )
            }
            "GetParameterHistory" => {
                let name = call["Name"].as_str().unwrap();
                if self.locked.contains(name) {
                    return denied();
                }
                let count = self.parameters[name].len();
                let versions: Vec<_> = (0..count).map(|index| self.version(name, index)).collect();
                (200, json!({"Parameters": versions}).to_string())
            }
            other => panic!("not a call of the writer: {other}"),
        }
    }

    fn newest(&self, name: &str) -> Value {
        let last = self.parameters[name].len() - 1;
        self.version(name, last).unwrap()
    }

    fn version(&self, name: &str, index: usize) -> Option<Value> {
        let (value, changed_at) = self.parameters[name].get(index)?;
        Some(
            json!({"Name": name, "Value": value, "Version": index + 1, "LastModifiedDate": changed_at}),
        )
    }
}

fn denied() -> (u16, String) {
    let denied = r#"{"__type":"AccessDeniedException","Message":"not allowed to use the key"}"#;
    (400, denied.to_owned())
}

/// Returns the name of a subscriber's parameter.
pub fn parameter(name: &str) -> String {
    format!("{PATH}/{name}")
}

/// Returns subscribers and hosts as [`World::hosts`] does.
pub fn hosts(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = expected.iter();
    pairs
        .map(|&(name, host)| (name.into(), host.into()))
        .collect()
}
