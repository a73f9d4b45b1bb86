//! Filters against matchers that are written as plainly as possible.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Returns true when a text matches a pattern, by trying every end of each `*`.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|end| matches(rest, &text[end..])),
        Some((first, rest)) => text.first() == Some(first) && matches(rest, &text[1..]),
    }
}

fn matches_without_case(pattern: &str, text: &str) -> bool {
    let chars = |text: &str| text.to_ascii_lowercase().chars().collect::<Vec<_>>();
    matches(&chars(pattern), &chars(text))
}

fn event(kind: &str, data: Value) -> Event {
    serde_json::from_value(json!({
        "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
        "type": kind, "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
        "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
        "data": data,
    }))
    .unwrap()
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[abA.*é]{0,7}", 1..4)
}

/// The segments of a path. Some need an escape, and some begin like another.
fn segments() -> impl Strategy<Value = Vec<String>> {
    let segment = prop::sample::select(vec!["a", "ab", "b", "ü", "a b", "%41", "A"]);
    prop::collection::vec(segment.prop_map(str::to_owned), 0..4)
}

/// Returns a path. Its characters are escaped, or left to the parser as a person writes them.
fn path(segments: &[String], is_escaped: bool) -> String {
    let segments = segments.iter().map(|segment| match is_escaped {
        true => utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string(),
        false => segment.replace('%', "%25").replace(' ', "%20"),
    });
    segments.map(|segment| format!("/{segment}")).collect()
}

proptest! {
    #[test]
    fn types_and_content_types_are_matched_like_by_a_naive_matcher(
        types in prop::option::of(patterns()),
        content_types in prop::option::of(patterns()),
        kind in "[abA.é]{0,9}",
        content_type in prop::option::of("[abA.é]{0,9}"),
    ) {
        let fits = |patterns: &Option<Vec<String>>, text: Option<&str>| match (patterns, text) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(patterns), Some(text)) => {
                patterns.iter().any(|pattern| matches_without_case(pattern, text))
            }
        };
        let expected = fits(&types, Some(&kind)) && fits(&content_types, content_type.as_deref());
        let event = event(&kind, json!({"content_type": content_type}));
        prop_assert_eq!(Filter::new(types, content_types).matches(&event), expected);
    }

    #[test]
    fn a_snapshot_passes_where_another_event_of_its_object_does(types in patterns()) {
        let filter = Filter::new(Some(types), None);
        for object in ["a", "b.a"] {
            let ends = ACTIONS.iter().copied().chain(["snapshot"]);
            let expected = ends.clone().any(|end| {
                let kind = format!("{object}.{end}");
                filter.types.iter().flatten().any(|pattern| matches_without_case(pattern, &kind))
            });
            prop_assert_eq!(filter.admits_type(&format!("{object}.snapshot")), expected);
        }
    }

    #[test]
    fn a_page_is_under_a_path_when_its_segments_begin_with_those_of_the_path(
        under in segments(),
        now in prop::option::of(segments()),
        before in prop::option::of(segments()),
        [is_escaped, has_slash, is_tree_path] in any::<[bool; 3]>(),
    ) {
        let end = if has_slash || under.is_empty() { "/" } else { "" };
        let filter = Filter::default().under(&format!("{}{end}", path(&under, is_escaped))).unwrap();
        let state = |segments: &Option<Vec<String>>| match segments {
            None => json!({"title": "x"}),
            Some(segments) if is_tree_path => json!({"url": null, "url_path": format!("{}/", path(segments, !is_escaped))}),
            Some(segments) => json!({"url": format!("https://www.example.org{}/", path(segments, !is_escaped))}),
        };
        let mut data = state(&now);
        data["previous"] = state(&before);
        let expected = [now, before].iter().flatten().any(|segments| segments.starts_with(&under));
        prop_assert_eq!(filter.matches(&event("wagtail.page.moved", data)), expected);
    }

    #[test]
    fn two_patterns_meet_when_some_text_matches_both(one in "[ab*]{0,4}", other in "[ab*]{0,4}") {
        // A shortest common text has a letter of one of the two at each place.
        let texts = (0..=8_u32).flat_map(|length| {
            (0..1_u32 << length).map(move |bits| {
                (0..length).map(|place| if bits >> place & 1 == 0 { 'a' } else { 'b' }).collect::<String>()
            })
        });
        let is_common = |text: &String| matches_without_case(&one, text) && matches_without_case(&other, text);
        let found = texts.clone().find(is_common);
        prop_assert_eq!(possible::meet(one.as_bytes(), other.as_bytes()), found.is_some(), "{:?}", found);
    }
}
