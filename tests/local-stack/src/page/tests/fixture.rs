//! The page in a browser, with a receiver and a fake AWS behind it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use uuid::Uuid;

use super::fake_aws::FakeAws;
use crate::browser::{Browser, Viewport};
use crate::page::*;

const TIMEOUT: Duration = Duration::from_secs(30);
const DESKTOP: Viewport = Viewport {
    width: 1100,
    height: 900,
    dark: false,
};

/// The page in a browser, with a receiver and a fake AWS behind it.
pub struct PageFixture {
    pub receiver: Arc<Receiver>,
    pub aws: FakeAws,
    pub browser: Browser,
    pub origin: String,
    _server: tokio::task::JoinHandle<io::Result<()>>,
}

impl PageFixture {
    pub async fn open() -> Self {
        testing::install_crypto();
        let receiver = Arc::new(Receiver::start().unwrap());
        let aws = FakeAws::start().await;
        for (name, types) in [
            ("search", json!(["*"])),
            ("cdn", json!(["*.published", "*.deleted"])),
        ] {
            let mut parameter = receiver.parameter(name);
            parameter["types"] = types;
            aws.put_subscriber(name, &parameter);
        }
        receiver.secret(OBSERVER);
        let page = Page {
            receiver: Arc::clone(&receiver),
            deployment: aws.deployment().await,
            subscribers: vec!["search".into(), "cdn".into()],
            retry_seconds: vec![20, 40],
            since: Timestamp::now(),
            database: "postgres://127.0.0.1:1/none".into(),
            admin: "http://127.0.0.1:8000/admin/".into(),
        };
        let (address, server) = page.bind().await.unwrap();
        let server = tokio::spawn(server);
        let origin = format!("http://{address}/");
        let mut browser = Browser::start().await.unwrap();
        browser.open(&origin, DESKTOP).await.unwrap();
        let mut fixture = Self {
            receiver,
            aws,
            browser,
            origin,
            _server: server,
        };
        let are_shown = "document.querySelectorAll('fieldset').length === 2";
        fixture.see("the receivers", are_shown).await;
        fixture
    }

    /// Posts an event as deliver does, and writes the attempt into deliver's log.
    pub async fn deliver(&self, name: &str, event: &Value, attempt: u32) {
        let status = self.post(name, event).await;
        let outcome = if status.is_success() {
            "delivered"
        } else {
            "refused"
        };
        let status = Some(status.as_u16());
        self.log("delivery attempted", name, event, attempt, outcome, status);
    }

    pub async fn post(&self, name: &str, event: &Value) -> StatusCode {
        let (body, id) = (event.to_string(), event["id"].as_str().unwrap());
        let now = Timestamp::now().as_second();
        let webhook = Webhook::new(&self.receiver.secret(name)).unwrap();
        reqwest::Client::new()
            .post(self.receiver.url(name))
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header(
                "webhook-signature",
                webhook.sign(id, now, body.as_bytes()).unwrap(),
            )
            .body(body)
            .send()
            .await
            .unwrap()
            .status()
    }

    pub fn log(
        &self,
        message: &str,
        name: &str,
        event: &Value,
        attempt: u32,
        outcome: &str,
        status: Option<u16>,
    ) {
        self.aws.log(&json!({
            "message": message, "event.id": event["id"], "event.type": event["type"],
            "event.subject": event["subject"], "subscriber": name, "attempt": attempt,
            "outcome": outcome, "status": status, "duration_ms": 7, "reason": (outcome == "dropped").then_some("disabled"),
        }));
    }

    /// Chooses the mode of a receiver with the mouse, and waits until the receiver has it.
    pub async fn choose(&mut self, name: &str, mode: &str) {
        let radio = format!("fieldset[data-name={name}] [value={mode}]");
        self.browser.click(&radio).await.unwrap();
        let is_kept = format!("document.querySelector('{radio}').checked");
        self.see("the choice", &is_kept).await;
        let mode: ReceiverMode = serde_json::from_value(json!(mode)).unwrap();
        self.receiver_is(name, mode).await;
    }

    pub async fn receiver_is(&self, name: &str, mode: ReceiverMode) {
        let expected = format!("{:?}", mode.answer());
        let check = || async {
            let answer = self.receiver.default_answer(name);
            let answer = answer.map(|answer| format!("{answer:?}"));
            Ok::<_, io::Error>(match answer {
                Some(answer) if answer == expected => testing::progress::Wait::Ready(()),
                other => testing::progress::Wait::NotYet(format!("{other:?}")),
            })
        };
        let quiet = testing::progress::Progress::quiet();
        let waited = testing::progress::wait_until(&quiet, "the receiver", TIMEOUT, check);
        waited
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
    }

    pub async fn see(&mut self, what: &str, expression: &str) {
        let seen = self.browser.wait_for(what, expression, TIMEOUT).await;
        seen.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until the delivery of an event to a subscriber has this text.
    pub async fn see_delivery(&mut self, event: &Value, name: &str, text: &str) {
        let line = delivery(event, name);
        let what = format!("{text:?} at {name}");
        let holds = format!(
            "{line}?.innerText.replace(/\\s+/g, ' ').includes({})",
            json!(text)
        );
        self.see(&what, &holds).await;
    }

    pub async fn text(&mut self, selector: &str) -> String {
        let text = format!("document.querySelector({})?.innerText", json!(selector));
        let text = self.browser.evaluate(&text).await.unwrap();
        text.as_str().unwrap_or_default().to_owned()
    }
}

/// Returns the JavaScript expression for the element of a delivery.
fn delivery(event: &Value, name: &str) -> String {
    let id = event["id"].as_str().unwrap();
    format!("document.querySelector('[data-id=\"{id}\"] [data-subscriber={name}]')")
}

pub fn event(kind: &str, subject: &str, title: &str) -> Value {
    json!({
        "specversion": "1.0", "id": Uuid::new_v4(), "source": "/wagrun/test", "type": kind,
        "subject": subject, "time": Timestamp::now().to_string(), "datacontenttype": "application/json",
        "partitionkey": subject, "sequence": "0000000000000001",
        "data": {"title": title, "editor": {"id": 1, "username": "anna"}},
    })
}
