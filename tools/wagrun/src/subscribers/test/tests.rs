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

use super::*;
use deliver::Reach;

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

/// A stack whose AWS has one subscriber, `search`.
struct World {
    stack: Stack,
    /// The requests to AWS besides those for the parameter and the configuration.
    asked: Arc<Mutex<Vec<Request>>>,
}

impl World {
    /// Tests the subscriber. Its objects are not counted.
    async fn test(&self) -> Result<Report, CommandError> {
        self.test_named("search", true).await
    }

    async fn test_named(&self, name: &str, no_count: bool) -> Result<Report, CommandError> {
        let arguments = Arguments {
            name: name.to_owned(),
            url: None,
            no_count,
            yes: true,
        };
        let counts = (!no_count).then_some(Ok(()));
        test(&arguments, counts, &self.stack, time::now()).await
    }
}

/// Returns a stack with this parameter, whose deliver may reach these addresses.
fn world(parameter: Value, reach: Reach) -> World {
    answering_world(parameter, reach, |_| {
        (201, "<Invalidation><Id>I1</Id></Invalidation>".to_owned())
    })
}

fn answering_world(
    parameter: Value,
    reach: Reach,
    answer: impl Fn(&Request) -> (u16, String) + Send + Sync + 'static,
) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    let allows_http = reach == Reach::Anywhere;
    let aws = answering(move |request| {
        if request.operation == "AmazonSSM.GetParameter" {
            return parameter_named(&parameter, &request.body);
        }
        if request.line.starts_with("GET ") && request.line.contains("/functions/ours-deliver/") {
            let variables = json!({"EVENT_SOURCE": "/wagrun/test", "ALLOW_HTTP_WEBHOOKS": allows_http.to_string()});
            let configuration = json!({"Environment": {"Variables": variables}});
            return (200, configuration.to_string());
        }
        kept.lock().unwrap().push(request.clone());
        if request.operation == "AWSEvents.PutEvents" {
            let answer = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]});
            return (200, answer.to_string());
        }
        answer(request)
    });
    let outputs = [
        ("SubscribersPath", "/wagrun/subscribers"),
        ("DeliverFunctionName", "ours-deliver"),
        ("ContentEventsFunctionName", "ours"),
    ];
    World {
        stack: Stack::with_outputs("wagrun", aws, &outputs),
        asked,
    }
}

fn parameter_named(parameter: &Value, request: &str) -> (u16, String) {
    let request: Value = serde_json::from_str(request).unwrap();
    if request != json!({"Name": "/wagrun/subscribers/search", "WithDecryption": true}) {
        return (400, json!({"__type": "ParameterNotFound"}).to_string());
    }
    let parameter =
        json!({"Name": request["Name"], "Value": parameter.to_string(), "Type": "SecureString"});
    (200, json!({"Parameter": parameter}).to_string())
}

#[tokio::test]
async fn a_webhook_gets_a_signed_event_of_its_own() {
    let (url, received) = receiver(StatusCode::NO_CONTENT).await;
    let parameter =
        json!({"target": "webhook", "url": url, "secrets": [SECRET], "types": ["wagtail.page.*"]});
    let world = world(parameter, Reach::Anywhere);
    let report = world.test().await.unwrap();

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
    let world = world(parameter, Reach::Anywhere);
    let report = world.test().await.unwrap();
    assert!(report.sent.result.is_err());
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
        world.asked.lock().unwrap().is_empty(),
        "the test does not disable the subscriber"
    );
}

#[tokio::test]
async fn an_address_that_is_not_on_the_internet_is_not_called() {
    let parameter =
        json!({"target": "webhook", "url": "https://127.0.0.1:1/", "secrets": [SECRET]});
    let world = world(parameter, Reach::Public);
    let report = world.test().await.unwrap();
    assert_eq!(report.sent.outcome(), "forbidden");
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
        let text = world(parameter, Reach::Public)
            .test()
            .await
            .unwrap_err()
            .to_string();
        let expected = format!("subscriber /wagrun/subscribers/search: {field}: ");
        assert!(text.starts_with(&expected), "{text}");
    }
    let world = world(json!({}), Reach::Public);
    let error = world.test_named("serach", true).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "serach: there is no such subscriber: no parameter /wagrun/subscribers/serach; `wagrun subscribers list` has the names"
    );
}

#[tokio::test]
async fn a_bus_gets_the_event_and_a_distribution_invalidates_a_path() {
    let bus = "arn:aws:events:us-east-1:123456789012:event-bus/site";
    let of_bus = world(json!({"target": "eventbridge", "bus": bus}), Reach::Public);
    let report = of_bus.test().await.unwrap();
    let request: Value = serde_json::from_str(&of_bus.asked.lock().unwrap()[0].body).unwrap();
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
    let world = world(parameter, Reach::Public);
    let report = world.test().await.unwrap();
    let asked = world.asked.lock().unwrap();
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
