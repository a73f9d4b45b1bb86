//! The examples in the documents: an event of every type, as a receiver got it.

mod completeness;
mod document;
mod releases;
mod stable;

use std::collections::BTreeSet;

use axum::http::StatusCode;
use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};
use testing::receiver::{Answer, WebhookRequest};
use wagrun_event::Event;

use self::document::{Examples, REPLAYED_EXAMPLE};
use crate::support::event_line::{object, page};
use crate::support::png::PIXEL;
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::stack::CATCH_ALL;
use crate::support::subscribers::unsubscribe;

/// The subscriber that requests backfills, and that is disabled at the end.
const SEARCH: &str = "search";

/// `make payloads` runs this test with `UPDATE_PAYLOADS=1`, which writes the examples.
#[test]
fn the_documented_payloads_are_what_is_sent() {
    let examples = run(async { stable::with_stable_values(collect_examples().await) });
    if std::env::var_os("UPDATE_PAYLOADS").is_some() {
        document::write(&examples);
    }
    let sent: BTreeSet<String> = examples.keys().cloned().collect();
    assert_eq!(sent, document::example_names(), "each type is sent");
    document::assert_current(&examples);
}

/// Publishes events of every type. The last event of each type is its example.
async fn collect_examples() -> Examples {
    let mut scenario = Scenario::new("news").await;
    // It has no filter. Objects have no path, so it also receives objects of other tests.
    let parameter = scenario.receiver().parameter(SEARCH).to_string();
    let deployment = &scenario.stack.local.deployment;
    deployment.put_subscriber(SEARCH, &parameter).await.unwrap();
    let post = create_page(&mut scenario).await;
    change_objects(&mut scenario).await;
    request_backfills(&scenario, post).await;
    delete_page(&mut scenario, post).await;
    disable_subscriber(&mut scenario).await;
    releases::publish_both_outcomes(scenario.stack).await;
    let mut examples = Examples::new();
    for subscriber in [CATCH_ALL, SEARCH] {
        for delivery in scenario.receiver().requests(subscriber) {
            let event = delivery.event.as_ref().unwrap();
            if let Some(name) = example_name(event, &scenario, post, subscriber) {
                assert_eq!(delivery.signature, Ok(()));
                examples.insert(name, serde_json::from_slice(&delivery.body).unwrap());
            }
        }
    }
    unsubscribe(&scenario, SEARCH).await;
    examples
}

/// Returns the name of the example that an event is, if it is an event of this test.
fn example_name(
    event: &Event,
    scenario: &Scenario,
    post: PageId,
    subscriber: &str,
) -> Option<String> {
    let ours = match event.kind.split('.').next()? {
        "wagtail" if event.subject.starts_with("page/") => event.subject == format!("page/{post}"),
        "wagtail" => scenario.is_own_event(event),
        "subscriber" => event.subject == format!("subscriber/{SEARCH}"),
        _ => true,
    };
    let name = match (subscriber, event.backfill) {
        (SEARCH, None) => return None,
        (SEARCH, Some(_)) if event.replayed => REPLAYED_EXAMPLE,
        _ => &event.kind,
    };
    ours.then(|| name.to_owned())
}

/// Creates a page, changes it and moves it.
async fn create_page(scenario: &mut Scenario) -> PageId {
    let post = scenario
        .live_post(scenario.root, "The harbour reopens tomorrow")
        .await;
    let archive = Fields::titled("Archive");
    let made = scenario.admin.create_page(
        scenario.root,
        "blog/blogindexpage",
        &archive,
        Action::Publish,
    );
    let archive = made.await.unwrap();
    scenario
        .expect(&["created", "updated", "published"].map(|action| page(action, archive)))
        .await;
    scenario
        .edit(
            post,
            &Fields::titled("The harbour is open"),
            Action::Publish,
        )
        .await;
    scenario
        .expect(&[page("updated", post), page("published", post)])
        .await;
    scenario.admin.move_page(post, archive).await.unwrap();
    scenario.expect(&[page("moved", post)]).await;
    post
}

/// Creates, changes and deletes an image, a document and a snippet.
async fn change_objects(scenario: &mut Scenario) {
    let admin = &scenario.admin;
    let image = admin.upload_image("harbour.png", PIXEL.to_vec()).await;
    let image = image.unwrap();
    let document = admin.upload_document("timetable.txt", b"8:00".to_vec());
    let document = document.await.unwrap();
    let fields = Fields::none().with("name", "Ann").with("bio", "Writes.");
    let author = admin.create_snippet("blog/author", &fields).await.unwrap();

    let titled = Fields::titled("The harbour at night");
    admin.edit_image(image, &titled).await.unwrap();
    let titled = Fields::titled("Timetable");
    admin.edit_document(document, &titled).await.unwrap();
    let fields = Fields::none().with("name", "Anne").with("bio", "Wrote.");
    let edited = admin.edit_snippet("blog/author", author, &fields);
    edited.await.unwrap();

    let subjects = [
        ("image", format!("image/{image}")),
        ("document", format!("document/{document}")),
        ("author", format!("blog.author/{author}")),
    ];
    for (_, subject) in &subjects {
        scenario.add_object(subject);
    }
    let lines = |action: &str| {
        subjects
            .iter()
            .map(|(kind, subject)| object(&format!("{kind}.{action}"), subject))
            .collect::<Vec<_>>()
    };
    scenario
        .expect(&[lines("created"), lines("updated")].concat())
        .await;
    let objects = ["image", "document", "author"].map(|kind| format!("wagtail.{kind}.*"));
    request_snapshot(scenario, &json!({"types": objects}), 3).await;

    scenario.admin.delete_image(image).await.unwrap();
    scenario.admin.delete_document(document).await.unwrap();
    let deleted = scenario.admin.delete_snippet("blog/author", author);
    deleted.await.unwrap();
    scenario.expect(&lines("deleted")).await;
}

/// Requests a snapshot and a replay of the page.
async fn request_backfills(scenario: &Scenario, post: PageId) {
    request_snapshot(scenario, &json!({"under": "/news/archive/"}), 2).await;
    let request = json!({"subject": format!("page/{post}"), "type": "wagtail.page.published", "subscriber": SEARCH});
    invoke(scenario, &json!({"replay": request})).await;
    let is_replayed = |event: &Event| event.replayed;
    wait_for_event(scenario, SEARCH, "a replayed event", is_replayed).await;
}

/// Requests a snapshot for [`SEARCH`], and waits for this number of the scenario's objects.
async fn request_snapshot(scenario: &Scenario, which: &Value, objects: usize) {
    let mut request = which.clone();
    request["subscriber"] = json!(SEARCH);
    let arrived = |all: &[WebhookRequest]| {
        let events = all
            .iter()
            .filter_map(|delivery| delivery.event.as_ref().ok());
        let ours = events.filter(|event| event.is_snapshot() && scenario.is_own_event(event));
        ours.count()
    };
    let before = arrived(&scenario.receiver().requests(SEARCH));
    invoke(scenario, &json!({"snapshot": request})).await;
    let enough = |all: &[WebhookRequest]| (arrived(all) >= before + objects).then_some(());
    let waited = scenario
        .receiver()
        .wait_until(SEARCH, "the snapshot", WAIT_TIMEOUT, enough);
    waited.await.unwrap_or_else(|missing| panic!("{missing}"));
}

async fn invoke(scenario: &Scenario, request: &Value) {
    let deployment = &scenario.stack.local.deployment;
    let answer = deployment.invoke("ContentEventsFunctionName", request);
    answer.await.unwrap();
}

async fn delete_page(scenario: &mut Scenario, post: PageId) {
    scenario.admin.unpublish(post, false).await.unwrap();
    scenario.expect(&[page("unpublished", post)]).await;
    scenario.admin.delete_page(post).await.unwrap();
    scenario.expect(&[page("deleted", post)]).await;
}

/// Makes the subscriber answer 410, and waits for the event of its disablement.
async fn disable_subscriber(scenario: &mut Scenario) {
    let gone = Answer::status(StatusCode::GONE);
    scenario.receiver().answer_next(SEARCH, 1, &gone);
    scenario
        .edit(scenario.root, &Fields::titled("News"), Action::Save)
        .await;
    scenario.expect(&[page("updated", scenario.root)]).await;
    let is_disablement = |event: &Event| event.subject == format!("subscriber/{SEARCH}");
    wait_for_event(scenario, CATCH_ALL, "subscriber.disabled", is_disablement).await;
}

async fn wait_for_event(
    scenario: &Scenario,
    subscriber: &str,
    what: &str,
    fits: impl Fn(&Event) -> bool,
) {
    let waited = scenario
        .receiver()
        .wait_for(subscriber, what, WAIT_TIMEOUT, fits);
    waited.await.unwrap_or_else(|missing| panic!("{missing}"));
}
