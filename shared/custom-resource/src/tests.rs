use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use wagrun_lambda::telemetry::chain;

use crate::response::MAX_RESPONSE_BYTES;
use crate::serve::RESPONSE_MARGIN;
use crate::{Request, RequestType, Resource, ServeError, serve};

const ID: &str = "wagrun-thing";

/// A server that takes one PUT after the other and answers it.
struct ResponseServer {
    listener: TcpListener,
}

impl ResponseServer {
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
            "LogicalResourceId": "Thing", "ResourceType": "Custom::Thing",
            "ResourceProperties": {"ServiceToken": "arn", "Image": "sha256:1"},
        });
        Request::parse(&payload).unwrap().unwrap()
    }

    /// Answers with these statuses in turn. Returns the head of the last request in lower case, and its JSON.
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

fn in_an_hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

async fn made(_: RequestType) -> Result<Resource, std::io::Error> {
    let data = json!({"Applied": 1});
    Ok(Resource {
        physical_id: ID.to_owned(),
        data: data.as_object().unwrap().clone(),
    })
}

#[tokio::test]
async fn success_is_answered_with_id_and_data() {
    let server = ResponseServer::new().await;
    let request = server.request("Create");
    let (served, (head, body)) = tokio::join!(
        serve(&request, ID, in_an_hour(), made),
        server.answers(&[200])
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
            "Status": "SUCCESS", "PhysicalResourceId": ID, "StackId": "stack-1", "RequestId": "r-1",
            "LogicalResourceId": "Thing", "Data": {"Applied": 1},
        })
    );
}

#[tokio::test]
async fn a_failure_is_answered_with_the_end_of_its_reason_within_the_limit() {
    let server = ResponseServer::new().await;
    let request = server.request("Update");
    // Each of these is six bytes of JSON.
    for filler in ["ä", "\u{1}", "\n"] {
        let reason = format!("{} the end", filler.repeat(5000));
        let failing = async |_| Err::<Resource, _>(std::io::Error::other(reason));
        let (served, (_, body)) = tokio::join!(
            serve(&request, ID, in_an_hour(), failing),
            server.answers(&[200])
        );
        assert!(
            matches!(served, Err(ServeError::Work(_))),
            "the alarm counts failed invocations"
        );
        assert_eq!(body["Status"], "FAILED");
        assert!(body["Reason"].as_str().unwrap().ends_with("the end"));
        let bytes = body.to_string().len();
        assert!((3000..=MAX_RESPONSE_BYTES).contains(&bytes), "{bytes}");
    }
}

#[tokio::test]
async fn data_beyond_the_limit_is_answered_as_a_failure() {
    let server = ResponseServer::new().await;
    let request = server.request("Create");
    let too_much = async |_| {
        Ok::<_, std::io::Error>(Resource {
            physical_id: ID.to_owned(),
            data: Map::from_iter([("Text".to_owned(), json!("x".repeat(5000)))]),
        })
    };
    let (_, (_, body)) = tokio::join!(
        serve(&request, ID, in_an_hour(), too_much),
        server.answers(&[200])
    );
    assert_eq!(body["Status"], "FAILED");
    let reason = body["Reason"].as_str().unwrap();
    assert!(reason.contains("CloudFormation takes 4096"), "{reason}");
}

#[tokio::test]
async fn a_panic_and_work_without_end_are_answered_too() {
    let server = ResponseServer::new().await;
    let request = server.request("Create");
    let panicking = async |_| -> Result<Resource, std::io::Error> { panic!("on purpose") };
    let (served, (_, body)) = tokio::join!(
        serve(&request, ID, in_an_hour(), panicking),
        server.answers(&[200])
    );
    assert!(matches!(served, Err(ServeError::Work(_))));
    assert_eq!(
        body["Reason"],
        "the function panicked; its log has the place"
    );

    let endless = async |_| std::future::pending::<Result<Resource, std::io::Error>>().await;
    let deadline = Instant::now() + RESPONSE_MARGIN + Duration::from_millis(20);
    let (served, (_, body)) = tokio::join!(
        serve(&request, ID, deadline, endless),
        server.answers(&[200])
    );
    assert!(matches!(served, Err(ServeError::Work(_))));
    assert_eq!(
        body["Reason"],
        "the work did not end in the function's time"
    );
}

#[tokio::test]
async fn an_unknown_request_type_is_answered() {
    let server = ResponseServer::new().await;
    let request = server.request("Dance");
    let (served, (_, body)) = tokio::join!(
        serve(&request, ID, in_an_hour(), made),
        server.answers(&[200])
    );
    assert!(matches!(served, Err(ServeError::Work(_))));
    assert_eq!(body["Status"], "FAILED");
    assert_eq!(
        body["Reason"],
        "RequestType: \"Dance\" is not Create, Update or Delete"
    );
}

#[tokio::test]
async fn a_refused_answer_is_sent_again_and_no_error_contains_its_url() {
    let server = ResponseServer::new().await;
    let request = server.request("Create");
    let (served, _) = tokio::join!(
        serve(&request, ID, in_an_hour(), made),
        server.answers(&[500, 503, 200])
    );
    served.unwrap();

    let (served, _) = tokio::join!(
        serve(&request, ID, in_an_hour(), made),
        server.answers(&[500, 500, 403])
    );
    let error = chain(&served.unwrap_err());
    assert!(
        error.contains("403") && !error.contains("secret"),
        "{error}"
    );
}

#[test]
fn another_payload_is_not_a_request() {
    assert!(Request::parse(&json!({"command": "migrate"})).is_none());
    let error = Request::parse(&json!({"RequestType": "Create"}))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.to_string(), "missing field `RequestId`");
}
