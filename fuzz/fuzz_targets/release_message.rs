//! The release queue's messages: events of ECR, Lambda, App Runner and ECS, and requests. The stored state.
#![no_main]

use libfuzzer_sys::fuzz_target;
use release::fuzzing::{Message, Signal, State};
use release::{Config, WebPlatform};
use serde_json::{Value, json};
use wagrun_fuzz::{assert_readable, choice, text};

const SERVICE: &str =
    "arn:aws:apprunner:eu-central-1:123456789012:service/site/8fe1e10304f84fd2b0df550fe98a71fa";

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = choice(data, 2) else {
        return;
    };
    let Some(body) = text(rest) else { return };
    match choice {
        0 => message(body),
        _ => state(body),
    }
});

fn message(body: &str) {
    let config = config();
    let message = match Message::parse(body, &config) {
        Ok(message) => message,
        Err(error) => return assert_readable(&error),
    };
    let value: Value = serde_json::from_str(body).unwrap();
    match message {
        Message::Deploy(reference) => {
            assert!(value["deploy"].is_object(), "{body}");
            let plain = json!({"deploy": serde_json::to_value(&reference).unwrap()}).to_string();
            assert_eq!(
                Message::parse(&plain, &config).unwrap(),
                Message::Deploy(reference)
            );
        }
        Message::Signal(Signal::ImagePushed(requested)) => {
            let detail = &value["detail"];
            assert_eq!(requested.image.tag.as_deref(), Some("prod"), "{body}");
            assert_eq!(detail["repository-name"], "wagrun-site", "{body}");
            assert_eq!(
                detail["image-digest"],
                json!(requested.image.digest),
                "{body}"
            );
        }
        Message::Signal(Signal::MigrateEnded { digest, .. }) => {
            assert_eq!(
                value["detail"]["requestPayload"]["deploy"],
                json!(digest),
                "{body}"
            );
        }
        Message::Signal(Signal::ServiceChanged { .. }) => {
            let resources = value["resources"].as_array().unwrap();
            assert!(resources.contains(&json!(SERVICE)), "{body}");
        }
        Message::Signal(Signal::Check) => assert!(value.get("check").is_some()),
        Message::Signal(other) => panic!("no message is {other:?}"),
        Message::Unrelated(reason) => assert!(!reason.is_empty()),
    }
}

/// A state that was read is the same after it was stored again.
fn state(text: &str) {
    let Ok(state) = serde_json::from_str::<State>(text) else {
        return;
    };
    let stored = serde_json::to_string(&state).unwrap();
    assert_eq!(
        serde_json::from_str::<State>(&stored).unwrap(),
        state,
        "{stored}"
    );
}

fn config() -> Config {
    let text = str::to_owned;
    Config {
        stack: text("wagrun"),
        repository: text("123456789012.dkr.ecr.eu-central-1.amazonaws.com/wagrun-site"),
        tag: text("prod"),
        migrate_function: text("wagrun-migrate"),
        platform: WebPlatform::AppRunner {
            service_arn: text(SERVICE),
        },
        state_parameter: text("/wagrun/release"),
        queue_url: text("https://sqs.example/release.fifo"),
        event_topic_arn: text("arn:aws:sns:eu-central-1:123456789012:events.fifo"),
        alarm_topic_arn: text("arn:aws:sns:eu-central-1:123456789012:alarms"),
        source: text("/wagrun/wagrun"),
    }
}
