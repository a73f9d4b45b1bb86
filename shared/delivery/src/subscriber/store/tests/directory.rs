//! Tests of the store with a directory, and of the ways around one that does not suffice.

use std::sync::{Arc, Mutex};

use testing::bucket_in_memory::BucketInMemory;
use testing::replay::{Answer, Request, answering};

use super::*;
use crate::directory::{Directory, Entry, KEY};

/// A directory, and an SSM with other parameters, so that a test sees which of them was read.
#[derive(Debug, Clone, Default)]
struct Aws(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bucket: BucketInMemory,
    /// The names of the parameters of SSM.
    parameters: Vec<String>,
    calls: Vec<String>,
}

const RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: None,
};

impl Aws {
    fn new(in_directory: &[&str], in_ssm: &[&str]) -> Self {
        let aws = Self::default();
        aws.write(in_directory.iter().map(|name| (*name).to_owned()));
        let names = in_ssm.iter().map(|name| (*name).to_owned());
        aws.0.lock().unwrap().parameters = names.collect();
        aws
    }

    fn write(&self, names: impl Iterator<Item = String>) {
        let mut directory = Directory::new("/wagrun/subscribers", RULES, at(0));
        let entry = Entry {
            version: 1,
            changed_at: Some(1),
            value: Some(WEBHOOK.to_owned()),
            is_usable: true,
            in_force: None,
            is_incomplete: false,
        };
        directory.subscribers = names.map(|name| (name, entry.clone())).collect();
        let content = String::from_utf8(directory.encode().unwrap()).unwrap();
        let mut state = self.0.lock().unwrap();
        state.bucket.answer("PUT", &format!("/{KEY}"), &content);
    }

    fn lose_directory(&self) {
        self.0.lock().unwrap().bucket.objects.clear();
    }

    fn store(&self) -> SubscriberStore {
        let aws = self.clone();
        let config = answering(move |request| aws.answer(request));
        let max_age = Duration::from_secs(30);
        SubscriberStore::new(&config, "/wagrun/subscribers", max_age, RULES)
            .with_directory_of(&config, Some("backlogs".into()))
    }

    /// Returns the calls since the last time.
    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.0.lock().unwrap();
        let described = |name: &String| json!({"Name": format!("/wagrun/subscribers/{name}"), "Value": WEBHOOK, "Version": 1});
        let (call, answer) = match request.operation.as_str() {
            "" => {
                let (method, path) = request.line.split_once(' ').unwrap();
                let path = path.split('?').next().unwrap();
                let answer = state
                    .bucket
                    .answer_if(method, path, &request.conditions, "");
                ("GetObject", Answer::from(answer))
            }
            "AmazonSSM.GetParametersByPath" => {
                let all: Vec<_> = state.parameters.iter().map(described).collect();
                let answer = json!({"Parameters": all}).to_string();
                ("GetParametersByPath", (200, answer).into())
            }
            "AmazonSSM.GetParameter" => {
                let asked: Value = serde_json::from_str(&request.body).unwrap();
                let asked = asked["Name"].as_str().unwrap();
                let name = asked.strip_prefix("/wagrun/subscribers/").unwrap();
                let found = state.parameters.iter().find(|one| *one == name);
                let answer = match found {
                    Some(name) => (200, json!({"Parameter": described(name)}).to_string()),
                    None => (400, r#"{"__type":"ParameterNotFound"}"#.to_owned()),
                };
                ("GetParameter", answer.into())
            }
            other => panic!("{other}"),
        };
        state.calls.push(call.to_owned());
        answer
    }
}

fn names(subscribers: &Subscribers) -> Vec<&str> {
    subscribers.usable().map(|one| one.name.as_str()).collect()
}

#[tokio::test]
async fn one_read_finds_any_number_of_subscribers() {
    let aws = Aws::new(&[], &[]);
    aws.write((0..10_000).map(|number| format!("s{number}")));
    let store = aws.store();
    assert_eq!(store.current(at(1)).await.unwrap().len(), 10_000);
    let one = store
        .loaded_one_after("s77", Timestamp::MIN, at(2))
        .await
        .unwrap();
    assert!(matches!(one.find("s77"), SubscriberStatus::Enabled(_)));
    assert_eq!(aws.calls(), ["GetObject"]);
}

#[tokio::test]
async fn an_asked_time_after_the_directory_needs_ssm_itself() {
    let aws = Aws::new(&["cdn"], &["cdn", "new"]);
    let store = aws.store();
    // Before the listing began, every change is in the directory.
    assert_eq!(
        names(&store.loaded_after(at(-1), at(1)).await.unwrap()),
        ["cdn"]
    );
    assert_eq!(aws.calls(), ["GetObject"]);
    // A change at the same time may not be.
    assert_eq!(
        names(&store.loaded_after(at(0), at(2)).await.unwrap()),
        ["cdn", "new"]
    );
    assert_eq!(aws.calls(), ["GetParametersByPath"]);
    let one = store.loaded_one_after("new", at(0), at(2)).await.unwrap();
    assert_eq!(names(&one), ["new"]);
    // A subscriber that was deleted since.
    let none = store.loaded_one_after("old", at(0), at(2)).await.unwrap();
    assert_eq!(none.find("old"), SubscriberStatus::Gone);
    assert_eq!(aws.calls(), ["GetParameter", "GetParameter"]);
    // Both answers are used for a while, unless a later time is asked for.
    store.loaded_one_after("new", at(1), at(31)).await.unwrap();
    assert_eq!(aws.calls(), ["GetObject"]);
    store.loaded_one_after("new", at(2), at(31)).await.unwrap();
    store.loaded_one_after("old", at(0), at(32)).await.unwrap();
    assert_eq!(aws.calls(), ["GetParameter", "GetParameter"]);
}

#[tokio::test]
async fn without_a_directory_all_are_read_from_ssm_or_the_one_that_is_needed() {
    let aws = Aws::new(&["cdn"], &["cdn", "new"]);
    aws.lose_directory();
    let store = aws.store();
    assert_eq!(names(&store.current(at(1)).await.unwrap()), ["cdn", "new"]);
    assert_eq!(aws.calls(), ["GetObject", "GetParametersByPath"]);
    let one = store
        .loaded_one_after("new", Timestamp::MIN, at(2))
        .await
        .unwrap();
    assert_eq!(names(&one), ["new"]);
    assert_eq!(aws.calls(), ["GetParameter"]);
    // It is there again.
    aws.write(["cdn".to_owned()].into_iter());
    assert_eq!(names(&store.current(at(31)).await.unwrap()), ["cdn"]);
}

#[tokio::test]
async fn a_writer_that_stands_still_is_not_believed() {
    let aws = Aws::new(&["cdn"], &["cdn", "new"]);
    let store = aws.store();
    assert_eq!(names(&store.current(at(900)).await.unwrap()), ["cdn"]);
    assert_eq!(
        names(&store.current(at(901)).await.unwrap()),
        ["cdn", "new"]
    );
    assert!(store.directory_fault(at(901)).await.is_some());
}

#[tokio::test]
async fn too_many_subscribers_for_a_reading_wait_for_the_next_listing() {
    let aws = Aws::new(&[], &[]);
    aws.write((0..1001).map(|number| format!("s{number}")));
    let error = aws.store().loaded_after(at(0), at(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the subscriber directory is of 2027-01-15T08:00:00Z, and not after 2027-01-15T08:00:00Z; it has 1001 subscribers, too many to read them all"
    );
    assert_eq!(aws.calls(), ["GetObject"]);
    aws.write((0..1000).map(|number| format!("s{number}")));
    aws.store().loaded_after(at(0), at(1)).await.unwrap();
    assert_eq!(aws.calls(), ["GetObject", "GetParametersByPath"]);
}

#[tokio::test]
async fn a_sweep_knows_if_the_directory_is_older_than_what_it_looks_at() {
    let aws = Aws::new(&["cdn"], &["cdn", "new"]);
    let store = aws.store();
    let (listed, is_current) = store.listed(at(0), at(1)).await.unwrap();
    assert_eq!((names(&listed), is_current), (vec!["cdn"], false));
    let (_, is_current) = store.listed(at(-1), at(1)).await.unwrap();
    assert!(is_current);
    aws.lose_directory();
    let (listed, is_current) = store.listed(at(30), at(31)).await.unwrap();
    assert_eq!((names(&listed), is_current), (vec!["cdn", "new"], true));
}
