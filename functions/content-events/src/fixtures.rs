//! Captured changes for tests.

use serde_json::{Value, json};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{
    CapturedChange, SaidVisibility, SiteRoot, UrlPatterns, VisibilityRules,
};

/// Returns a captured change of page 4. `null` stands for a state that does not exist.
pub(crate) fn change(before: Value, after: Value, touched: &[&str]) -> CapturedChange {
    let state = |value: Value| (!value.is_null()).then(|| serde_json::from_value(value).unwrap());
    CapturedChange {
        id: uuid::Uuid::nil(),
        xid: "700".to_owned(),
        object: "page/4".to_owned(),
        key: json!(4),
        is_part_only: false,
        is_incomplete: false,
        bytes: 0,
        kind: ObjectKind::Page,
        model: "wagtailcore.page".to_owned(),
        time: "2026-11-21T21:46:46.426651Z".to_owned(),
        before: state(before),
        after: state(after),
        changed: touched.iter().map(|name| (*name).to_owned()).collect(),
        sequence: 1106,
        content_type: Some("blog.blogpage".to_owned()),
        locale: Some("en".to_owned()),
        editor_id: Some("1".to_owned()),
        editor_name: Some("admin".to_owned()),
        is_comparison: false,
        said: SaidVisibility::AtInstallation,
        decision: None,
    }
}

/// Returns the small fields of a live page, with some of them replaced.
pub(crate) fn page(replaced: Value) -> Value {
    let mut page = json!({
        "id": 4, "title": "News", "slug": "news", "path": "000100010002", "url_path": "/home/news/", "live": true,
        "first_published_at": "2026-11-01T08:00:00+00:00", "last_published_at": "2026-11-01T08:00:00+00:00",
        "latest_revision": 2, "live_revision": 2, "content_type": 9, "locale": 1,
    });
    let fields = page.as_object_mut().unwrap();
    fields.extend(replaced.as_object().unwrap().clone());
    page
}

/// Returns the root page of a site in English.
pub(crate) fn site_root(hostname: &str, port: i32, root_path: &str) -> SiteRoot {
    SiteRoot {
        site: port.into(),
        hostname: hostname.to_owned(),
        port,
        root_path: root_path.to_owned(),
        language: "en".to_owned(),
        is_home: true,
        is_used: true,
    }
}

/// Returns the rules of a site without restrictions at `https://www.example.org/`, whose root page is `/home/`.
pub(crate) fn rules() -> VisibilityRules {
    VisibilityRules {
        roots: vec![site_root("www.example.org", 443, "/home/")],
        patterns: UrlPatterns {
            appends_slash: true,
            default_prefixes: vec!["/".to_owned()],
            ..UrlPatterns::default()
        },
        ..VisibilityRules::default()
    }
}
