//! Properties of events, their texts and their identifiers, for any content.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::fifo::fifo_id;
use crate::{Event, NewEvent, sendable_json, sendable_text};

/// Returns true for the characters of the API reference of `SendMessage`.
fn is_accepted(character: char) -> bool {
    match u32::from(character) {
        0x9 | 0xA | 0xD => true,
        code => {
            (0x20..=0xD7FF).contains(&code) || (0xE000..=0xFFFD).contains(&code) || code > 0xFFFF
        }
    }
}

/// Any text, with more of the characters that matter than chance would give.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '\0',
        '\u{1f}',
        '\u{7f}',
        '\u{fffd}',
        '\u{fffe}',
        '\u{ffff}',
        '\u{1fffe}',
        '"',
        '\\',
        '/',
    ]);
    let character = prop_oneof![any::<char>(), special];
    prop::collection::vec(character, 0..40).prop_map(String::from_iter)
}

/// Any JSON of a few levels. A key of the parser's own is left out, which no captured change has.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn an_event_of_any_content_is_sendable_and_comes_back(
        subject in text(),
        sequence in 0..10_i64.pow(16),
        id in any::<u128>(),
        data in prop::collection::vec((text(), json()), 0..6),
    ) {
        let event = Event::new(NewEvent {
            id: Uuid::from_u128(id),
            source: "/wagrun/test",
            kind: "wagtail.page.updated".to_owned(),
            subject,
            time: "2026-11-21T21:46:46.426651Z".to_owned(),
            sequence,
            data: data.into_iter().collect(),
        });
        let json = event.to_json().unwrap();
        prop_assert!(json.chars().all(is_accepted), "{}", json);
        prop_assert_eq!(event.sequence.len(), 16);
        prop_assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }

    #[test]
    fn escaping_changes_no_text(text in text()) {
        let json = serde_json::to_string(&text).unwrap();
        let sendable = sendable_json(json.clone());
        prop_assert!(sendable.chars().all(is_accepted), "{}", sendable);
        prop_assert_eq!(serde_json::from_str::<String>(&sendable).unwrap(), text.clone());
        if json.chars().all(is_accepted) {
            prop_assert_eq!(sendable, json);
        }
        let attribute = sendable_text(&text);
        prop_assert!(attribute.chars().all(is_accepted));
        prop_assert_eq!(attribute.chars().count(), text.chars().count());
        let kept = text.chars().zip(attribute.chars()).filter(|(before, _)| is_accepted(*before));
        prop_assert!(kept.into_iter().all(|(before, after)| before == after));
    }

    #[test]
    fn ids_are_accepted_and_differ_where_texts_do(texts in prop::collection::vec(prop_oneof![text(), "[!-~]{0,4}", "[a-c]{126,130}"], 2..20)) {
        let mut known = HashMap::new();
        for text in &texts {
            let id = fifo_id(text);
            prop_assert!((1..=128).contains(&id.len()), "{}", id);
            prop_assert!(id.bytes().all(|byte| (b'!'..=b'~').contains(&byte)), "{}", id);
            prop_assert_eq!(known.entry(id).or_insert(text), &text);
        }
    }
}
