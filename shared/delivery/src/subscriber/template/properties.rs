//! Templates and URLs with any content.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::subscriber::parse::DELIVER;
use crate::subscriber::{Subscriber, Target, Webhook};

fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "$", "{", "}", "${", "$${", "/", "..", "%2e", "?", "&", "=", "#", "\\", "\u{ffff}", "ü",
    ]);
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        special.prop_map(str::to_owned)
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Returns the template that gives exactly this value.
fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace("${", "$${").into(),
        Value::Array(values) => values.iter().map(literal).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), literal(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn rendered(template: &Value, event: &Value) -> Value {
    let template = Template::parse(template).unwrap();
    serde_json::from_str(&template.render(event).unwrap()).unwrap()
}

fn webhook(url: &str) -> Webhook {
    let json = json!({"target": "webhook", "url": url, "template": null}).to_string();
    match Subscriber::parse("x", "x", &json, DELIVER).unwrap().target {
        Target::Webhook(webhook) => *webhook,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn a_template_without_a_placeholder_is_its_own_payload(value in json(), event in json()) {
        prop_assert_eq!(rendered(&literal(&value), &event), value);
    }

    #[test]
    fn a_placeholder_gives_the_value_alone_within_a_text_and_in_a_list(
        value in json(), before in text(), after in text(),
    ) {
        let escaped = |text: &str| text.replace("${", "$${");
        let event = json!({"data": {"value": value}});
        prop_assert_eq!(&rendered(&json!({"a": "${data.value}"}), &event)["a"], &value);

        // A dollar sign before a placeholder would escape it, and a placeholder without any text is the value itself.
        let before = format!("a{}", before.trim_end_matches('$'));
        let within = rendered(&json!(format!("{}${{data.value}}{}", escaped(&before), escaped(&after))), &event);
        let written = match &value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        prop_assert_eq!(within, json!(format!("{before}{written}{after}")));

        let list = rendered(&json!([1, "${...data.value}", "${...data.missing}", 2]), &event);
        let mut expected = vec![json!(1)];
        match value {
            Value::Array(values) => expected.extend(values.into_iter().filter(|value| !value.is_null())),
            Value::Null => {}
            value => expected.push(value),
        }
        expected.push(json!(2));
        prop_assert_eq!(list, Value::from(expected));
    }

    #[test]
    fn a_value_in_a_url_is_one_segment_and_one_parameter_or_no_url(value in text()) {
        let webhook = webhook("https://example.org:8443/a/${data.value}/b?q=${data.value}&n=1");
        let event = json!({"data": {"value": value}}).to_string();
        let Ok(requests) = webhook.render(&event) else {
            // Empty, or a step to another folder.
            prop_assert!(matches!(value.as_str(), "" | "." | ".."), "{:?}", value);
            return Ok(());
        };
        let url = &requests[0].url;
        prop_assert_eq!(url.origin().ascii_serialization(), "https://example.org:8443");
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        prop_assert_eq!((segments.len(), segments[0], segments[2]), (3, "a", "b"));
        let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
        prop_assert_eq!(decoded.as_ref(), &value);
        let parameters: Vec<_> = url.query_pairs().collect();
        prop_assert_eq!(parameters.len(), 2);
        prop_assert_eq!(parameters[0].1.as_ref(), &value);
        prop_assert_eq!(url.fragment(), None);
    }

    #[test]
    fn the_path_of_a_url_is_one_parameter(path in "[a-z/&=+;#?%ü]{0,12}", host in "[a-z]{1,5}") {
        let webhook = webhook("https://example.org/?path=${data.url|path}&n=1");
        let event = json!({"data": {"url": format!("https://{host}/{path}")}}).to_string();
        let url = webhook.render(&event).unwrap().remove(0).url;
        let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        prop_assert_eq!(names, ["path", "n"]);
    }
}
