//! The documents that show examples: between `<!-- payload: <name> -->` and `<!-- /payload -->` is what a test writes.

use std::collections::BTreeSet;

use serde_json::Value;
use testing::checkout;

use super::Examples;

/// The one that has every example, and those that have some.
const ALL: &str = "docs/payloads.md";
const DOCUMENTS: [&str; 3] = [ALL, "docs/webhooks.md", "docs/events.md"];
const BEGIN: &str = "<!-- payload: ";
const END: &str = "<!-- /payload -->";
/// Of what is on a line, in bytes.
const LONGEST_LINE: usize = 100;

/// Puts the examples between their markers.
pub fn write(examples: &Examples) {
    for document in DOCUMENTS {
        std::fs::write(checkout().join(document), filled(document, examples)).unwrap();
    }
}

/// The documents are what they would be if they were written now.
pub fn assert_current(examples: &Examples) {
    for document in DOCUMENTS {
        let (is, should_be) = (read(document), filled(document, examples));
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

/// The names of the examples that the document with all of them has.
pub fn shown() -> BTreeSet<String> {
    let text = read(ALL);
    let begun = text.split(BEGIN).skip(1);
    begun
        .map(|rest| rest.split_once(" -->").unwrap().0.to_owned())
        .collect()
}

/// A document of the checkout.
pub fn read(document: &str) -> String {
    let path = checkout().join(document);
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn filled(document: &str, examples: &Examples) -> String {
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
            laid_out(example, 0)
        );
    }
    filled
}

/// JSON for readers: the envelope and `data` with a line for each field, and whatever is deeper on that line if it fits.
fn laid_out(value: &Value, depth: usize) -> String {
    let Value::Object(fields) = value else {
        return inline(value);
    };
    let line = inline(value);
    if depth > 1 && line.len() <= LONGEST_LINE {
        return line;
    }
    let indent = "  ".repeat(depth + 1);
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{indent}{}: {}", quoted(name), laid_out(value, depth + 1)))
        .collect();
    format!("{{\n{}\n{}}}", lines.join(",\n"), "  ".repeat(depth))
}

fn inline(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| format!("{}: {}", quoted(name), inline(value)));
            format!("{{{}}}", list(fields.collect()))
        }
        Value::Array(items) => format!("[{}]", list(items.iter().map(inline).collect())),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}
