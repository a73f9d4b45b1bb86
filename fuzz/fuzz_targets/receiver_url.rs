//! The URL of a receiver, with placeholders that an event fills, and the addresses of its name: deliver calls the internet alone.
//!
//! The first line is the URL, the second a list of addresses with spaces between, the rest the event's `data`.
#![no_main]

use std::net::IpAddr;

use deliver::fuzzing::{check, check_literal};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use url::{Host, Url};
use wagrun_delivery::subscriber::{Rules, Schemes, Subscriber, Target};
use wagrun_fuzz::internet::is_internal;
use wagrun_fuzz::two_lines;

const RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: Some(8),
};

fuzz_target!(|data: &[u8]| {
    let Some((url, rest)) = two_lines(data) else {
        return;
    };
    let (addresses, data) = rest.split_once('\n').unwrap_or((rest, "{}"));
    resolved(addresses);
    let parameter = json!({"target": "webhook", "url": url, "template": {}});
    let Ok(subscriber) = Subscriber::parse("x", "x", &parameter.to_string(), RULES) else {
        return;
    };
    let Target::Webhook(webhook) = &subscriber.target else {
        return;
    };
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let event = json!({"type": "wagtail.page.moved", "subject": data["id"], "source": data["url"], "data": data});
    for request in webhook.render(&event.to_string()).into_iter().flatten() {
        called(&request.url);
        assert_eq!(
            webhook.origins(),
            [request.url.origin().ascii_serialization()]
        );
    }
    called(webhook.requests[0].url.sample());
});

/// A URL that passes has a name, or an address on the internet.
fn called(url: &Url) {
    assert_eq!(url.scheme(), "https");
    if check_literal(url).is_err() {
        return;
    }
    match url.host() {
        Some(Host::Ipv4(address)) => assert!(!is_internal(address.into()), "{url}"),
        Some(Host::Ipv6(address)) => assert!(!is_internal(address.into()), "{url}"),
        // A name is resolved, and its addresses are checked. So it must not be an address for the HTTP client.
        Some(Host::Domain(name)) => {
            let plain = name.trim_matches(['[', ']', '.']);
            assert!(
                name.parse::<IpAddr>().is_err() && plain.parse::<IpAddr>().is_err(),
                "{url}"
            );
            assert!(
                !name.is_empty() && !name.contains(['/', '@', '\\', '%', ':']),
                "{url}"
            );
        }
        None => panic!("{url} has no host"),
    }
}

fn resolved(addresses: &str) {
    let addresses: Vec<IpAddr> = addresses
        .split(' ')
        .filter_map(|text| text.parse().ok())
        .collect();
    if check(addresses.iter().copied()).is_ok() {
        for address in addresses {
            assert!(!is_internal(address), "{address}");
        }
    }
}
