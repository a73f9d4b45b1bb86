//! The examples in the documents: an event of every type, as a receiver was really sent it.

mod completeness;
mod document;
mod releases;
mod stable;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};
use testing::receiver::{Answer, WebhookRequest};
use wagrun_event::Event;

use crate::databases::run;
use crate::objects::PNG;
use crate::story::{Story, object, page};
use crate::subscribers::unsubscribe;
use crate::world::{EVERYTHING, PATIENCE};

/// The subscriber that asks for things again, and is switched off in the end.
const SEARCH: &str = "search";
/// The example of an event that was published a second time.
const REPLAYED: &str = "replayed";

/// What was sent, by its type; the replayed one by that word.
type Examples = BTreeMap<String, Value>;

/// `make payloads` writes the examples by running this test with `UPDATE_PAYLOADS=1`.
#[test]
fn the_documented_payloads_are_what_is_sent() {
    let examples = run(async { stable::normalised(everything_that_is_sent().await) });
    if std::env::var_os("UPDATE_PAYLOADS").is_some() {
        document::write(&examples);
    }
    let sent: BTreeSet<String> = examples.keys().cloned().collect();
    assert_eq!(sent, document::shown(), "each type is sent");
    document::assert_current(&examples);
}

/// A short life of a site: of each type the last event is the example.
async fn everything_that_is_sent() -> Examples {
    let mut story = Story::new("news").await;
    // Of objects without a path too, and so of other tests'.
    let parameter = story.receiver().parameter(SEARCH).to_string();
    let deployment = &story.world.stack.deployment;
    deployment.put_subscriber(SEARCH, &parameter).await.unwrap();
    let post = pages(&mut story).await;
    objects(&mut story).await;
    once_more(&story, post).await;
    the_end_of(&mut story, post).await;
    switched_off(&mut story).await;
    releases::published(story.world).await;
    let mut examples = Examples::new();
    for subscriber in [EVERYTHING, SEARCH] {
        for delivery in story.receiver().requests(subscriber) {
            let event = delivery.event.as_ref().unwrap();
            if let Some(name) = example_of(event, &story, post, subscriber) {
                assert_eq!(delivery.signature, Ok(()));
                examples.insert(name, serde_json::from_slice(&delivery.body).unwrap());
            }
        }
    }
    unsubscribe(&story, SEARCH).await;
    examples
}

/// Of which example an event is, where it is one of ours.
fn example_of(event: &Event, story: &Story, post: PageId, subscriber: &str) -> Option<String> {
    let ours = match event.kind.split('.').next()? {
        "wagtail" if event.subject.starts_with("page/") => event.subject == format!("page/{post}"),
        "wagtail" => story.is_mine(event),
        "subscriber" => event.subject == format!("subscriber/{SEARCH}"),
        _ => true,
    };
    let name = match (subscriber, event.backfill) {
        (SEARCH, None) => return None,
        (SEARCH, Some(_)) if event.replayed => REPLAYED,
        _ => &event.kind,
    };
    ours.then(|| name.to_owned())
}

/// A page is made, changed, and moved.
async fn pages(story: &mut Story) -> PageId {
    let post = story
        .live_post(story.root, "The harbour reopens tomorrow")
        .await;
    let archive = Fields::titled("Archive");
    let made = story
        .admin
        .create_page(story.root, "blog/blogindexpage", &archive, Action::Publish);
    let archive = made.await.unwrap();
    story
        .expect(&["created", "updated", "published"].map(|action| page(action, archive)))
        .await;
    story
        .edit(
            post,
            &Fields::titled("The harbour is open"),
            Action::Publish,
        )
        .await;
    story
        .expect(&[page("updated", post), page("published", post)])
        .await;
    story.admin.move_page(post, archive).await.unwrap();
    story.expect(&[page("moved", post)]).await;
    post
}

/// An image, a document and a snippet are made and changed; they are deleted last.
async fn objects(story: &mut Story) {
    let admin = &story.admin;
    let image = admin.upload_image("harbour.png", PNG.to_vec()).await;
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
        story.owns(subject);
    }
    let lines = |action: &str| {
        subjects
            .iter()
            .map(|(kind, subject)| object(&format!("{kind}.{action}"), subject))
            .collect::<Vec<_>>()
    };
    story
        .expect(&[lines("created"), lines("updated")].concat())
        .await;
    let objects = ["image", "document", "author"].map(|kind| format!("wagtail.{kind}.*"));
    snapshot(story, &json!({"types": objects}), 3).await;

    story.admin.delete_image(image).await.unwrap();
    story.admin.delete_document(document).await.unwrap();
    let deleted = story.admin.delete_snippet("blog/author", author);
    deleted.await.unwrap();
    story.expect(&lines("deleted")).await;
}

/// The page is sent as it is, and what happened to it again.
async fn once_more(story: &Story, post: PageId) {
    snapshot(story, &json!({"under": "/news/archive/"}), 2).await;
    let asked = json!({"subject": format!("page/{post}"), "type": "wagtail.page.published", "subscriber": SEARCH});
    invoke(story, &json!({"replay": asked})).await;
    let again = |event: &Event| event.replayed;
    received(story, SEARCH, "a replayed event", again).await;
}

/// Asks for a snapshot for `SEARCH`, and waits until so many of the story's objects are there.
async fn snapshot(story: &Story, which: &Value, objects: usize) {
    let mut asked = which.clone();
    asked["subscriber"] = json!(SEARCH);
    let arrived = |all: &[WebhookRequest]| {
        let events = all
            .iter()
            .filter_map(|delivery| delivery.event.as_ref().ok());
        let ours = events.filter(|event| event.is_snapshot() && story.is_mine(event));
        ours.count()
    };
    let before = arrived(&story.receiver().requests(SEARCH));
    invoke(story, &json!({"snapshot": asked})).await;
    let enough = |all: &[WebhookRequest]| (arrived(all) >= before + objects).then_some(());
    let waited = story
        .receiver()
        .wait_until(SEARCH, "the snapshot", PATIENCE, enough);
    waited.await.unwrap_or_else(|missing| panic!("{missing}"));
}

async fn invoke(story: &Story, request: &Value) {
    let deployment = &story.world.stack.deployment;
    let answer = deployment.invoke("ContentEventsFunctionName", request);
    answer.await.unwrap();
}

async fn the_end_of(story: &mut Story, post: PageId) {
    story.admin.unpublish(post, false).await.unwrap();
    story.expect(&[page("unpublished", post)]).await;
    story.admin.delete_page(post).await.unwrap();
    story.expect(&[page("deleted", post)]).await;
}

/// The subscriber answers 410, and another one is told.
async fn switched_off(story: &mut Story) {
    let gone = Answer::status(StatusCode::GONE);
    story.receiver().answer_next(SEARCH, 1, &gone);
    story
        .edit(story.root, &Fields::titled("News"), Action::Save)
        .await;
    story.expect(&[page("updated", story.root)]).await;
    let told = |event: &Event| event.subject == format!("subscriber/{SEARCH}");
    received(story, EVERYTHING, "subscriber.disabled", told).await;
}

async fn received(story: &Story, subscriber: &str, what: &str, fits: impl Fn(&Event) -> bool) {
    let waited = story.receiver().wait_for(subscriber, what, PATIENCE, fits);
    waited.await.unwrap_or_else(|missing| panic!("{missing}"));
}
