//! The payload of a webhook for a service that expects its own: JSON with placeholders that the event fills.
//!
//! A placeholder is `${path}` inside a text. The path leads into the event: `${type}`, `${data.title}`, `${data.previous.url}`,
//! `${data.tags.0}`. A text that is only one placeholder becomes the value itself: a number stays a number, an object an object.
//! Within a longer text the value is written out. A missing value is `null`, and empty within a longer text. `$${` stands for a
//! literal `${`.
//!
//! `${path|slack}` escapes `&`, `<` and `>` as Slack asks. `${path|host}` and `${path|path}` are the parts of a URL. An element
//! `${...path}` of a list stands for the values of a list, or for one value, and for nothing when it is missing.
//!
//! There are no conditions, no loops and no code. So a template that was accepted can fail in one way only: by becoming too long.
//! Other tools write `{{path}}`, but SSM refuses a parameter with double braces.

mod placeholder;

use serde_json::Value;

pub use self::placeholder::{EventPath, Part, Placeholder, parts};
use super::invalid::Problem;

/// Longest payload in bytes. An event has a quarter of it at most.
const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;

/// A template that was parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// A number, `true`, `false` or `null`.
    Fixed(Value),
    Text(Vec<Part>),
    /// The values of a list, as elements of the list that this is in.
    Spread(Placeholder),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// The payload would be longer than 1 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the template gives a payload of more than {MAX_PAYLOAD_BYTES} bytes")]
pub struct PayloadTooLong;

impl Template {
    /// Parses the template. The error has the place within it, such as `.blocks[0].text`.
    pub fn parse(template: &Value) -> Result<Self, (String, Problem)> {
        match node(template, "")? {
            Node::Spread(_) => Err((String::new(), Problem::SpreadOutsideList)),
            node => Ok(Self(node)),
        }
    }

    /// Returns the payload of this event, as JSON.
    pub fn render(&self, event: &Value) -> Result<String, PayloadTooLong> {
        let mut json = String::new();
        self.0.write(event, &mut json)?;
        Ok(json)
    }
}

fn node(value: &Value, place: &str) -> Result<Node, (String, Problem)> {
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Node::Fixed(value.clone()),
        Value::String(text) => text_node(text).map_err(|problem| (place.to_owned(), problem))?,
        Value::Array(values) => Node::List(
            values
                .iter()
                .enumerate()
                .map(|(index, value)| node(value, &format!("{place}[{index}]")))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(fields) => Node::Object(
            fields
                .iter()
                .map(|(key, value)| {
                    let place = format!("{place}.{key}");
                    match node(value, &place)? {
                        Node::Spread(_) => Err((place, Problem::SpreadOutsideList)),
                        node => Ok((key.clone(), node)),
                    }
                })
                .collect::<Result<_, _>>()?,
        ),
    })
}

fn text_node(text: &str) -> Result<Node, Problem> {
    let parts = parts(text)?;
    if let [Part::Placeholder(placeholder)] = parts.as_slice()
        && placeholder.is_spread
    {
        return Ok(Node::Spread(placeholder.clone()));
    }
    if parts.iter().any(is_spread) {
        return Err(Problem::SpreadOutsideList);
    }
    Ok(Node::Text(parts))
}

/// Returns true for `${...path}`.
pub fn is_spread(part: &Part) -> bool {
    matches!(part, Part::Placeholder(placeholder) if placeholder.is_spread)
}

impl Node {
    fn write(&self, event: &Value, json: &mut String) -> Result<(), PayloadTooLong> {
        match self {
            Self::Fixed(value) => json.push_str(&value.to_string()),
            Self::Text(parts) => match parts.as_slice() {
                [Part::Placeholder(placeholder)] if let Some(value) = placeholder.value(event) => {
                    json.push_str(&value.to_string());
                }
                parts => json.push_str(&Value::String(text(parts, event)?).to_string()),
            },
            Self::Spread(placeholder) => {
                for (index, value) in placeholder.values(event).iter().enumerate() {
                    separate(index, json);
                    json.push_str(&value.to_string());
                }
            }
            Self::List(nodes) => {
                json.push('[');
                let first = json.len();
                for node in nodes {
                    let end = json.len();
                    separate(end - first, json);
                    let begin = json.len();
                    node.write(event, json)?;
                    if json.len() == begin {
                        // A spread without values.
                        json.truncate(end);
                    }
                }
                json.push(']');
            }
            Self::Object(fields) => {
                json.push('{');
                for (index, (key, node)) in fields.iter().enumerate() {
                    separate(index, json);
                    json.push_str(&Value::String(key.clone()).to_string());
                    json.push(':');
                    node.write(event, json)?;
                }
                json.push('}');
            }
        }
        short(json)
    }
}

/// Writes a comma, unless nothing was written before it.
fn separate(written: usize, json: &mut String) {
    if written > 0 {
        json.push(',');
    }
}

fn text(parts: &[Part], event: &Value) -> Result<String, PayloadTooLong> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Fixed(fixed) => text.push_str(fixed),
            Part::Placeholder(placeholder) => text.push_str(&placeholder.text(event)),
        }
        short(&text)?;
    }
    Ok(text)
}

fn short(text: &str) -> Result<(), PayloadTooLong> {
    if text.len() > MAX_PAYLOAD_BYTES {
        return Err(PayloadTooLong);
    }
    Ok(())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
