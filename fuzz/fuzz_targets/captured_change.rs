//! A captured row, before and after, on its way to the receivers: what is published can be read, and says what it leaves out.
//!
//! The first byte is a depth. The first line is the row before, the rest the row after; an empty line is no row. The texts `"deep"`
//! and `"long"` in a row stand for lists of that depth and for a long text, which the fuzzer would hardly find.
#![no_main]

use std::borrow::Cow;

use deliver::fuzzing::AddressedEvent;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json, value::RawValue};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{CapturedChange, SaidVisibility, State, VisibilityRules, decode};
use wagrun_delivery::Delivery;
use wagrun_event::Event;
use wagrun_fuzz::{as_jsonb, choice, is_sendable, two_lines};

/// SNS takes 262 144 bytes with the attributes, and the wrapping of a delivery has to fit too.
const MAX_EVENT_BYTES: usize = 240 * 1024;

fuzz_target!(|data: &[u8]| {
    let Some((depth, rest)) = choice(data, 140) else {
        return;
    };
    let Some((before, after)) = two_lines(rest) else {
        return;
    };
    let (before, after) = (filled(before, depth), filled(after, depth));
    for (kind, object, model) in [
        (ObjectKind::Page, "page/4", "wagtailcore.page"),
        (ObjectKind::Snippet, "blog.author/7", "blog.author"),
    ] {
        let mut is_incomplete = false;
        let rows = [&before, &after].map(|row| state(row, &mut is_incomplete));
        let change = change(kind, object, model, rows, is_incomplete);
        match content_events::fuzzing::published_json(&change, &VisibilityRules::default()) {
            Some(Ok(json)) => {
                arrives(&json, &change);
                if kind == ObjectKind::Snippet && change.after.is_some() {
                    keeps_names(&json, &after);
                }
            }
            // Nothing to say, or set apart with a reason.
            Some(Err(reason)) => assert!(!reason.is_empty()),
            None => {}
        }
    }
});

fn filled(row: &str, depth: u8) -> String {
    let depth = usize::from(depth);
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let long = format!("\"{}\"", "ü\u{fffe}<".repeat(20_000));
    let row = row
        .replace("\"deep\":", "\"deeper\":")
        .replace("\"deep\"", &deep)
        .replace("\"long\"", &long);
    as_jsonb(&row)
}

/// A name of the parser's own, which it would take for a number or for JSON within JSON, is kept, or its absence is said.
fn keeps_names(json: &str, after: &str) {
    const OWN: &str = "$serde_json::private::";
    let is_said = json.contains("\"incomplete\":true") || json.contains("\"truncated\":true");
    assert!(
        !after.contains(OWN) || json.contains(OWN) || is_said,
        "{json}"
    );
}

fn state(text: &str, is_incomplete: &mut bool) -> State {
    // A column of type jsonb holds JSON, and a row is an object.
    let is_row = text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok();
    is_row.then(|| decode(text, is_incomplete))
}

fn arrives(json: &str, change: &CapturedChange) {
    assert!(json.len() <= MAX_EVENT_BYTES);
    assert!(is_sendable(json), "{json}");
    let event: Event = serde_json::from_str(json).unwrap();
    assert_eq!(event.to_json().unwrap(), json);
    // fan-out passes it on as text, and deliver reads it in its wrapping.
    let raw: &RawValue = serde_json::from_str(json).unwrap();
    let delivery = Delivery {
        subscriber: Cow::Borrowed("cdn"),
        event: raw,
        unfiltered: false,
    };
    let body = serde_json::to_string(&delivery).unwrap();
    assert_eq!(AddressedEvent::parse(&body).unwrap().event, event);
    // A receiver's template may hold all of it.
    serde_json::from_str::<Value>(&format!(r#"{{"text":[{json}]}}"#)).unwrap();

    let is_said = |field: &str| event.data.get(field) == Some(&Value::Bool(true));
    assert_eq!(
        is_said("incomplete"),
        change.is_incomplete && !is_said("truncated") || is_said("incomplete")
    );
    if !is_said("truncated") && change.kind == ObjectKind::Snippet {
        let state = change.after.as_ref().or(change.before.as_ref()).unwrap();
        let mut fields = state.clone();
        fields.remove("id");
        assert_eq!(event.data["fields"], Value::Object(fields));
    }
}

fn change(
    kind: ObjectKind,
    object: &str,
    model: &str,
    [before, after]: [State; 2],
    is_incomplete: bool,
) -> CapturedChange {
    CapturedChange {
        id: uuid::Uuid::nil(),
        xid: "700".to_owned(),
        object: object.to_owned(),
        key: json!(4),
        is_part_only: false,
        is_incomplete,
        bytes: 0,
        kind,
        model: model.to_owned(),
        time: "2026-11-21T21:46:46.426651Z".to_owned(),
        before,
        after,
        changed: Vec::new(),
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
