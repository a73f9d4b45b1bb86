//! Tests of the log of each attempt: one line and its metrics, without bodies, URLs and secrets.

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::lambda::{Lambda, SECRET, Step};

const EVENT: &str = r#"{"specversion":"1.0","id":"0f2c8f6e-7d1b-4c8e-9a53-000000000001","source":"/wagrun/test","type":"wagtail.page.updated","subject":"page/4","time":"2026-11-21T21:46:46.426651Z","datacontenttype":"application/json","partitionkey":"page/4","sequence":"0000000000000001","data":{"id":4,"title":"of the body"}}"#;

/// Makes one attempt, the third, of a delivery that has waited for two minutes. Returns the process's lines.
async fn attempt(subscriber: Value, status: StatusCode) -> Vec<String> {
    let mut lambda = Lambda::new(subscriber).await;
    let sent = Timestamp::now() - SignedDuration::from_secs(120);
    let message = json!({
        "messageId": "m", "receiptHandle": "r", "body": format!(r#"{{"subscriber":"cdn","event":{EVENT}}}"#),
        "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": sent.as_millisecond().to_string()},
    });
    lambda.invoke(message).await;
    loop {
        let asked = lambda.next().await;
        let is_last = matches!(asked.step, Step::Answer(_));
        lambda.answer(asked, status);
        if is_last {
            return lambda.output().await;
        }
    }
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Returns the fields of the attempt's line without its duration, and the duration in milliseconds.
fn told(lines: &[String]) -> (Value, u64) {
    let lines = parsed(lines);
    let attempts: Vec<&Value> = lines
        .iter()
        .filter(|line| line["message"] == "delivery attempted")
        .collect();
    let [line] = attempts[..] else {
        panic!("{lines:#?}");
    };
    let mut fields = (*line).clone();
    for every_line in ["timestamp", "level", "requestId"] {
        let removed = fields.as_object_mut().unwrap().shift_remove(every_line);
        assert!(removed.is_some(), "{line}");
    }
    let duration = fields.as_object_mut().unwrap().remove("duration_ms");
    (fields, duration.unwrap().as_u64().unwrap())
}

/// Returns dimensions and values of each metric line, without times and durations.
fn metrics(lines: &[String]) -> Vec<Value> {
    let emitted = parsed(lines).into_iter();
    let emitted = emitted.filter(|line| line.get("_aws").is_some());
    emitted
        .map(|mut line| {
            let fields = line.as_object_mut().unwrap();
            let described = fields.remove("_aws").unwrap()["CloudWatchMetrics"][0].clone();
            assert_eq!(described["Namespace"], "wagrun/test");
            for metric in described["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                let value = fields[name].as_f64().unwrap();
                match name {
                    "Duration" => assert!((0.0..60_000.0).contains(&value), "{value}"),
                    "WaitingDeliverySeconds" => assert!((120.0..200.0).contains(&value), "{value}"),
                    _ => continue,
                }
                fields.insert(name.to_owned(), metric["Unit"].clone());
            }
            fields.insert("by".to_owned(), described["Dimensions"].clone());
            line
        })
        .collect()
}

fn line(outcome: &str, status: Option<u16>) -> Value {
    let mut line = json!({
        "message": "delivery attempted", "event.id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001",
        "event.type": "wagtail.page.updated", "event.subject": "page/4", "subscriber": "cdn", "attempt": 3,
        "outcome": outcome,
    });
    if let Some(status) = status {
        line["status"] = json!(status);
    }
    line
}

/// Asserts that the line is that of an attempt that failed, with its error. The wait after the third attempt is half an hour, a tenth more or less.
fn assert_failed(mut told: Value, line: Value, error: &str) {
    let fields = told.as_object_mut().unwrap();
    let wait = fields.remove("retry_seconds").unwrap();
    assert!((1620..=1980).contains(&wait.as_u64().unwrap()), "{wait}");
    let found = fields.remove("error").unwrap();
    assert!(found.as_str().unwrap().starts_with(error), "{found}");
    assert_eq!(told, line);
}

fn counted(outcome: &str) -> Value {
    json!({
        "Subscriber": "cdn", "Outcome": outcome, "Deliveries": 1.0, "Duration": "Milliseconds",
        "by": [["Subscriber", "Outcome"]],
    })
}

/// The time for which failed deliveries have been waiting, of all subscribers together.
fn waiting() -> Value {
    json!({"WaitingDeliverySeconds": "Seconds", "by": [[]]})
}

#[tokio::test]
async fn a_success_is_a_line_and_two_metrics() {
    let lines = attempt(json!({}), StatusCode::NO_CONTENT).await;
    let (fields, duration) = told(&lines);
    assert_eq!(fields, line("delivered", Some(204)));
    assert!(duration < 60_000, "{duration}");
    assert_eq!(metrics(&lines), [counted("delivered")]);
}

#[tokio::test]
async fn a_failure_tells_how_long_it_has_been_waiting_too() {
    let lines = attempt(json!({}), StatusCode::BAD_GATEWAY).await;
    let error = "the receiver answered 502 Bad Gateway";
    assert_failed(told(&lines).0, line("refused", Some(502)), error);
    assert_eq!(metrics(&lines), [counted("refused"), waiting()]);
}

#[tokio::test]
async fn a_receiver_that_did_not_answer_has_no_status() {
    // Nobody listens on port 1.
    let url = json!({"url": "http://127.0.0.1:1/hook?token=of-the-url"});
    let lines = attempt(url, StatusCode::OK).await;
    let error = "cannot reach the receiver: ";
    assert_failed(told(&lines).0, line("unreachable", None), error);
    assert_eq!(metrics(&lines), [counted("unreachable"), waiting()]);
}

#[tokio::test]
async fn whatever_happens_no_line_holds_a_body_a_url_or_a_secret() {
    let headers = json!({"Authorization": "Bearer of-the-header"});
    let template = json!({"text": "of the template ${data.title}"});
    for (subscriber, status) in [
        (json!({"headers": headers}), StatusCode::OK),
        (
            json!({"headers": headers, "template": template}),
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
        (json!({"headers": headers}), StatusCode::FOUND),
        (
            json!({"url": "http://127.0.0.1:1/hook?token=of-the-url"}),
            StatusCode::OK,
        ),
        (
            json!({"url": "http://no-such-host.invalid/hook?token=of-the-url"}),
            StatusCode::OK,
        ),
    ] {
        let lines = attempt(subscriber.clone(), status).await;
        assert!(!parsed(&lines).is_empty());
        for line in &lines {
            let secrets = [
                SECRET,
                &SECRET["whsec_".len()..],
                "of-the-url",
                "/hook",
                "of-the-header",
                "of the body",
                "of the template",
            ];
            for secret in secrets {
                assert!(!line.contains(secret), "{subscriber}: {secret} in {line}");
            }
        }
    }
}
