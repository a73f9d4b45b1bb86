use super::*;
use serde_json::json;

fn event(kind: &str, data: Value) -> Event {
    serde_json::from_value(json!({
        "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
        "type": kind, "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
        "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
        "data": data,
    }))
    .unwrap()
}

#[test]
fn patterns() {
    let cases = [
        ("wagtail.page.published", "wagtail.page.published", true),
        ("wagtail.page.published", "wagtail.page.publish", false),
        ("wagtail.page.*", "wagtail.page.moved", true),
        ("wagtail.page.*", "wagtail.page.", true),
        ("wagtail.page.*", "wagtail.pages.moved", false),
        ("*", "", true),
        ("*", "anything", true),
        ("*.deleted", "wagtail.image.deleted", true),
        ("*.deleted", "wagtail.image.updated", false),
        ("wagtail.*.deleted", "wagtail.image.deleted", true),
        // One character must not serve both sides of the star.
        ("aba*ba", "aba", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("a**c", "abc", true),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(fits(pattern, text), expected, "{pattern} with {text}");
    }
}

#[test]
fn types_and_content_types() {
    let page = event(
        "wagtail.page.moved",
        json!({"content_type": "blog.blogpage"}),
    );
    let plain = event("wagtail.row.updated", json!({}));
    let list = |patterns: &[&str]| Some(patterns.iter().map(|&text| text.into()).collect());
    let cases = [
        (Filter::default(), true, true),
        (
            Filter::new(list(&["wagtail.image.*", "*.moved"]), None),
            true,
            false,
        ),
        (Filter::new(None, list(&["blog.*"])), true, false),
        (Filter::new(None, list(&["blog.BlogPage"])), true, false),
        (Filter::new(None, list(&["*"])), true, false),
        (Filter::new(list(&["*"]), list(&["news.*"])), false, false),
    ];
    for (filter, with_page, with_plain) in cases {
        assert_eq!(filter.matches(&page), with_page, "{filter:?}");
        assert_eq!(filter.matches(&plain), with_plain, "{filter:?}");
    }
}

#[test]
fn a_snapshot_passes_where_a_change_of_such_an_object_would() {
    let cases = [
        ("wagtail.page.published", "wagtail.page.snapshot", true),
        ("*.deleted", "wagtail.page.snapshot", true),
        ("wagtail.page.*", "wagtail.page.snapshot", true),
        ("wagtail.page.*", "wagtail.image.snapshot", false),
        ("wagtail.page.snapshot", "wagtail.page.snapshot", true),
        // The other way round there is no courtesy.
        ("wagtail.page.snapshot", "wagtail.page.updated", false),
    ];
    for (pattern, kind, expected) in cases {
        let filter = Filter::new(Some(vec![pattern.to_owned()]), None);
        assert_eq!(filter.admits_type(kind), expected, "{pattern} with {kind}");
    }
}

#[test]
fn a_subtree_is_named_by_a_plain_path() {
    for path in [
        "",
        "blog/",
        "/blog/?page=2",
        "/blog/#top",
        "https://example.org/blog/",
    ] {
        assert_eq!(Filter::default().under(path), None, "{path}");
    }
}

#[test]
fn under() {
    let cases = [
        (
            "/blog/",
            json!({"url": "https://example.org/blog/a/"}),
            true,
        ),
        ("/blog", json!({"url": "https://example.org/blog/a/"}), true),
        ("/blog/", json!({"url": "https://example.org/blog/"}), true),
        ("/blog/", json!({"url": "https://example.org/blog"}), true),
        (
            "/blog/",
            json!({"url": "https://example.org/blogs/a/"}),
            false,
        ),
        (
            "/blog/",
            json!({"url": "https://example.org/en/blog/"}),
            false,
        ),
        // The URL decides where there is one, not the place in the tree.
        (
            "/home/blog/",
            json!({"url": "https://example.org/blog/", "url_path": "/home/blog/"}),
            false,
        ),
        (
            "/home/blog/",
            json!({"url": null, "url_path": "/home/blog/a/"}),
            true,
        ),
        ("/blog/", json!({"url": "/blog/a/"}), true),
        (
            "/zürich/",
            json!({"url": "https://example.org/z%C3%BCrich/a/"}),
            true,
        ),
        ("/", json!({"url": "https://example.org/"}), true),
        ("/", json!({"url": "https://example.org/a/"}), true),
        // Moved out, moved in, moved elsewhere.
        (
            "/blog/",
            json!({"url": "https://example.org/old/a/", "previous": {"url": "https://example.org/blog/a/"}}),
            true,
        ),
        (
            "/blog/",
            json!({"url": "https://example.org/blog/a/", "previous": {"url": "https://example.org/old/a/"}}),
            true,
        ),
        (
            "/blog/",
            json!({"url": "https://example.org/new/a/", "previous": {"url": "https://example.org/old/a/"}}),
            false,
        ),
        // No path: an image, a snippet.
        ("/", json!({"title": "Image"}), false),
    ];
    for (under, data, expected) in cases {
        let filter = Filter::default().under(under).unwrap();
        let event = event("wagtail.page.moved", data);
        assert_eq!(
            filter.matches(&event),
            expected,
            "{under}: {:?}",
            event.data
        );
    }
}
