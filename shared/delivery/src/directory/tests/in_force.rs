//! The version in force of a subscriber whose newest parameter cannot be used.

use super::*;
use crate::subscriber::Subscribers;

#[test]
fn a_version_in_force_is_used_with_the_fault_of_the_newest() {
    let mut directory = directory(at(0), &[]);
    let in_force = Some(InForce {
        version: 3,
        value: WEBHOOK.to_owned(),
    });
    let unusable = Entry {
        version: 4,
        is_usable: false,
        ..entry("{")
    };
    let cases = [
        (
            "superseded",
            Entry {
                in_force: in_force.clone(),
                ..unusable.clone()
            },
        ),
        ("aside", unusable.clone()),
        (
            "off",
            Entry {
                value: Some(r#"{"target":"pigeon","enabled":false}"#.into()),
                ..unusable.clone()
            },
        ),
        (
            "locked",
            Entry {
                value: None,
                in_force,
                ..unusable
            },
        ),
    ];
    for (name, entry) in cases {
        directory.subscribers.insert(name.to_owned(), entry);
    }
    let decoded = Directory::decode(&directory.encode().unwrap()).unwrap();
    assert_eq!(decoded, directory);
    let subscribers = Subscribers::from(decoded);
    let faults: Vec<_> = subscribers
        .faults()
        .map(|one| {
            format!(
                "{} {} {:?}",
                one.fault,
                one.effect.as_str(),
                one.effect.version()
            )
        })
        .collect();
    let expected = [
        "subscriber /wagrun/subscribers/aside: is not JSON (line 1, column 1) set_aside None",
        "subscriber /wagrun/subscribers/locked: cannot be read; a parameter under a KMS key of your own is not supported last_usable_version Some(3)",
        "subscriber /wagrun/subscribers/off: target: unknown target \"pigeon\"; this version supports \"webhook\", \"eventbridge\", \"cloudfront\" off None",
        "subscriber /wagrun/subscribers/superseded: is not JSON (line 1, column 1) last_usable_version Some(3)",
    ];
    assert_eq!(faults, expected);
    assert_eq!(subscribers.find("off"), SubscriberStatus::Disabled);
}
