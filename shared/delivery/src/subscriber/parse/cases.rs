//! Tests the parser with cases.json. tools/test_subscriber_schema.py tests docs/subscriber.schema.json with the same cases.

use serde_json::Value;

use super::tests::DELIVER;
use crate::subscriber::Subscriber;

#[test]
fn each_case_is_accepted_or_refused_as_it_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).unwrap();
    assert!(cases.len() > 50);
    for case in cases {
        let json = case["subscriber"].to_string();
        let result = Subscriber::parse("x", "x", &json, DELIVER);
        let warnings = result.as_ref().map(|subscriber| {
            let warnings = subscriber.warnings.iter().map(ToString::to_string);
            warnings.collect::<Vec<_>>()
        });
        let warnings = warnings.unwrap_or_default();
        let expected: Vec<_> = case
            .get("warning")
            .and_then(Value::as_str)
            .into_iter()
            .collect();
        assert_eq!(warnings, expected, "{json}");
        let error = result.err().map(|error| error.to_string());
        let expected = case.get("error").and_then(Value::as_str);
        let expected = expected.map(|error| format!("subscriber x: {error}"));
        assert_eq!(error, expected, "{json}");
    }
}
