use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Takes one PUT and answers it; returns its head and its JSON.
struct Bucket {
    listener: TcpListener,
}

impl Bucket {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    fn request(&self, kind: &str) -> Request {
        let url = format!(
            "http://{}/answer?signature=secret",
            self.listener.local_addr().unwrap()
        );
        let payload = json!({
            "RequestType": kind, "RequestId": "r-1", "ResponseURL": url, "StackId": "stack-1",
            "LogicalResourceId": "Migration", "ResourceType": "Custom::Migration",
            "ResourceProperties": {"ServiceToken": "arn", "Image": "sha256:1"},
        });
        Request::parse(&payload).unwrap().unwrap()
    }

    async fn answers(&self, statuses: &[u16]) -> (String, Value) {
        let mut last = (String::new(), Value::Null);
        for status in statuses {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let (head, body) = loop {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk).await.unwrap();
                bytes.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str(body)
                {
                    break (head.to_ascii_lowercase(), body);
                }
            };
            let answer =
                format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            last = (head, body);
        }
        last
    }
}

fn migrated() -> Answer {
    Answer {
        applied_django: vec!["blog.0001_initial".to_owned()],
        watched_tables: 8,
        superuser: "created".to_owned(),
        milliseconds: 1,
    }
}

fn in_an_hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[tokio::test]
async fn success_is_told_with_what_was_done() {
    let bucket = Bucket::new().await;
    let request = bucket.request("Create");
    let (served, (head, body)) = tokio::join!(
        request.serve(async { Ok(migrated()) }, in_an_hour()),
        bucket.answers(&[200])
    );
    served.unwrap();
    assert!(head.starts_with("put /answer?signature=secret"), "{head}");
    assert!(
        head.contains("content-type: \r\n") || head.ends_with("content-type: "),
        "{head}"
    );
    assert_eq!(
        body,
        json!({
            "Status": "SUCCESS", "PhysicalResourceId": "wagrun-migration", "StackId": "stack-1", "RequestId": "r-1",
            "LogicalResourceId": "Migration",
            "Data": {"Applied": 1, "WatchedTables": 8, "Superuser": "created"},
        })
    );
}

#[tokio::test]
async fn a_failure_is_told_with_the_end_of_its_reason_in_few_enough_bytes() {
    let bucket = Bucket::new().await;
    let request = bucket.request("Update");
    let reason = sqlx::Error::Protocol(format!("{} the end", "ä".repeat(5000)));
    let failing = async { Err(MigrateError::Capture(reason)) };
    let (served, (_, body)) =
        tokio::join!(request.serve(failing, in_an_hour()), bucket.answers(&[200]));
    assert!(
        matches!(served, Err(ServeError::Migration(_))),
        "the alarm counts failed invocations"
    );
    assert_eq!(body["Status"], "FAILED");
    assert!(body["Reason"].as_str().unwrap().ends_with("the end"));
    assert!(body.to_string().len() <= 4096);
}

#[tokio::test]
async fn a_panic_and_a_migration_without_end_are_told_too() {
    let bucket = Bucket::new().await;
    let request = bucket.request("Create");
    let panicking = async { panic!("on purpose") };
    let (served, (_, body)) = tokio::join!(
        request.serve(panicking, in_an_hour()),
        bucket.answers(&[200])
    );
    assert!(
        matches!(served, Err(ServeError::Migration(_))),
        "the alarm counts failed invocations"
    );
    assert_eq!(body["Reason"], "migrate panicked; its log has the place");

    let endless = std::future::pending();
    let deadline = Instant::now() + MARGIN + Duration::from_millis(20);
    let (served, (_, body)) =
        tokio::join!(request.serve(endless, deadline), bucket.answers(&[200]));
    assert!(
        matches!(served, Err(ServeError::Migration(_))),
        "the alarm counts failed invocations"
    );
    assert_eq!(
        body["Reason"],
        "the migration did not end in the function's time"
    );
}

#[tokio::test]
async fn a_deletion_succeeds_without_a_database() {
    let bucket = Bucket::new().await;
    let request = bucket.request("Delete");
    let migration = async { panic!("must not run") };
    let (served, (_, body)) = tokio::join!(
        request.serve(migration, in_an_hour()),
        bucket.answers(&[200])
    );
    served.unwrap();
    assert_eq!(body["Status"], "SUCCESS");
}

#[tokio::test]
async fn an_answer_that_is_refused_is_given_again_and_its_url_is_never_told() {
    let bucket = Bucket::new().await;
    let request = bucket.request("Create");
    let (served, _) = tokio::join!(
        request.serve(async { Ok(migrated()) }, in_an_hour()),
        bucket.answers(&[500, 503, 200])
    );
    served.unwrap();

    let (served, _) = tokio::join!(
        request.serve(async { Ok(migrated()) }, in_an_hour()),
        bucket.answers(&[500, 500, 403])
    );
    let error = chain(&served.unwrap_err());
    assert!(
        error.contains("403") && !error.contains("secret"),
        "{error}"
    );
}

#[test]
fn other_payloads_are_not_cloud_formations() {
    assert!(Request::parse(&json!({"command": "migrate"})).is_none());
    let error = Request::parse(&json!({"RequestType": "Create"}))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.to_string(), "missing field `RequestId`");
}
