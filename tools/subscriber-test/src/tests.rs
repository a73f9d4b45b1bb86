//! Tests with replayed answers of AWS and a receiver that listens.

mod matches;

mod requests;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;
use standardwebhooks::Webhook;
use testing::replay::{Request, answering};
use wagrun_delivery::subscriber::Schemes;
use wagrun_lambda::telemetry::chain;

use super::*;
use deliver::{CloudFrontClient, EventBridgeClient, Reach, Timeouts, WebhookClient};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Starts a receiver that answers every request with this status.
async fn receiver(status: StatusCode) -> (String, Received) {
    let received = Received::default();
    let kept = Arc::clone(&received);
    let app = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        kept.lock().unwrap().push((headers, body));
        status
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/hook/of/T0KEN?secret=1",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, received)
}

/// Returns a tester whose AWS has one subscriber, `search`, and the other requests to that AWS.
fn tester(parameter: Value, reach: Reach) -> (Tester, Arc<Mutex<Vec<Request>>>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    let aws = answering(move |request| {
        if request.operation == "AmazonSSM.GetParameter" {
            return parameter_named(&parameter, &request.body);
        }
        kept.lock().unwrap().push(request.clone());
        if request.operation == "AWSEvents.PutEvents" {
            let answer = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]});
            return (200, answer.to_string());
        }
        (201, "<Invalidation><Id>I1</Id></Invalidation>".to_owned())
    });
    let schemes = match reach {
        Reach::Public => Schemes::HttpsOnly,
        Reach::Anywhere => Schemes::HttpOrHttps,
    };
    let tester = Tester {
        ssm: aws_sdk_ssm::Client::new(&aws),
        path: "/wagrun/subscribers".into(),
        rules: Rules {
            schemes,
            max_attempts: Some(8),
        },
        source: "/wagrun/test".into(),
        page_url: PAGE_URL.into(),
        targets: Targets {
            webhooks: WebhookClient::new(Timeouts::default(), reach).unwrap(),
            event_bridge: EventBridgeClient::new(aws_sdk_eventbridge::Client::new(&aws)),
            cloud_front: CloudFrontClient::new(aws_sdk_cloudfront::Client::new(&aws)),
        },
    };
    (tester, asked)
}

fn parameter_named(parameter: &Value, request: &str) -> (u16, String) {
    let request: Value = serde_json::from_str(request).unwrap();
    if request != json!({"Name": "/wagrun/subscribers/search", "WithDecryption": true}) {
        return (400, json!({"__type": "ParameterNotFound"}).to_string());
    }
    let parameter = json!({"Value": parameter.to_string(), "Type": "SecureString"});
    (200, json!({"Parameter": parameter}).to_string())
}

#[tokio::test]
async fn a_webhook_gets_a_signed_event_of_its_own() {
    let (url, received) = receiver(StatusCode::NO_CONTENT).await;
    let parameter =
        json!({"target": "webhook", "url": url, "secrets": [SECRET], "types": ["wagtail.page.*"]});
    let (tester, _) = tester(parameter, Reach::Anywhere);
    let report = tester.test("search", Timestamp::now()).await.unwrap();

    let received = received.lock().unwrap();
    let [(headers, body)] = &received[..] else {
        panic!("{} requests", received.len());
    };
    Webhook::new(SECRET).unwrap().verify(body, headers).unwrap();
    let event: Event = serde_json::from_slice(body).unwrap();
    assert_eq!(event, report.event);
    assert_eq!(event.kind, "subscriber.test");
    assert_eq!(event.subject, "subscriber/search");
    assert_eq!(event.source, "/wagrun/test");
    assert_eq!(event.subscriber.as_deref(), Some("search"));

    let text = report.to_string();
    for line in [
        "subscriber  /wagrun/subscribers/search\n".to_owned(),
        format!(
            "event       subscriber.test subscriber/search {}\n",
            event.id
        ),
        "outcome     delivered\n".to_owned(),
        "status      204\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(text.contains("/…, one signature\n"), "{text}");
    for secret in ["T0KEN", "secret=1", SECRET] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_refusal_is_reported_with_the_outcome_of_deliver() {
    let (url, _) = receiver(StatusCode::GONE).await;
    let parameter = json!({"target": "webhook", "url": url, "secrets": [SECRET], "enabled": false});
    let (tester, asked) = tester(parameter, Reach::Anywhere);
    let report = tester.test("search", Timestamp::now()).await.unwrap();
    assert!(report.result.is_err());
    let text = report.to_string();
    for line in [
        "outcome     refused\n",
        "status      410\n",
        "error       the receiver answered 410 Gone\n",
        "note        the subscriber is disabled: no events are kept for it\n",
        "note        deliver would disable it: ",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(
        asked.lock().unwrap().is_empty(),
        "the test does not disable the subscriber"
    );
}

#[tokio::test]
async fn an_address_that_is_not_on_the_internet_is_not_called() {
    let parameter =
        json!({"target": "webhook", "url": "https://127.0.0.1:1/", "secrets": [SECRET]});
    let (tester, _) = tester(parameter, Reach::Public);
    let report = tester.test("search", Timestamp::now()).await.unwrap();
    assert_eq!(report.outcome(), "forbidden");
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_is_named_with_its_field() {
    let cases = [
        (
            json!({"target": "webhook", "url": "http://example.org/", "secrets": [SECRET]}),
            "url",
        ),
        (
            json!({"target": "webhook", "url": "https://example.org/", "secrets": ["whsec_c2hvcnQ="]}),
            "secrets[0]",
        ),
        (
            json!({"target": "webhook", "url": "https://example.org/", "secrets": [SECRET], "typos": []}),
            "typos",
        ),
    ];
    for (parameter, field) in cases {
        let (tester, _) = tester(parameter, Reach::Public);
        let error = tester.test("search", Timestamp::now()).await.unwrap_err();
        let text = chain(&error);
        let expected = format!("subscriber /wagrun/subscribers/search: {field}: ");
        assert!(text.starts_with(&expected), "{text}");
    }
    let (tester, _) = tester(json!({}), Reach::Public);
    let error = tester.test("serach", Timestamp::now()).await.unwrap_err();
    assert_eq!(
        chain(&error),
        "there is no subscriber serach: no parameter /wagrun/subscribers/serach"
    );
}

#[tokio::test]
async fn a_bus_gets_the_event_and_a_distribution_invalidates_a_path() {
    let bus = "arn:aws:events:us-east-1:123456789012:event-bus/site";
    let (bus_tester, asked) = tester(json!({"target": "eventbridge", "bus": bus}), Reach::Public);
    let report = bus_tester.test("search", Timestamp::now()).await.unwrap();
    let request: Value = serde_json::from_str(&asked.lock().unwrap()[0].body).unwrap();
    assert_eq!(request["Entries"][0]["DetailType"], "subscriber.test");
    assert_eq!(request["Entries"][0]["EventBusName"], bus);
    let text = report.to_string();
    assert!(
        text.contains(&format!("target      eventbridge {bus}\n")),
        "{text}"
    );
    assert!(
        text.contains("done        the event is on the bus"),
        "{text}"
    );
    assert!(!text.contains("status"), "{text}");

    let parameter =
        json!({"target": "cloudfront", "distribution": "E2EXAMPLE12345", "wildcard": true});
    let (tester, asked) = tester(parameter, Reach::Public);
    let report = tester.test("search", Timestamp::now()).await.unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].line,
        "POST /2020-05-31/distribution/E2EXAMPLE12345/invalidation"
    );
    assert!(
        asked[0]
            .body
            .contains("<Path>/wagrun-subscriber-test/*</Path>"),
        "{}",
        asked[0].body
    );
    let text = report.to_string();
    assert!(
        text.contains("target      cloudfront E2EXAMPLE12345, with all paths below\n"),
        "{text}"
    );
    assert!(text.contains("done        an invalidation"), "{text}");
}

#[tokio::test]
async fn deliver_is_the_function_that_delivers_to_the_stacks_subscribers() {
    let function = |name: &str, path: &str, rest: &[&str]| {
        let mut variables = json!({"SUBSCRIBERS_PATH": path, "NAME": name});
        for variable in rest {
            variables[*variable] = json!("5");
        }
        json!({"FunctionName": name, "Environment": {"Variables": variables}})
    };
    let functions = json!({"Functions": [
        {"FunctionName": "without-variables"},
        function("fan-out", "/wagrun/subscribers", &[]),
        function("another-stack", "/other/subscribers", &["RETRY_SECONDS"]),
        function("deliver", "/wagrun/subscribers", &["RETRY_SECONDS"]),
    ]});
    let aws = answering(move |_| (200, functions.to_string()));
    let found = environment(&aws, "wagrun").await.unwrap();
    assert_eq!(found["NAME"], "deliver");
    let error = environment(&aws, "wagrum").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("stack wagrum has no function deliver"),
        "{error}"
    );
}
