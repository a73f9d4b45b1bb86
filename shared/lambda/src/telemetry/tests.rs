use std::io;
use std::sync::{Arc, Mutex};

use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use serde_json::{Value, json};

use super::*;

/// Keeps what is written.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the lines that `log` writes, as JSON.
fn lines(log: impl FnOnce()) -> Vec<Value> {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = subscriber(move || writer.clone(), true, LevelFilter::INFO);
    tracing::subscriber::with_default(subscriber, log);
    let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// Returns the line without its timestamp, which must be a time in UTC.
fn without_timestamp(mut line: Value) -> Value {
    let fields = line.as_object_mut().unwrap();
    let timestamp = fields.shift_remove("timestamp").unwrap();
    let timestamp = timestamp.as_str().unwrap();
    assert!(
        timestamp.starts_with("20") && timestamp.ends_with('Z') && timestamp.contains('T'),
        "{timestamp}"
    );
    line
}

#[test]
fn a_line_is_flat_and_has_the_fields_of_its_spans_once() {
    let lines = lines(|| {
        let _invocation = tracing::info_span!("Lambda runtime invoke", requestId = "r-1").entered();
        let _delivery =
            tracing::info_span!("delivery", subscriber = "cdn", event.id = %"e-1", attempt = 3_u32)
                .entered();
        let status: Option<u16> = None;
        tracing::info!(
            outcome = "refused",
            status,
            duration_ms = 12_u64,
            "delivery attempted"
        );
    });
    let [line] = lines.try_into().unwrap();
    let expected = json!({
        "level": "INFO", "message": "delivery attempted", "requestId": "r-1", "subscriber": "cdn", "event.id": "e-1",
        "attempt": 3, "outcome": "refused", "duration_ms": 12,
    });
    assert_eq!(without_timestamp(line), expected);
}

#[test]
fn of_two_fields_with_one_name_the_inner_one_counts() {
    let lines = lines(|| {
        let _outer = tracing::info_span!("outer", subscriber = "a", attempt = 1).entered();
        let _inner = tracing::info_span!("inner", attempt = 2).entered();
        tracing::warn!(attempt = 3, "text with \"quotes\" and\na line break");
    });
    let [line] = lines.try_into().unwrap();
    let expected = json!({
        "level": "WARN", "message": "text with \"quotes\" and\na line break", "subscriber": "a", "attempt": 3,
    });
    assert_eq!(without_timestamp(line), expected);
}

#[test]
fn an_error_that_ends_an_invocation_is_one_line() {
    let lines = lines(|| {
        let error = io::Error::other("the cause");
        let diagnostic = failed("DrainFailed", &error);
        // The runtime's own line, as lambda_runtime 1.5 writes it in layers/panic.rs.
        tracing::error!(target: RUNTIME_ERROR_TARGET, "{diagnostic:?}");
    });
    let [line] = lines.try_into().unwrap();
    let expected = json!({
        "level": "ERROR", "message": "invocation failed", "error": "the cause", "error.kind": "DrainFailed",
    });
    assert_eq!(without_timestamp(line), expected);
}

#[test]
fn a_panic_is_logged() {
    let lines = lines(|| {
        tracing::error!(target: RUNTIME_ERROR_TARGET, error = ?"index out of bounds", "user handler panicked");
    });
    assert_eq!(lines.len(), 1);
}

#[test]
fn lines_below_the_level_are_left_out() {
    assert!(lines(|| tracing::debug!("detail")).is_empty());
}
