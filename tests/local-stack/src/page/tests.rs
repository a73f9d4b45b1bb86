//! The page in a headless Chromium, with a real receiver and a fake AWS.

mod fake_aws;
mod fixture;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::browser::Viewport;
use fixture::{PageFixture, event};

#[tokio::test]
async fn a_failing_receiver_delays_its_own_lane_and_no_other() {
    let mut page = PageFixture::open().await;
    page.choose("search", "fails").await;
    let first = event("wagtail.page.published", "page/4", "News");
    let second = event("wagtail.page.updated", "page/4", "News, again");
    let third = event("wagtail.page.published", "page/5", "Elsewhere");
    for event in [&first, &second, &third] {
        page.post(OBSERVER, event).await;
    }
    page.see_delivery(&first, "search", "waiting").await;
    page.deliver("search", &first, 1).await;
    page.deliver("cdn", &first, 1).await;
    page.see_delivery(&first, "search", "failed, attempt 2 in about")
        .await;
    page.see_delivery(&first, "search", "1: 500, 7 ms signature verified")
        .await;
    page.see_delivery(&first, "cdn", "delivered").await;
    page.see_delivery(&second, "search", "waiting behind published")
        .await;
    page.see_delivery(&second, "cdn", "not for this subscriber")
        .await;
    // Another object is another lane.
    page.see_delivery(&third, "search", "waiting").await;
    assert_eq!(
        page.text("[data-name=search] .waiting").await,
        "3 deliveries wait"
    );
    assert_eq!(
        page.text("[role=status]").await,
        "search: 3 deliveries wait. cdn: 1 delivery waits."
    );

    page.choose("search", "accepts").await;
    page.deliver("search", &first, 2).await;
    page.see_delivery(&first, "search", "delivered by attempt 2")
        .await;
    page.see_delivery(&second, "search", "waiting").await;
    page.deliver("search", &second, 1).await;
    page.deliver("search", &third, 1).await;
    page.deliver("cdn", &third, 1).await;
    page.see("nothing to wait", "document.querySelector('[role=status]').innerText === 'search: nothing waits. cdn: nothing waits.'").await;
    let header = page.text("article header").await;
    for part in ["wagtail.page.published", "page/5", "Elsewhere", "by anna"] {
        assert!(header.contains(part), "the newest stands first: {header}");
    }
    let problems = page.browser.problems(&page.origin);
    assert!(problems.is_empty(), "{problems:#?}");
}

#[tokio::test]
async fn a_receiver_that_hangs_is_shown_as_in_flight_and_then_as_timed_out() {
    let mut page = PageFixture::open().await;
    page.choose("cdn", "hangs").await;
    let event = event("wagtail.page.published", "page/4", "News");
    {
        let mut hanging = std::pin::pin!(page.post("cdn", &event));
        tokio::select! {
            status = &mut hanging => panic!("answered {status}"),
            () = page.receiver.wait_for_more_than(0) => {}
        }
    }
    page.see_delivery(&event, "cdn", "sent, no answer for")
        .await;
    page.log("delivery attempted", "cdn", &event, 1, "timeout", None);
    page.see_delivery(&event, "cdn", "1: timeout, 7 ms").await;
    page.see_delivery(&event, "cdn", "failed, attempt 2 in about")
        .await;
}

#[tokio::test]
async fn the_last_failure_is_given_up_when_it_is_in_the_dead_letter_queue() {
    let mut page = PageFixture::open().await;
    page.choose("search", "fails").await;
    let event = event("wagtail.page.published", "page/4", "News");
    for attempt in 1..=3 {
        page.deliver("search", &event, attempt).await;
    }
    page.see_delivery(&event, "search", "the last attempt failed")
        .await;
    page.aws.give_up("search", &event);
    page.see_delivery(&event, "search", "given up: in the dead-letter queue")
        .await;
    page.see_delivery(&event, "search", "1: 500, 7 ms 2: 500, 7 ms 3: 500, 7 ms")
        .await;
}

#[tokio::test]
async fn a_disabled_subscriber_is_enabled_again() {
    let mut page = PageFixture::open().await;
    page.choose("search", "gone").await;
    let first = event("wagtail.page.published", "page/4", "News");
    page.deliver("search", &first, 1).await;
    let mut parameter = page.aws.subscriber("search");
    parameter["enabled"] = json!(false);
    parameter["disabled"] =
        json!({"reason": "the receiver answered 410 Gone", "at": Timestamp::now()});
    page.aws.put_subscriber("search", &parameter);
    page.see_delivery(&first, "search", "410 Gone: the subscriber is disabled")
        .await;
    let second = event("wagtail.page.published", "page/5", "Unheard");
    page.post(OBSERVER, &second).await;
    page.see_delivery(&second, "search", "not kept: the subscriber was disabled")
        .await;

    let button = "[data-name=search] button";
    page.see("why", "document.querySelector('[data-name=search]').innerText.includes('the receiver answered 410 Gone')").await;
    page.choose("search", "accepts").await;
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
async fn deliveries_that_are_set_aside_or_dropped_are_shown() {
    let mut page = PageFixture::open().await;
    let event = event("wagtail.page.published", "page/4", "News");
    page.post(OBSERVER, &event).await;
    page.see_delivery(&event, "search", "waiting").await;
    page.log("delivery set aside", "search", &event, 1, "set_aside", None);
    page.log("delivery dropped", "cdn", &event, 1, "dropped", None);
    page.see_delivery(
        &event,
        "search",
        "set aside until the subscriber accepts events again",
    )
    .await;
    page.see_delivery(&event, "cdn", "dropped: disabled").await;
    page.see("the number of waiting deliveries", "document.querySelector('[role=status]').innerText === 'search: 1 delivery waits. cdn: nothing waits.'").await;
}

#[tokio::test]
async fn a_wrong_signature_is_seen() {
    let mut page = PageFixture::open().await;
    let event = event("wagtail.page.published", "page/4", "News");
    let request = reqwest::Client::new().post(page.receiver.url("cdn"));
    request.body(event.to_string()).send().await.unwrap();
    page.see_delivery(&event, "cdn", "1: 204 missing header")
        .await;
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let mut page = PageFixture::open().await;
    let focused = "document.activeElement";
    // The link to the admin, then one stop for each group of radio buttons.
    for _ in 0..2 {
        page.browser.press("Tab").await.unwrap();
    }
    page.see(
        "the focus",
        &format!("{focused}.name === 'mode-search' && {focused}.value === 'accepts'"),
    )
    .await;
    page.see(
        "a frame",
        &format!("getComputedStyle({focused}.closest('label')).outlineStyle === 'solid'"),
    )
    .await;
    page.browser.press("ArrowRight").await.unwrap();
    page.receiver_is("search", ReceiverMode::Fails).await;
    page.browser.press("Tab").await.unwrap();
    page.browser.press("ArrowRight").await.unwrap();
    page.browser.press("ArrowRight").await.unwrap();
    page.receiver_is("cdn", ReceiverMode::Hangs).await;

    let event = event("wagtail.page.published", "page/4", "News");
    page.post(OBSERVER, &event).await;
    page.see_delivery(&event, "cdn", "waiting").await;
    page.browser.press("Tab").await.unwrap();
    page.see("the summary", &format!("{focused}.localName === 'summary'"))
        .await;
    page.browser.press("Enter").await.unwrap();
    page.see("the event", "document.querySelector('details[open] pre')?.innerText.includes('\"subject\": \"page/4\"')").await;
    // There is no database in this test, so the page shows the error.
    page.see(
        "the timeline",
        "document.querySelector('.stages')?.innerText.includes('looking up event')",
    )
    .await;
}

#[tokio::test]
async fn it_fits_a_phone_and_can_be_read_in_the_dark() {
    let mut page = PageFixture::open().await;
    let event = event(
        "wagtail.page.published",
        "page/4",
        &"A very long title ".repeat(8),
    );
    page.deliver("search", &event, 1).await;
    page.see_delivery(&event, "search", "delivered").await;
    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = page.browser.evaluate(ground).await.unwrap();
    let phone = Viewport {
        width: 360,
        height: 700,
        dark: true,
    };
    page.browser.set_viewport(phone).await.unwrap();
    page.see(
        "no sideways scrolling",
        "innerWidth === 360 && document.documentElement.scrollWidth <= 360",
    )
    .await;
    assert_ne!(page.browser.evaluate(ground).await.unwrap(), light);
    let unlabelled = "[...document.querySelectorAll('input')].filter((one) => !one.labels.length || !one.closest('fieldset').querySelector('legend')).length";
    assert_eq!(page.browser.evaluate(unlabelled).await.unwrap(), 0);
}
