//! The payload of a webhook for a service that expects its own: JSON with placeholders that the event fills.
//!
//! A placeholder is `${path}` inside a text. The path leads into the event: `${type}`, `${data.title}`, `${data.previous.url}`,
//! `${data.tags.0}`. A text that is only one placeholder becomes the value itself: a number stays a number, an object an object.
//! Within a longer text the value is written out. A missing value is `null`, and empty within a longer text. `${path|slack}`
//! escapes `&`, `<` and `>` as Slack asks. `$${` stands for a literal `${`.
//!
//! There are no conditions, no loops and no code. So a template that was accepted can fail in one way only: by becoming too long.
//! Other tools write `{{path}}`, but SSM refuses a parameter with double braces.

use serde_json::{Map, Value};

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
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Fixed(String),
    Placeholder {
        path: Vec<String>,
        filter: Option<Filter>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    Slack,
}

/// The payload would be longer than 1 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the template gives a payload of more than {MAX_PAYLOAD_BYTES} bytes")]
pub struct PayloadTooLong;

impl Template {
    /// Parses the template. The error has the place within it, such as `.blocks[0].text`.
    pub fn parse(template: &Value) -> Result<Self, (String, Problem)> {
        node(template, "").map(Self)
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
        Value::String(text) => {
            Node::Text(parts(text).map_err(|problem| (place.to_owned(), problem))?)
        }
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
                .map(|(key, value)| Ok((key.clone(), node(value, &format!("{place}.{key}"))?)))
                .collect::<Result<_, _>>()?,
        ),
    })
}

fn parts(text: &str) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    let mut fixed = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            fixed.push_str(before);
            fixed.push_str("${");
            rest = after;
            continue;
        }
        fixed.push_str(before);
        let (inside, after) = after.split_once('}').ok_or(Problem::OpenPlaceholder)?;
        if !fixed.is_empty() {
            parts.push(Part::Fixed(std::mem::take(&mut fixed)));
        }
        parts.push(placeholder(inside)?);
        rest = after;
    }
    fixed.push_str(rest);
    if !fixed.is_empty() || parts.is_empty() {
        parts.push(Part::Fixed(fixed));
    }
    Ok(parts)
}

fn placeholder(inside: &str) -> Result<Part, Problem> {
    let (path, filter) = match inside.split_once('|') {
        None => (inside, None),
        Some((path, "slack")) => (path, Some(Filter::Slack)),
        Some((_, other)) => return Err(Problem::UnknownFilter(other.to_owned())),
    };
    let path: Vec<_> = path.split('.').map(str::to_owned).collect();
    let is_name = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    if !path.iter().all(is_name) {
        return Err(Problem::NotAPath(inside.to_owned()));
    }
    Ok(Part::Placeholder { path, filter })
}

impl Node {
    fn write(&self, event: &Value, json: &mut String) -> Result<(), PayloadTooLong> {
        match self {
            Self::Fixed(value) => json.push_str(&value.to_string()),
            Self::Text(parts) => match parts.as_slice() {
                [Part::Placeholder { path, filter: None }] => {
                    json.push_str(&find(event, path).to_string());
                }
                parts => json.push_str(&Value::String(text(parts, event)?).to_string()),
            },
            Self::List(nodes) => {
                json.push('[');
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        json.push(',');
                    }
                    node.write(event, json)?;
                }
                json.push(']');
            }
            Self::Object(fields) => {
                json.push('{');
                for (index, (key, node)) in fields.iter().enumerate() {
                    if index > 0 {
                        json.push(',');
                    }
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

/// Returns the value at the path, or `null`.
fn find<'a>(event: &'a Value, path: &[String]) -> &'a Value {
    const NOTHING: &Value = &Value::Null;
    path.iter()
        .try_fold(event, |value, name| match value {
            Value::Array(values) => values.get(name.parse::<usize>().ok()?),
            Value::Object(fields) => Map::get(fields, name),
            _ => None,
        })
        .unwrap_or(NOTHING)
}

fn text(parts: &[Part], event: &Value) -> Result<String, PayloadTooLong> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Fixed(fixed) => text.push_str(fixed),
            Part::Placeholder { path, filter } => {
                let value = match find(event, path) {
                    Value::Null => String::new(),
                    Value::String(value) => value.clone(),
                    other => other.to_string(),
                };
                match filter {
                    None => text.push_str(&value),
                    Some(Filter::Slack) => text.push_str(&slack(&value)),
                }
            }
        }
        short(&text)?;
    }
    Ok(text)
}

/// Escapes a text for Slack: "replace the ampersand, less-than sign, and greater-than sign with HTML entities, no other characters".
fn slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn short(text: &str) -> Result<(), PayloadTooLong> {
    if text.len() > MAX_PAYLOAD_BYTES {
        return Err(PayloadTooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
