//! The payload of content-events: doorbell, sweep, replay, snapshot, count, match, mark, cancel, progress, retry, discard.
#![no_main]

use content_events::{Invocation, InvocationError, Request};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use wagrun_fuzz::{assert_readable, chain, json};

fuzz_target!(|data: &[u8]| {
    let Some(payload) = json(data) else { return };
    match Invocation::parse(&payload) {
        Ok(invocation) => {
            assert!(payload.is_object(), "{payload}");
            comes_back(&invocation, &payload);
        }
        Err(error) => {
            assert_readable(&error);
            names_the_field(&error, &payload);
        }
    }
});

/// Asserts that the same request in its plainest form is the same work.
fn comes_back(invocation: &Invocation, payload: &Value) {
    let plain = match invocation {
        Invocation::Transactions(ids) => match (&ids[..], payload.get("xid")) {
            ([id], Some(_)) => json!({"xid": id.to_string()}),
            _ => return,
        },
        Invocation::Sweep => json!({"sweep": true}),
        Invocation::Cancel(id) => json!({"cancel": id}),
        Invocation::Progress(id) => json!({"progress": id}),
        Invocation::Mark(name) => json!({"mark": name}),
        Invocation::Retry(None) => json!({"retry": "all"}),
        Invocation::Retry(Some(id)) => json!({"retry": id}),
        Invocation::Discard(id) => json!({"discard": id}),
        Invocation::Match(_) | Invocation::Count(_) => payload.clone(),
        Invocation::Backfill {
            request,
            payload: stored,
            waits: _,
        } => {
            if let Request::Replay(replay) = request.as_ref()
                && let (Some(since), Some(until)) = (replay.since, replay.until)
            {
                assert!(since < until);
            }
            let mut asked = payload.clone();
            asked.as_object_mut().unwrap().remove("wait");
            assert_eq!(stored, &asked);
            asked
        }
    };
    // As the database stores a backfill's request: as text, with the keys in another order.
    let mut stored: Value = serde_json::from_str(&plain.to_string()).unwrap();
    stored.sort_all_objects();
    match (invocation, Invocation::parse(&stored).unwrap()) {
        (Invocation::Backfill { request, .. }, Invocation::Backfill { request: again, .. }) => {
            assert_eq!(request, &again);
        }
        (invocation, again) => assert_eq!(invocation, &again),
    }
}

fn names_the_field(error: &InvocationError, payload: &Value) {
    let text = chain(error);
    match error {
        InvocationError::Unknown { .. } => {
            if let Some(key) = payload.as_object().and_then(|fields| fields.keys().next()) {
                assert!(text.contains(key.as_str()), "{text}");
            }
        }
        _ => {
            let mut fields = payload.as_object().unwrap().keys();
            assert!(fields.any(|field| text.contains(field.as_str())), "{text}");
        }
    }
}
