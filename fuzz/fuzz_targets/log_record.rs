//! A record of CloudWatch Logs: base64 of gzip of JSON, as a subscription filter delivers it.
#![no_main]

use std::io::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use content_events::Invocation;
use content_events::fuzzing::doorbells;
use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use wagrun_fuzz::{assert_readable, choice, text};

fuzz_target!(|data: &[u8]| {
    match choice(data, 3) {
        // A message of the log.
        Some((0, rest)) => {
            let Some(message) = text(rest) else { return };
            let entry = |id: &str| json!({"id": id, "timestamp": 1_795_000_000_000_u64, "message": message});
            let record = json!({
                "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/rds/cluster/c/postgresql",
                "logStream": "i.0", "subscriptionFilters": ["doorbell"], "logEvents": [entry("1"), entry("2")],
            });
            let mut expected = doorbells(message);
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(
                Invocation::parse(&payload(&packed(record.to_string().as_bytes()))).unwrap(),
                Invocation::Transactions(expected)
            );
        }
        // A text that stands in place of the JSON.
        Some((1, rest)) => is_refused_or_a_ring(&payload(&packed(rest))),
        // Bytes that stand in place of the gzip.
        Some((_, rest)) => is_refused_or_a_ring(&payload(rest)),
        None => {}
    }
});

fn is_refused_or_a_ring(payload: &Value) {
    match Invocation::parse(payload) {
        Ok(Invocation::Transactions(ids)) => {
            assert!(ids.is_sorted_by(|one, next| one < next));
            assert!(ids.iter().all(|id| *id >= 3));
        }
        Ok(other) => panic!("a log record is no {other:?}"),
        Err(error) => assert_readable(&error),
    }
}

fn payload(gzip: &[u8]) -> Value {
    json!({"awslogs": {"data": BASE64_STANDARD.encode(gzip)}})
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}
