//! The documents with examples. A test writes the text between `<!-- payload: <name> -->` and `<!-- /payload -->`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use testing::checkout;

/// The name of the example of a replayed event.
pub const REPLAYED_EXAMPLE: &str = "replayed";
/// The document with every example, and all documents with examples.
const COMPLETE_DOCUMENT: &str = "docs/payloads.md";
const DOCUMENTS: [&str; 3] = [COMPLETE_DOCUMENT, "docs/webhooks.md", "docs/events.md"];
const BEGIN: &str = "<!-- payload: ";
const END: &str = "<!-- /payload -->";
/// The longest JSON object on one line, in bytes.
const MAX_LINE_BYTES: usize = 100;

/// The examples by their names: the type of the event, or [`REPLAYED_EXAMPLE`].
pub type Examples = BTreeMap<String, Value>;

/// Writes the examples between their markers.
pub fn write(examples: &Examples) {
    for document in DOCUMENTS {
        std::fs::write(checkout().join(document), with_examples(document, examples)).unwrap();
    }
}

/// Asserts that the documents show these examples.
pub fn assert_current(examples: &Examples) {
    for document in DOCUMENTS {
        let (is, should_be) = (read(document), with_examples(document, examples));
        let first = is
            .lines()
            .zip(should_be.lines())
            .find(|(one, other)| one != other);
        assert!(
            is == should_be,
            "{document} is out of date, at {first:?}: run `make payloads`"
        );
    }
}

/// Returns the names of the examples in the complete document.
pub fn example_names() -> BTreeSet<String> {
    let text = read(COMPLETE_DOCUMENT);
    let begun = text.split(BEGIN).skip(1);
    begun
        .map(|rest| rest.split_once(" -->").unwrap().0.to_owned())
        .collect()
}

/// Returns a document of the checkout.
pub fn read(document: &str) -> String {
    let path = checkout().join(document);
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn with_examples(document: &str, examples: &Examples) -> String {
    let text = read(document);
    let mut parts = text.split(BEGIN);
    let mut filled = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").unwrap();
        let after = rest.split_once(END);
        let (_, after) = after.unwrap_or_else(|| panic!("{document}: {name} has no end"));
        let example = examples
            .get(name)
            .unwrap_or_else(|| panic!("{document}: nothing that is sent is a {name:?}"));
        filled += &format!(
            "{BEGIN}{name} -->\n```json\n{}\n```\n{END}{after}",
            format_json(example, 0)
        );
    }
    filled
}

/// Returns JSON for readers. The event and `data` have a line for each field. Deeper objects are on one line if they fit.
fn format_json(value: &Value, depth: usize) -> String {
    let Value::Object(fields) = value else {
        return format_line(value);
    };
    let line = format_line(value);
    if depth > 1 && line.len() <= MAX_LINE_BYTES {
        return line;
    }
    let indent = "  ".repeat(depth + 1);
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "{indent}{}: {}",
                quoted(name),
                format_json(value, depth + 1)
            )
        })
        .collect();
    format!("{{\n{}\n{}}}", lines.join(",\n"), "  ".repeat(depth))
}

fn format_line(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields =
                fields.map(|(name, value)| format!("{}: {}", quoted(name), format_line(value)));
            format!("{{{}}}", list(fields.collect()))
        }
        Value::Array(items) => format!("[{}]", list(items.iter().map(format_line).collect())),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
