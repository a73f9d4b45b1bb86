//! The answers of the site's Python: answer.py with the code of python/src/wagrun/discovery, and publish_scheduled.py.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrate::fuzzing::{Discovery, Published};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{CapturedChange, SaidVisibility, SiteRoot, VisibilityRules};
use wagrun_fuzz::{assert_readable, choice, text};

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = choice(data, 2) else {
        return;
    };
    let Some(answer) = text(rest) else { return };
    match choice {
        0 => match serde_json::from_str::<Discovery>(answer) {
            Ok(discovery) => is_sound(&discovery),
            Err(error) => assert_readable(&error),
        },
        _ => match serde_json::from_str::<Published>(answer) {
            Ok(published) => published.failures.iter().for_each(comes_back),
            Err(error) => assert_readable(&error),
        },
    }
});

fn is_sound(discovery: &Discovery) {
    // As the functions of the database receive them.
    discovery.tables.iter().for_each(comes_back);
    discovery.schedules.iter().for_each(comes_back);
    comes_back(&discovery.user);
    comes_back(&discovery.url_patterns);
    // Any patterns give addresses below the host of the site.
    for (url_path, language) in [
        ("/home/", "en"),
        ("/home/straße/a b/", "de"),
        ("/home//", "x"),
    ] {
        let rules = VisibilityRules {
            roots: vec![root(language)],
            locales: vec!["en".to_owned()],
            patterns: discovery.url_patterns.clone(),
            ..VisibilityRules::default()
        };
        let json = content_events::fuzzing::published_json(&page(url_path), &rules);
        let Some(Ok(json)) = json else { continue };
        let event: wagrun_event::Event = serde_json::from_str(&json).unwrap();
        for url in event.all_urls() {
            assert!(url.starts_with("https://www.example.org"), "{url}");
        }
    }
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let stored = serde_json::to_string(value).unwrap();
    assert_eq!(
        &serde_json::from_str::<T>(&stored).unwrap(),
        value,
        "{stored}"
    );
}

fn root(language: &str) -> SiteRoot {
    SiteRoot {
        site: 1,
        hostname: "www.example.org".to_owned(),
        port: 443,
        root_path: "/home/".to_owned(),
        language: language.to_owned(),
        is_home: true,
        is_used: true,
    }
}

fn page(url_path: &str) -> CapturedChange {
    let page = json!({
        "id": 4, "title": "News", "slug": "news", "path": "000100010002", "url_path": url_path, "live": true,
        "content_type": 9, "locale": 1, "live_revision": 2, "latest_revision": 2,
    });
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
        before: None,
        after: page.as_object().cloned(),
        changed: Vec::new(),
        sequence: 1106,
        content_type: Some("blog.blogpage".to_owned()),
        locale: Some("en".to_owned()),
        editor_id: None,
        editor_name: None,
        is_comparison: false,
        said: SaidVisibility::Nothing,
        decision: None,
    }
}
