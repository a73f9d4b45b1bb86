use super::*;
use crate::classify::decide;
use crate::fixtures::{change, page, rules};

fn decided(change: &CapturedChange) -> Decision {
    decide(change, &change.said, &rules())
}

fn composed(change: &CapturedChange) -> Value {
    serde_json::to_value(compose(change, &decided(change), "/wagrun/test").unwrap()).unwrap()
}

#[test]
fn a_publication_reads_as_the_contract_says() {
    let event = composed(&change(
        page(json!({"live": false, "live_revision": null, "last_published_at": null})),
        page(json!({"title": "News 2", "live_revision": 3, "latest_revision": 3})),
        &[
            "live",
            "live_revision",
            "last_published_at",
            "title",
            "latest_revision",
        ],
    ));
    assert_eq!(
        event,
        json!({
            "specversion": "1.0",
            "id": "00000000-0000-0000-0000-000000000000",
            "source": "/wagrun/test",
            "type": "wagtail.page.published",
            "subject": "page/4",
            "time": "2026-11-21T21:46:46.426651Z",
            "datacontenttype": "application/json",
            "partitionkey": "page/4",
            "sequence": "0000000000001106",
            "data": {
                "id": 4, "content_type": "blog.blogpage", "title": "News 2", "slug": "news", "locale": "en",
                "url_path": "/home/news/", "live": true,
                "first_published_at": "2026-11-01T08:00:00+00:00",
                "last_published_at": "2026-11-01T08:00:00+00:00",
                "latest_revision": 3, "live_revision": 3, "editor": {"id": 1, "username": "admin"},
                "url": "https://www.example.org/news/", "urls": ["https://www.example.org/news/"], "visible_to": "public",
                "changed": ["last_published_at", "latest_revision", "live", "live_revision", "title"],
                "previous": {
                    "live": false, "live_revision": null, "last_published_at": null,
                    "title": "News", "latest_revision": 2,
                },
            },
        })
    );
}

#[test]
fn a_move_shows_both_paths_and_both_urls() {
    let event = composed(&change(
        page(json!({})),
        page(json!({"url_path": "/home/archive/news/"})),
        &["url_path", "path", "depth"],
    ));
    assert_eq!(event["type"], "wagtail.page.moved");
    assert_eq!(
        event["data"]["url"],
        "https://www.example.org/archive/news/"
    );
    assert_eq!(
        event["data"]["previous"],
        json!({
            "url_path": "/home/news/", "url": "https://www.example.org/news/",
            "urls": ["https://www.example.org/news/"],
        })
    );
}

#[test]
fn a_deleted_page_shows_its_last_url_and_is_no_longer_live() {
    let event = composed(&change(page(json!({})), json!(null), &["title"]));
    assert_eq!(event["type"], "wagtail.page.deleted");
    assert_eq!(event["data"]["url"], "https://www.example.org/news/");
    assert_eq!(event["data"]["live"], false);
    assert_eq!(event["data"]["previous"], json!({"live": true}));
    assert_eq!(event["data"]["changed"], json!([]));
}

#[test]
fn a_snapshot_is_the_state_and_no_change() {
    let state = change(json!(null), page(json!({})), &[]);
    let mut created = composed(&state);
    let snapshot = compose_snapshot(&state, &rules(), "/wagrun/test");
    assert!(snapshot.is_snapshot());
    assert_eq!(snapshot.data["changed"], json!([]));
    assert_eq!(snapshot.data["previous"], json!({}));
    // A snapshot has the same shape as any other event of the page.
    created["type"] = json!("wagtail.page.snapshot");
    assert_eq!(serde_json::to_value(&snapshot).unwrap(), created);
    assert_eq!(
        snapshot_type(ObjectKind::Snippet, "blog.author"),
        "wagtail.author.snapshot"
    );
}

#[test]
fn a_snippet_is_named_by_its_model() {
    let mut author = change(
        json!({"id": 3, "name": "Ann"}),
        json!({"id": 3, "name": "Anne"}),
        &["name", "bio"],
    );
    author.kind = ObjectKind::Snippet;
    author.model = "blog.author".to_owned();
    author.object = "blog.author/3".to_owned();
    author.key = json!(3);
    author.content_type = None;
    author.locale = None;
    author.editor_id = None;
    let event = composed(&author);
    assert_eq!(event["type"], "wagtail.author.updated");
    assert_eq!(event["subject"], "blog.author/3");
    assert_eq!(
        event["data"],
        json!({
            "id": 3, "content_type": "blog.author", "title": "Anne", "editor": null,
            "fields": {"name": "Anne"}, "changed": ["bio", "name"], "previous": {"name": "Ann"},
        })
    );
}

#[test]
fn a_key_that_is_a_text_stays_one_whatever_it_looks_like() {
    let mut tag = change(json!(null), json!({"id": "0042"}), &[]);
    tag.kind = ObjectKind::Snippet;
    tag.object = "blog.tag/0042".to_owned();
    tag.key = json!("0042");
    assert_eq!(composed(&tag)["data"]["id"], "0042");
}

#[test]
fn an_event_too_large_loses_old_values_before_new_ones() {
    let long = "ä".repeat(MAX_EVENT_BYTES / 4);
    let event = composed(&change(
        page(json!({"title": long, "slug": long})),
        page(json!({"title": long})),
        &["slug"],
    ));
    assert_eq!(event["data"]["truncated"], true);
    assert_eq!(event["data"]["previous"], json!({}));
    assert_eq!(
        event["data"]["title"], long,
        "it fits without its old values"
    );

    let longer = "ä".repeat(MAX_EVENT_BYTES);
    let event = composed(&change(
        page(json!({})),
        page(json!({"title": longer})),
        &["title"],
    ));
    assert_eq!(
        event["data"]["title"],
        "ä".repeat(MAX_TRIMMED_TEXT_BYTES / 2)
    );
    assert!(event.to_string().len() <= MAX_EVENT_BYTES);
}

#[test]
fn a_model_with_the_name_of_another_kind_has_its_app_in_the_type() {
    for (kind, model, expected) in [
        (
            ObjectKind::Snippet,
            "blog.author",
            "wagtail.author.snapshot",
        ),
        (
            ObjectKind::Snippet,
            "blog.image",
            "wagtail.blog.image.snapshot",
        ),
        (ObjectKind::Table, "shop.site", "wagtail.shop.site.snapshot"),
        (ObjectKind::Table, "page", "wagtail.public.page.snapshot"),
        (
            ObjectKind::Table,
            "wagtailcore.site",
            "wagtail.site.snapshot",
        ),
        (ObjectKind::Image, "media.picture", "wagtail.image.snapshot"),
    ] {
        assert_eq!(snapshot_type(kind, model), expected);
    }
}

#[test]
fn the_deepest_value_of_a_row_can_be_read_in_an_event() {
    // The database's reader leaves out what is deeper.
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let mut change = change(json!({"deep": deep}), json!({"deep": [deep[0]]}), &["deep"]);
    change
        .before
        .as_mut()
        .unwrap()
        .insert("name".to_owned(), json!("Ann"));
    change.kind = ObjectKind::Snippet;
    let event = compose(&change, &decided(&change), "/wagrun/test").unwrap();
    // A receiver may put it into a payload of its own.
    let json = format!(r#"{{"text":[{}]}}"#, event.to_json().unwrap());
    let read: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["text"][0]["data"]["fields"]["deep"], deep);
}

#[test]
fn a_marked_change_is_for_the_subscriber_that_it_names_alone() {
    let mut marked = change(json!(null), json!({}), &[]);
    marked.kind = ObjectKind::Table;
    marked.model = MARKED_MODEL.to_owned();
    marked.object = "subscriber/doctor-1".to_owned();
    marked.key = json!("doctor-1");
    let event = composed(&marked);
    assert_eq!(event["type"], "wagrun.marked");
    assert_eq!(event["subscriber"], "doctor-1");
    assert_eq!(event["data"], json!({}));
    // Without a name it would go to everybody.
    marked.key = json!(null);
    assert_eq!(compose(&marked, &decided(&marked), "/wagrun/test"), None);
}
