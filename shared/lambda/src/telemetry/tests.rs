//! Tests of the lines that are written.

mod process;

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

/// Returns the text that `log` writes.
fn text(is_json: bool, log: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = subscriber(move || writer.clone(), is_json, LevelFilter::INFO);
    tracing::subscriber::with_default(subscriber, log);
    String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
}

/// Returns the lines that `log` writes, as JSON.
fn lines(log: impl FnOnce()) -> Vec<Value> {
    let text = text(true, log);
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
        "level": "ERROR", "message": "invocation failed", "error": "the cause", "error.type": "DrainFailed",
    });
    assert_eq!(without_timestamp(line), expected);
}

#[test]
fn no_field_replaces_the_level_or_the_timestamp() {
    let lines = lines(|| tracing::error!(level = "debug", timestamp = "yesterday", "refused"));
    let [line] = lines.try_into().unwrap();
    assert_eq!(
        without_timestamp(line),
        json!({"level": "ERROR", "message": "refused"})
    );
}

#[test]
fn a_trace_header_is_written_only_for_an_invocation_that_is_traced() {
    for (sampled, is_written) in [("Sampled=0", false), ("Sampled=1", true)] {
        let header = format!("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;{sampled}");
        let lines = lines(|| {
            let _span =
                tracing::info_span!("Lambda runtime invoke", xrayTraceId = header).entered();
            tracing::info!("woken");
        });
        assert_eq!(
            lines[0].get("xrayTraceId").is_some(),
            is_written,
            "{header}"
        );
    }
}

#[test]
fn text_has_the_fields_too() {
    let text = text(false, || tracing::info!(published = 2, "outbox drained"));
    assert_eq!(text, " INFO outbox drained published=2\n");
}

#[test]
fn lines_below_the_level_are_left_out() {
    assert!(lines(|| tracing::debug!("detail")).is_empty());
}

#[test]
fn without_a_level_info_is_written() {
    for (name, expected) in [
        (None, LevelFilter::INFO),
        (Some("loud"), LevelFilter::INFO),
        (Some("WARN"), LevelFilter::WARN),
        (Some("debug"), LevelFilter::DEBUG),
    ] {
        assert_eq!(level(name), expected, "{name:?}");
    }
}
