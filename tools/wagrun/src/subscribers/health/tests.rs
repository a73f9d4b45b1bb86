use super::*;
use serde_json::json;
use wagrun_delivery::subscriber::Rules;

fn judged(fields: Value, backlog: Option<Backlog>) -> String {
    let mut json = json!({"target": "webhook", "url": "https://search.example.org/",
                          "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
    let more = fields.as_object().unwrap().clone();
    json.as_object_mut().unwrap().extend(more);
    let json = json.to_string();
    let parsed = Subscriber::parse("search", "/s/search", &json, Rules::LENIENT);
    Health::judge(&parsed, &json, backlog.as_ref(), None).to_string()
}

#[test]
fn each_state_is_said_in_words() {
    let at: Timestamp = "2026-11-26T11:00:00Z".parse().unwrap();
    let begun = Backlog::begun(at);
    for (fields, backlog, expected) in [
        (json!({}), None, "well"),
        (
            json!({"failing_since": "2026-11-26T11:00:00Z"}),
            None,
            "fails since 2026-11-26 11:00",
        ),
        (
            json!({"failing_since": "2026-11-26T11:00:00Z"}),
            Some(begun.clone()),
            "accepts nothing, set aside since 2026-11-26 11:00",
        ),
        (
            json!({}),
            Some(begun.clone().returning(at)),
            "accepts again, what was set aside since 2026-11-26 11:00 comes back",
        ),
        (
            json!({"enabled": false}),
            Some(begun),
            "off; earlier deliveries are set aside",
        ),
        (
            json!({"enabled": false, "disabled": {"reason": "moved", "at": "2026-11-26T11:00:00Z"}}),
            None,
            "off since 2026-11-26 11:00: moved",
        ),
        (json!({"under": "news/"}), None, "cannot be used: under: "),
    ] {
        let text = judged(fields, backlog);
        assert!(text.starts_with(expected), "{text}");
    }
}
#[test]
fn a_subscriber_that_deliver_switched_off_is_a_fault() {
    for (disabled, is_bad) in [
        (
            json!({"reason": "the receiver answered 410 Gone", "at": "2026-11-26T11:00:00Z"}),
            true,
        ),
        (
            json!({"reason": "moved", "at": "2026-11-26T11:00:00Z", "by": "operator"}),
            false,
        ),
        (Value::Null, false),
    ] {
        let json = json!({"target": "webhook", "url": "https://search.example.org/", "enabled": false,
                          "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
        let mut json = json.as_object().unwrap().clone();
        if disabled.is_object() {
            json.insert("disabled".to_owned(), disabled);
        }
        let json = Value::Object(json).to_string();
        let parsed = Subscriber::parse("search", "/s/search", &json, Rules::LENIENT);
        assert_eq!(
            Health::judge(&parsed, &json, None, None).is_bad(),
            is_bad,
            "{json}"
        );
    }
}

#[test]
fn a_failure_hides_behind_no_return() {
    let at: Timestamp = "2026-11-26T11:00:00Z".parse().unwrap();
    let json = json!({"target": "webhook", "url": "https://search.example.org/",
                      "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
    let json = json.to_string();
    let parsed = Subscriber::parse("search", "/s/search", &json, Rules::LENIENT);
    let attempts = Attempts {
        waiting: 1,
        most_attempts: 4,
        ..Attempts::default()
    };
    let backlog = Backlog::begun(at).returning(at);
    let health = Health::judge(&parsed, &json, Some(&backlog), Some(&attempts));
    assert!(health.is_bad(), "{health}");
}

#[test]
fn a_delivery_that_waits_is_a_fault_when_it_failed_twice() {
    let json = json!({"target": "webhook", "url": "https://search.example.org/",
                      "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
    let json = json.to_string();
    let parsed = Subscriber::parse("search", "/s/search", &json, Rules::LENIENT);
    for (waiting, most_attempts, text, is_bad) in [
        (0, 0, "well", false),
        (1, 1, "1 delivery waits for another attempt", false),
        (2, 2, "2 deliveries wait for another attempt", true),
    ] {
        let attempts = Attempts {
            waiting,
            most_attempts,
            ..Attempts::default()
        };
        let health = Health::judge(&parsed, &json, None, Some(&attempts));
        assert_eq!((&*health.to_string(), health.is_bad()), (text, is_bad));
    }
}
