//! Oracles and helpers that several fuzz targets share. None of it uses the code under test.

pub mod internet;

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// Returns the input as text. The fuzzer also makes bytes that are none, which no caller can send.
pub fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// Returns the input as JSON.
pub fn json(data: &[u8]) -> Option<Value> {
    serde_json::from_slice(data).ok()
}

/// Returns a JSON text as a column of type `jsonb` gives it back: of several members with one name, the last one is left.
pub fn as_jsonb(json: &str) -> String {
    let json = json.trim();
    if json.starts_with('{')
        && let Ok(members) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json)
    {
        let members = members.into_iter().map(|(name, value)| {
            let name = Value::String(name);
            format!("{name}:{}", as_jsonb(value.get()))
        });
        return format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    }
    if json.starts_with('[')
        && let Ok(values) = serde_json::from_str::<Vec<Box<RawValue>>>(json)
    {
        let values = values.iter().map(|value| as_jsonb(value.get()));
        return format!("[{}]", values.collect::<Vec<_>>().join(","));
    }
    json.to_owned()
}

/// Splits the input at its first line break.
pub fn two_lines(data: &[u8]) -> Option<(&str, &str)> {
    text(data)?.split_once('\n')
}

/// Splits the first byte off, which chooses among several parsers.
pub fn choice(data: &[u8], count: u8) -> Option<(u8, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((first % count, rest))
}

/// Returns true for 1 to 128 characters that SNS and SQS accept as a group id or a deduplication id.
pub fn is_fifo_id(id: &str) -> bool {
    const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    (1..=128).contains(&id.len())
        && id
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || PUNCTUATION.contains(it))
}

/// Returns true for a text in the characters that SNS and SQS accept: `#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD |
/// #x10000 to #x10FFFF`.
pub fn is_sendable(text: &str) -> bool {
    text.chars().all(|it| match u32::from(it) {
        0x9 | 0xA | 0xD => true,
        code => {
            (0x20..=0xD7FF).contains(&code) || (0xE000..=0xFFFD).contains(&code) || code >= 0x10000
        }
    })
}

/// Asserts that an error says something, and that its text is no dump.
#[track_caller]
pub fn assert_readable(error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        assert!(
            !error.to_string().trim().is_empty(),
            "an error without a text: {error:?}"
        );
        cause = error.source();
    }
}

/// Returns the text of an error and of its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
