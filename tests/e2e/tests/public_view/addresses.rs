//! The addresses of pages are those that Wagtail computes, in many configurations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::site::{PublicSite, Wagtail};
use crate::support::runtime::run;

/// Asserts that the snapshot of each page has the URL that Wagtail computes.
async fn assert_full_urls(site: &PublicSite, variant: &Value) {
    let printed = site.run("addresses.py").await;
    let expected: BTreeMap<String, Option<String>> = serde_json::from_value(printed).unwrap();
    site.relayed.sweep().await.unwrap();
    let before = site.relayed.topic.accepted().len();
    let snapshot = json!({"snapshot": {"subscriber": "search", "types": ["wagtail.page.*"]}});
    site.relayed.invoke(snapshot).await.unwrap();
    let events = site.relayed.topic.accepted();
    let mut known = BTreeMap::new();
    for event in &events[before..] {
        let id = event.data["id"].to_string();
        if event.data["content_type"] == "articles.elsewhere" {
            assert_eq!(event.data["url"], Value::Null, "{variant}");
        } else if expected.contains_key(&id) {
            known.insert(id, event.url().map(str::to_owned));
        }
    }
    assert_eq!(known, expected, "{variant}");
}

#[test]
fn the_url_of_a_page_is_its_full_url() {
    run(async {
        let variants = [
            json!({}),
            json!({"i18n": true}),
            json!({"i18n": true, "i18n_patterns": true}),
            json!({"i18n": true, "i18n_patterns": true, "prefix_default_language": false}),
            json!({"i18n_patterns": true}),
            json!({"i18n_patterns": true, "prefix_default_language": false, "language_code": "fr"}),
            json!({"append_slash": false}),
            json!({"append_slash": false, "i18n": true, "i18n_patterns": true}),
            json!({"path_prefix": "cms/pages/"}),
            json!({"script_name": "/app"}),
            json!({"script_name": "/app", "path_prefix": "cms/", "i18n": true, "i18n_patterns": true}),
            json!({"headless": true}),
        ];
        let site = PublicSite::new(Wagtail::V8_0, &variants[0]).await;
        site.run("content.py").await;
        for variant in &variants {
            site.set_variant(variant);
            site.migrate().await;
            assert_full_urls(&site, variant).await;
        }
    });
}
