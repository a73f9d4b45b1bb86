//! Events of any size: what is too large is shortened, says so, and can still be read.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wagrun_database::ObjectKind;
use wagrun_event::Event;

use super::*;
use crate::classify::decide;
use crate::fixtures::{change, page, rules};
use crate::publish::OutgoingEvent;

/// A text of one character, so that a long one is made quickly. Some are several bytes, and some are escaped in JSON.
fn text() -> impl Strategy<Value = String> {
    let character = prop::sample::select(vec!["a", "ü", "€", "𝄞", "\u{fffe}", "\"", "\u{1}"]);
    let length = prop_oneof![0..60_usize, 1000..1030_usize, 20_000..90_000_usize];
    (character, length).prop_map(|(character, length)| character.repeat(length))
}

/// The columns of a row: texts, lists of texts, and many short ones.
fn columns() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => prop::collection::vec(text(), 0..4).prop_map(Value::from),
        1 => prop_oneof![0..100_usize, 15_000..17_000_usize].prop_map(|count| json!({"list": vec!["a short text"; count]})),
    ];
    prop::collection::vec(value, 0..6).prop_map(|values| {
        let names = (0..).map(|index| format!("column_{index}"));
        names.zip(values).collect()
    })
}

fn snippet(before: Option<Map<String, Value>>, after: Map<String, Value>) -> CapturedChange {
    CapturedChange {
        kind: ObjectKind::Snippet,
        model: "blog.author".to_owned(),
        object: "blog.author/7".to_owned(),
        before,
        after: Some(after),
        ..change(Value::Null, json!({}), &[])
    }
}

fn published(change: &CapturedChange) -> (Event, String) {
    let decision = decide(change, &change.said, &rules());
    let event = compose(change, &decision, "/wagrun/test").unwrap();
    let outgoing = OutgoingEvent::new(change.sequence, event).unwrap();
    (outgoing.event, outgoing.json)
}

/// Returns true when every text of `cut` is the beginning of the one in `whole`, at most shortened as the documentation says.
fn is_cut_from(cut: &Value, whole: &Value) -> bool {
    match (cut, whole) {
        (Value::String(cut), Value::String(whole)) if cut == whole => true,
        (Value::String(cut), Value::String(whole)) => {
            let most = MAX_TRIMMED_TEXT_BYTES;
            whole.starts_with(cut.as_str()) && (most - 3..=most).contains(&cut.len())
        }
        (Value::Array(cut), Value::Array(whole)) => {
            cut.len() == whole.len()
                && cut
                    .iter()
                    .zip(whole)
                    .all(|(cut, whole)| is_cut_from(cut, whole))
        }
        (Value::Object(cut), Value::Object(whole)) => {
            cut.len() == whole.len()
                && whole
                    .iter()
                    .all(|(key, whole)| cut.get(key).is_some_and(|cut| is_cut_from(cut, whole)))
        }
        (cut, whole) => cut == whole,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_event_of_any_size_is_published_and_says_what_it_leaves_out(
        before in prop::option::of(columns()), after in columns(),
    ) {
        prop_assume!(before.as_ref() != Some(&after));
        let (event, json) = published(&snippet(before.clone(), after.clone()));
        prop_assert!(json.len() <= MAX_EVENT_BYTES);
        prop_assert_eq!(&serde_json::from_str::<Event>(&json).unwrap(), &event);
        prop_assert_eq!((event.subject.as_str(), &event.data["id"]), ("blog.author/7", &json!(4)));

        let size = |state: &Map<String, Value>| wagrun_event::sendable_json(json!(state).to_string()).len();
        let all = size(&after) + before.as_ref().map_or(0, size);
        if event.data.get("truncated").is_none() {
            prop_assert_eq!(&event.data["fields"], &Value::Object(after));
        } else {
            prop_assert!(all + 2000 > MAX_EVENT_BYTES, "{} bytes are no reason to cut", all);
            prop_assert_eq!(&event.data["previous"], &json!({}));
            if let Some(fields) = event.data.get("fields") {
                prop_assert!(is_cut_from(fields, &Value::Object(after)));
            }
        }
    }

    #[test]
    fn a_page_of_any_size_keeps_its_addresses(title in text(), slug in "[a-z]{1,8}") {
        let url_path = format!("/home/{slug}/");
        let change = change(page(json!({"title": "News"})), page(json!({"title": title, "url_path": url_path})), &[]);
        let (event, json) = published(&change);
        prop_assert!(json.len() <= MAX_EVENT_BYTES);
        let url = format!("https://www.example.org/{slug}/");
        prop_assert_eq!(event.url(), Some(url.as_str()));
        prop_assert_eq!(event.url_path(), Some(url_path.as_str()));
        prop_assert!(is_cut_from(&event.data["title"], &json!(title)));
    }
}
