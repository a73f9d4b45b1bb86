//! The page in a headless Chromium, over a real receiver and an AWS that holds what a test puts there.

mod fake_aws;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use uuid::Uuid;

use super::*;
use crate::browser::{Browser, Look};
use fake_aws::FakeAws;

const PATIENCE: Duration = Duration::from_secs(30);
const DESKTOP: Look = Look {
    width: 1100,
    height: 900,
    dark: false,
};

/// The page, open in a browser, and what its events and deliveries come from.
struct Theatre {
    receiver: Arc<Receiver>,
    aws: FakeAws,
    browser: Browser,
    origin: String,
    _server: tokio::task::JoinHandle<io::Result<()>>,
}

impl Theatre {
    async fn open() -> Self {
        crate::install_crypto();
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
            waits: vec![20, 40],
            since: Timestamp::now(),
            database: "postgres://127.0.0.1:1/none".into(),
            admin: "http://127.0.0.1:8000/admin/".into(),
        };
        let (address, server) = page.bind().await.unwrap();
        let server = tokio::spawn(server);
        let origin = format!("http://{address}/");
        let mut browser = Browser::start().await.unwrap();
        browser.open(&origin, DESKTOP).await.unwrap();
        let mut theatre = Self {
            receiver,
            aws,
            browser,
            origin,
            _server: server,
        };
        let are_shown = "document.querySelectorAll('fieldset').length === 2";
        theatre.see("the receivers", are_shown).await;
        theatre
    }

    /// Posts an event as deliver does, and has it say so in its log if it was answered.
    async fn deliver(&self, name: &str, event: &Value, attempt: u32) {
        let status = self.post(name, event).await;
        let outcome = if status.is_success() {
            "delivered"
        } else {
            "refused"
        };
        self.log(name, event, attempt, outcome, Some(status.as_u16()));
    }

    async fn post(&self, name: &str, event: &Value) -> StatusCode {
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

    fn log(&self, name: &str, event: &Value, attempt: u32, outcome: &str, status: Option<u16>) {
        self.aws.log(&json!({
            "message": "delivery attempted", "event.id": event["id"], "event.type": event["type"],
            "event.subject": event["subject"], "subscriber": name, "attempt": attempt,
            "outcome": outcome, "status": status, "duration_ms": 7,
        }));
    }

    /// Tells a receiver to behave otherwise, by mouse, and waits until it does.
    async fn choose(&mut self, name: &str, mode: &str) {
        let radio = format!("fieldset[data-name={name}] [value={mode}]");
        self.browser.click(&radio).await.unwrap();
        let is_kept = format!("document.querySelector('{radio}').checked");
        self.see("the choice", &is_kept).await;
        let mode: Mode = serde_json::from_value(json!(mode)).unwrap();
        self.receiver_is(name, mode).await;
    }

    async fn receiver_is(&self, name: &str, mode: Mode) {
        let expected = format!("{:?}", mode.answer());
        let look = || async {
            let habit = self.receiver.habit(name).map(|habit| format!("{habit:?}"));
            Ok::<_, io::Error>(match habit {
                Some(habit) if habit == expected => crate::progress::Wait::Ready(()),
                other => crate::progress::Wait::NotYet(format!("{other:?}")),
            })
        };
        let quiet = crate::progress::Progress::quiet();
        let waited = crate::progress::wait_until(&quiet, "the receiver", PATIENCE, look);
        waited
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
    }

    async fn see(&mut self, what: &str, expression: &str) {
        let seen = self.browser.wait_for(what, expression, PATIENCE).await;
        seen.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until the line of an event and a subscriber has this text in it.
    async fn see_fate(&mut self, event: &Value, name: &str, text: &str) {
        let line = fate(event, name);
        let what = format!("{text:?} at {name}");
        let holds = format!(
            "{line}?.innerText.replace(/\\s+/g, ' ').includes({})",
            json!(text)
        );
        self.see(&what, &holds).await;
    }

    async fn text(&mut self, selector: &str) -> String {
        let text = format!("document.querySelector({})?.innerText", json!(selector));
        let text = self.browser.evaluate(&text).await.unwrap();
        text.as_str().unwrap_or_default().to_owned()
    }
}

fn fate(event: &Value, name: &str) -> String {
    let id = event["id"].as_str().unwrap();
    format!("document.querySelector('[data-id=\"{id}\"] [data-subscriber={name}]')")
}

fn event(kind: &str, subject: &str, title: &str) -> Value {
    json!({
        "specversion": "1.0", "id": Uuid::new_v4(), "source": "/wagrun/test", "type": kind,
        "subject": subject, "time": Timestamp::now().to_string(), "datacontenttype": "application/json",
        "partitionkey": subject, "sequence": "0000000000000001",
        "data": {"title": title, "editor": {"id": 1, "username": "anna"}},
    })
}

#[tokio::test]
async fn a_failing_receiver_delays_its_own_lane_and_no_other() {
    let mut page = Theatre::open().await;
    page.choose("search", "fails").await;
    let first = event("wagtail.page.published", "page/4", "News");
    let second = event("wagtail.page.updated", "page/4", "News, again");
    let third = event("wagtail.page.published", "page/5", "Elsewhere");
    for event in [&first, &second, &third] {
        page.post(OBSERVER, event).await;
    }
    page.see_fate(&first, "search", "waiting").await;
    page.deliver("search", &first, 1).await;
    page.deliver("cdn", &first, 1).await;
    page.see_fate(&first, "search", "failed, attempt 2 in about")
        .await;
    page.see_fate(&first, "search", "1: 500, 7 ms signature verified")
        .await;
    page.see_fate(&first, "cdn", "delivered").await;
    page.see_fate(&second, "search", "waiting behind published")
        .await;
    page.see_fate(&second, "cdn", "not for this subscriber")
        .await;
    // Another object is another lane.
    page.see_fate(&third, "search", "waiting").await;
    assert_eq!(
        page.text("[data-name=search] .waiting").await,
        "3 deliveries wait"
    );
    assert_eq!(
        page.text("[role=status]").await,
        "search: 3 deliveries wait. cdn: 1 delivery waits."
    );

    page.choose("search", "takes").await;
    page.deliver("search", &first, 2).await;
    page.see_fate(&first, "search", "delivered by attempt 2")
        .await;
    page.see_fate(&second, "search", "waiting").await;
    page.deliver("search", &second, 1).await;
    page.deliver("search", &third, 1).await;
    page.deliver("cdn", &third, 1).await;
    page.see("nothing to wait", "document.querySelector('[role=status]').innerText === 'search: nothing waits. cdn: nothing waits.'").await;
    let header = page.text("article header").await;
    for part in ["wagtail.page.published", "page/5", "Elsewhere", "by anna"] {
        assert!(header.contains(part), "the newest stands first: {header}");
    }
    let complaints = page.browser.complaints(&page.origin);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[tokio::test]
async fn a_receiver_that_hangs_is_shown_as_asked_and_then_as_timed_out() {
    let mut page = Theatre::open().await;
    page.choose("cdn", "hangs").await;
    let event = event("wagtail.page.published", "page/4", "News");
    {
        let mut hanging = std::pin::pin!(page.post("cdn", &event));
        tokio::select! {
            status = &mut hanging => panic!("answered {status}"),
            () = page.receiver.more_than(0) => {}
        }
    }
    page.see_fate(&event, "cdn", "asked, no answer for").await;
    page.log("cdn", &event, 1, "timeout", None);
    page.see_fate(&event, "cdn", "1: timeout, 7 ms").await;
    page.see_fate(&event, "cdn", "failed, attempt 2 in about")
        .await;
}

#[tokio::test]
async fn the_last_failure_is_given_up_when_it_is_in_the_dead_letter_queue() {
    let mut page = Theatre::open().await;
    page.choose("search", "fails").await;
    let event = event("wagtail.page.published", "page/4", "News");
    for attempt in 1..=3 {
        page.deliver("search", &event, attempt).await;
    }
    page.see_fate(&event, "search", "the last attempt failed")
        .await;
    page.aws.give_up("search", &event);
    page.see_fate(&event, "search", "given up: in the dead-letter queue")
        .await;
    page.see_fate(&event, "search", "1: 500, 7 ms 2: 500, 7 ms 3: 500, 7 ms")
        .await;
}

#[tokio::test]
async fn a_subscriber_that_was_switched_off_is_switched_on_again() {
    let mut page = Theatre::open().await;
    page.choose("search", "gone").await;
    let first = event("wagtail.page.published", "page/4", "News");
    page.deliver("search", &first, 1).await;
    let mut parameter = page.aws.subscriber("search");
    parameter["enabled"] = json!(false);
    parameter["disabled"] =
        json!({"reason": "the receiver answered 410 Gone", "at": Timestamp::now()});
    page.aws.put_subscriber("search", &parameter);
    page.see_fate(&first, "search", "it wants no more: switched off")
        .await;
    let second = event("wagtail.page.published", "page/5", "Unheard");
    page.post(OBSERVER, &second).await;
    page.see_fate(&second, "search", "not kept: switched off")
        .await;

    let button = "[data-name=search] button";
    page.see("why", "document.querySelector('[data-name=search]').innerText.includes('the receiver answered 410 Gone')").await;
    page.choose("search", "takes").await;
    page.browser.click(button).await.unwrap();
    page.see(
        "no button",
        "document.querySelector('[data-name=search] button').offsetParent === null",
    )
    .await;
    let parameter = page.aws.subscriber("search");
    assert_eq!(parameter["enabled"], true);
    assert_eq!(parameter["disabled"], Value::Null);
    assert_eq!(parameter["types"], json!(["*"]), "the rest is kept");
}

#[tokio::test]
async fn a_wrong_signature_is_seen() {
    let mut page = Theatre::open().await;
    let event = event("wagtail.page.published", "page/4", "News");
    let request = reqwest::Client::new().post(page.receiver.url("cdn"));
    request.body(event.to_string()).send().await.unwrap();
    page.see_fate(&event, "cdn", "1: 204 missing header").await;
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let mut page = Theatre::open().await;
    let focused = "document.activeElement";
    // The link to the admin, then one stop for each group of radio buttons.
    for _ in 0..2 {
        page.browser.press("Tab").await.unwrap();
    }
    page.see(
        "the focus",
        &format!("{focused}.name === 'mode-search' && {focused}.value === 'takes'"),
    )
    .await;
    page.see(
        "a frame",
        &format!("getComputedStyle({focused}.closest('label')).outlineStyle === 'solid'"),
    )
    .await;
    page.browser.press("ArrowRight").await.unwrap();
    page.receiver_is("search", Mode::Fails).await;
    page.browser.press("Tab").await.unwrap();
    page.browser.press("ArrowRight").await.unwrap();
    page.browser.press("ArrowRight").await.unwrap();
    page.receiver_is("cdn", Mode::Hangs).await;

    let event = event("wagtail.page.published", "page/4", "News");
    page.post(OBSERVER, &event).await;
    page.see_fate(&event, "cdn", "waiting").await;
    page.browser.press("Tab").await.unwrap();
    page.see("the summary", &format!("{focused}.localName === 'summary'"))
        .await;
    page.browser.press("Enter").await.unwrap();
    page.see("the event", "document.querySelector('details[open] pre')?.innerText.includes('\"subject\": \"page/4\"')").await;
    // There is no database here, and the page says so.
    page.see(
        "the timeline",
        "document.querySelector('.stages')?.innerText.includes('looking up event')",
    )
    .await;
}

#[tokio::test]
async fn it_fits_a_phone_and_can_be_read_in_the_dark() {
    let mut page = Theatre::open().await;
    let event = event(
        "wagtail.page.published",
        "page/4",
        &"A very long title ".repeat(8),
    );
    page.deliver("search", &event, 1).await;
    page.see_fate(&event, "search", "delivered").await;
    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = page.browser.evaluate(ground).await.unwrap();
    let phone = Look {
        width: 360,
        height: 700,
        dark: true,
    };
    page.browser.look(phone).await.unwrap();
    page.see(
        "no sideways scrolling",
        "innerWidth === 360 && document.documentElement.scrollWidth <= 360",
    )
    .await;
    assert_ne!(page.browser.evaluate(ground).await.unwrap(), light);
    let unlabelled = "[...document.querySelectorAll('input')].filter((one) => !one.labels.length || !one.closest('fieldset').querySelector('legend')).length";
    assert_eq!(page.browser.evaluate(unlabelled).await.unwrap(), 0);
}
