//! The object that holds the subscriber directory, as fan-out and deliver read it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wagrun_delivery::directory::{DecodeError, Directory, Entry};
use wagrun_delivery::subscriber::{Subscriber, SubscriberStatus, Subscribers};
use wagrun_fuzz::assert_readable;

fuzz_target!(|data: &[u8]| {
    let directory = match Directory::decode(data) {
        Ok(directory) => directory,
        Err(error) => {
            assert_readable(&error);
            return points_into(data, error);
        }
    };
    let stored = directory.encode().unwrap();
    assert_eq!(Directory::decode(&stored).as_ref(), Ok(&directory));
    shows_no_value(&directory);

    let subscribers = Subscribers::from(directory.clone());
    assert_eq!(subscribers.len(), directory.subscribers.len());
    for (name, entry) in &directory.subscribers {
        has_its_status(&directory, name, entry, subscribers.find(name));
        let other = format!("{name}/");
        if !directory.subscribers.contains_key(&other) {
            assert_eq!(subscribers.find(&other), SubscriberStatus::Gone);
        }
    }
    for fault in subscribers.faults() {
        assert_readable(fault.fault);
    }
});

/// An error names a place in the object, and nothing of what stands there.
fn points_into(data: &[u8], error: DecodeError) {
    match error {
        DecodeError::Format(format) => assert_ne!(format, 1),
        DecodeError::Damaged { line, column } => {
            let line_breaks = data.iter().filter(|byte| **byte == b'\n').count();
            assert!(
                line <= line_breaks + 1 && column <= data.len() + 1,
                "{error}"
            );
        }
    }
}

/// The parameters hold secrets, so their values may not change how the directory is shown.
fn shows_no_value(directory: &Directory) {
    let mut other = directory.clone();
    for entry in other.subscribers.values_mut() {
        entry.value = entry.value.take().map(|_| "another".to_owned());
        if let Some(in_force) = &mut entry.in_force {
            in_force.value = "another".to_owned();
        }
    }
    assert_eq!(format!("{directory:?}"), format!("{other:?}"));
}

fn has_its_status(directory: &Directory, name: &str, entry: &Entry, status: SubscriberStatus<'_>) {
    let parse = |value: &str| {
        Subscriber::parse(name, &directory.parameter(name), value, directory.rules).ok()
    };
    let newest = entry.value.as_deref().and_then(parse);
    let in_force = entry.in_force.as_ref();
    let earlier = in_force.and_then(|one| Some((one.version, parse(&one.value)?)));
    match (newest, earlier) {
        (Some(newest), _) => match status {
            SubscriberStatus::Enabled(one) => assert!(newest.enabled && *one == newest),
            other => assert!(!newest.enabled && other == SubscriberStatus::Disabled),
        },
        (None, Some((version, earlier))) => match status {
            SubscriberStatus::Enabled(one) => {
                let superseded = one.superseded.as_deref().unwrap();
                assert_eq!(superseded.version, version);
                assert!(earlier.enabled && one.target == earlier.target);
            }
            other => assert!(!earlier.enabled && other == SubscriberStatus::Disabled),
        },
        (None, None) => match status {
            SubscriberStatus::Invalid(fault) => assert_readable(fault),
            other => {
                assert_eq!(other, SubscriberStatus::Disabled);
                let value: Value = serde_json::from_str(entry.value.as_deref().unwrap()).unwrap();
                assert_eq!(value["enabled"], Value::Bool(false));
            }
        },
    }
}
