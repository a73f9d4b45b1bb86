//! The page in a headless Chromium, over a real receiver and an AWS that holds what a test puts there.

mod fake_aws;
mod theatre;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::browser::Look;
use theatre::{Theatre, event};

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
    page.log("delivery attempted", "cdn", &event, 1, "timeout", None);
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
async fn what_deliver_lays_away_is_told_in_its_words() {
    let mut page = Theatre::open().await;
    let event = event("wagtail.page.published", "page/4", "News");
    page.post(OBSERVER, &event).await;
    page.see_fate(&event, "search", "waiting").await;
    for (name, outcome) in [("search", "set aside"), ("cdn", "dropped: disabled")] {
        page.log("delivery laid away", name, &event, 1, outcome, None);
    }
    page.see_fate(&event, "search", "set aside until it takes events again")
        .await;
    page.see_fate(&event, "cdn", "dropped: disabled").await;
    page.see("whose deliveries wait", "document.querySelector('[role=status]').innerText === 'search: 1 delivery waits. cdn: nothing waits.'").await;
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
