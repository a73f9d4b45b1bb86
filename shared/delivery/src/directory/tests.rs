//! Tests of the object and of its cache, with a bucket in memory.

mod in_force;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use testing::bucket_in_memory::BucketInMemory;
use testing::replay::{Answer, Request, answering};

use super::*;
use crate::parameter_history::ParameterVersion;
use crate::subscriber::{Rules, Schemes, SubscriberStatus};

const PATH: &str = "/wagrun/subscribers";
const RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: Some(8),
};
const WEBHOOK: &str = r#"{"target":"webhook","url":"https://example.org/","secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#;

#[derive(Debug, Default)]
struct State {
    bucket: BucketInMemory,
    /// The status of every answer, if it is fixed.
    status: Option<u16>,
    /// The status of each answer of the bucket.
    answers: Vec<u16>,
}

#[derive(Debug, Clone, Default)]
struct S3(Arc<Mutex<State>>);

impl S3 {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self) -> DirectoryObject {
        let s3 = self.clone();
        let aws = answering(move |request| s3.answer(request));
        DirectoryObject::new(aws_sdk_s3::Client::new(&aws), "backlogs".into())
    }

    fn cache(&self) -> DirectoryCache {
        DirectoryCache::new(
            self.object(),
            "/wagrun/subscribers/",
            Duration::from_secs(30),
        )
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let (method, path) = request.line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        if let Some(status) = state.status {
            return (status, String::new()).into();
        }
        let bucket = &mut state.bucket;
        let answer = bucket.answer_if(method, path, &request.conditions, &request.body);
        state.answers.push(answer.status);
        answer.into()
    }

    fn put(&self, content: &[u8]) {
        let content = String::from_utf8(content.to_vec()).unwrap();
        let path = format!("/{KEY}");
        self.state().bucket.answer("PUT", &path, &content);
    }

    fn statuses(&self) -> Vec<u16> {
        self.state().answers.clone()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn entry(value: &str) -> Entry {
    Entry {
        version: 1,
        changed_at: Some(1),
        value: Some(value.to_owned()),
        is_usable: true,
        in_force: None,
        is_incomplete: false,
    }
}

fn directory(as_of: Timestamp, names: &[&str]) -> Directory {
    let mut directory = Directory::new(PATH, RULES, as_of);
    for name in names {
        let name = (*name).to_owned();
        directory.subscribers.insert(name, entry(WEBHOOK));
    }
    directory
}

fn encoded(as_of: Timestamp, names: &[&str]) -> Vec<u8> {
    directory(as_of, names).encode().unwrap()
}

fn is_enabled(known: &Known, name: &str) -> bool {
    matches!(known.subscribers.find(name), SubscriberStatus::Enabled(_))
}

#[tokio::test]
async fn a_directory_is_downloaded_once_and_again_after_a_change() {
    let s3 = S3::default();
    s3.put(&encoded(at(0), &["cdn"]));
    let cache = s3.cache();
    for second in [1, 30, 31, 61] {
        let known = cache.current(at(second)).await.unwrap();
        assert!(is_enabled(&known, "cdn") && !is_enabled(&known, "search"));
        assert_eq!(known.as_of, at(0));
    }
    s3.put(&encoded(at(62), &["cdn", "search"]));
    assert!(!is_enabled(&cache.current(at(90)).await.unwrap(), "search"));
    let known = cache.current(at(91)).await.unwrap();
    assert!(is_enabled(&known, "search"));
    assert_eq!(known.as_of, at(62));
    assert_eq!(s3.statuses(), [200, 304, 304, 200]);
}

#[tokio::test]
async fn the_object_is_replaced_only_by_a_writer_that_read_it() {
    let s3 = S3::default();
    let object = s3.object();
    assert_eq!(object.read(None).await.unwrap(), Read::Missing);
    let first = b"first".to_vec();
    assert_eq!(
        object.replace(None, first.clone()).await.unwrap(),
        Replaced::Yes
    );
    assert_eq!(
        object.replace(None, first).await.unwrap(),
        Replaced::Conflict
    );
    let Read::Found { etag, bytes } = object.read(None).await.unwrap() else {
        panic!("an object was written");
    };
    assert_eq!(bytes, b"first");
    assert_eq!(object.read(Some(&etag)).await.unwrap(), Read::Unchanged);
    let replaced = object.replace(Some(&etag), b"second".to_vec()).await;
    assert_eq!(replaced.unwrap(), Replaced::Yes);
    let replaced = object.replace(Some(&etag), b"third".to_vec()).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
    s3.state().bucket.objects.clear();
    let replaced = object.replace(Some(&etag), b"third".to_vec()).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
    // Another writer writes at this moment.
    s3.state().status = Some(409);
    let replaced = object.replace(Some(&etag), b"third".to_vec()).await;
    assert_eq!(replaced.unwrap(), Replaced::Conflict);
    for status in [403, 404, 500] {
        s3.state().status = Some(status);
        let error = object.replace(Some(&etag), Vec::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot write subscriber-directory.json");
        object.read(Some(&etag)).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_named_and_used_again_when_it_can() {
    let s3 = S3::default();
    let cache = s3.cache();
    assert_eq!(
        cache.current(at(0)).await.unwrap_err(),
        DirectoryFault::Missing
    );
    let newer = br#"{"format":2,"as_of":"never"}"#;
    let other = Directory::new("/other/subscribers", RULES, at(0))
        .encode()
        .unwrap();
    let old = encoded(at(-900), &["cdn"]);
    let mut damaged = encoded(at(0), &["cdn"]);
    damaged.pop();
    // Another format whose fields happen to have the same names.
    let alike = String::from_utf8(encoded(at(0), &["cdn"])).unwrap();
    let alike = alike.replace(r#""format":1"#, r#""format":3"#);
    let cases: [(&[u8], &str); 6] = [
        (
            br#"{"format":1,"path":7}"#,
            "the subscriber directory is damaged (line 1, column 20)",
        ),
        (
            alike.as_bytes(),
            "the subscriber directory has format 3; this version reads format 1",
        ),
        (
            newer,
            "the subscriber directory has format 2; this version reads format 1",
        ),
        (
            &other,
            "the subscriber directory is that of /other/subscribers",
        ),
        (
            &old,
            "the last listing of the subscriber directory began at 2027-01-15T07:45:00Z",
        ),
        (
            &damaged,
            "the subscriber directory is damaged (line 1, column",
        ),
    ];
    let mut second = 0;
    for (content, expected) in cases {
        s3.put(content);
        second += 30;
        let fault = cache.current(at(second)).await.unwrap_err().to_string();
        assert!(fault.starts_with(expected), "{fault}");
        s3.put(&encoded(at(second), &["cdn"]));
        second += 30;
        let known = cache.current(at(second)).await.unwrap();
        assert!(is_enabled(&known, "cdn"));
    }
    s3.state().status = Some(403);
    second += 30;
    let fault = cache.current(at(second)).await.unwrap_err().to_string();
    assert!(
        fault.starts_with("cannot read subscriber-directory.json"),
        "{fault}"
    );
    // What was read before is not downloaded again.
    s3.state().status = None;
    second += 30;
    assert!(is_enabled(&cache.current(at(second)).await.unwrap(), "cdn"));
    assert_eq!(s3.statuses().last(), Some(&304));
}

#[tokio::test]
async fn a_directory_whose_writer_stands_still_is_used_for_a_quarter_of_an_hour() {
    let s3 = S3::default();
    s3.put(&encoded(at(0), &["cdn"]));
    let cache = s3.cache();
    for second in [0, 450, 900] {
        assert!(is_enabled(&cache.current(at(second)).await.unwrap(), "cdn"));
    }
    // Within the time of the cache, too.
    let fault = cache.current(at(901)).await.unwrap_err();
    assert_eq!(fault, DirectoryFault::Old(at(0)));
}

#[tokio::test]
async fn a_directory_is_shown_without_the_values() {
    let in_force = InForce {
        version: 6,
        value: WEBHOOK.to_owned(),
    };
    let mut directory = directory(at(0), &["cdn"]);
    let entry = directory.subscribers.get_mut("cdn").unwrap();
    entry.version = 7;
    entry.in_force = Some(in_force);
    let bytes = directory.encode().unwrap();
    let s3 = S3::default();
    s3.put(&bytes);
    let read = s3.object().read(None).await.unwrap();
    let version = ParameterVersion {
        number: 5,
        value: WEBHOOK.to_owned(),
    };
    let shown = format!("{directory:?} {read:?} {version:?}");
    for part in [
        "version: 7",
        "version: 6",
        "number: 5",
        &format!("bytes: {}", bytes.len()),
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("whsec_"), "{shown}");
}
