//! Placeholders in texts: `${path}`, `${path|filter}` and, in a list, `${...path}`.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use url::{Position, Url};

use crate::subscriber::invalid::Problem;

/// Every character but the unreserved ones of RFC 3986.
const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The characters that the path or the host of a URL may have and that would end a parameter's value in a query.
const ENDS_VALUE: &AsciiSet = &CONTROLS.add(b'&').add(b'=').add(b'+').add(b';').add(b'#');

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// The text itself.
    Fixed(String),
    /// A value of the event.
    Placeholder(Placeholder),
}

/// A place that is filled from the event.
#[derive(Debug, Clone, PartialEq)]
pub struct Placeholder {
    /// The place in the event.
    pub path: EventPath,
    filter: Option<Filter>,
    /// True for `${...path}`, which stands for the values of a list.
    pub is_spread: bool,
}

/// The names that lead to a value of the event, such as `data.title` or `data.tags.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPath(Vec<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    /// Escapes `&`, `<` and `>`.
    Slack,
    /// The host of a URL, with its port.
    Host,
    /// The path of a URL.
    Path,
}

/// Returns the parts of a text, of which there is at least one.
pub fn parts(text: &str) -> Result<Vec<Part>, Problem> {
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
        parts.push(Part::Placeholder(Placeholder::parse(inside)?));
        rest = after;
    }
    fixed.push_str(rest);
    if !fixed.is_empty() || parts.is_empty() {
        parts.push(Part::Fixed(fixed));
    }
    Ok(parts)
}

impl EventPath {
    /// Parses names with dots between; none when the text is no such path.
    pub fn parse(text: &str) -> Option<Self> {
        let names: Vec<_> = text.split('.').map(str::to_owned).collect();
        let is_name = |name: &String| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        names.iter().all(is_name).then_some(Self(names))
    }

    /// Returns the first name.
    pub fn root(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Returns the value at the path, or `null`.
    pub fn find<'a>(&self, event: &'a Value) -> &'a Value {
        const NOTHING: &Value = &Value::Null;
        let step = |value: &'a Value, name: &String| match value {
            Value::Array(values) => values.get(name.parse::<usize>().ok()?),
            Value::Object(fields) => Map::get(fields, name),
            _ => None,
        };
        self.0.iter().try_fold(event, step).unwrap_or(NOTHING)
    }
}

impl fmt::Display for EventPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
}

impl Placeholder {
    fn parse(inside: &str) -> Result<Self, Problem> {
        let (path, filter) = match inside.split_once('|') {
            None => (inside, None),
            Some((path, "slack")) => (path, Some(Filter::Slack)),
            Some((path, "host")) => (path, Some(Filter::Host)),
            Some((path, "path")) => (path, Some(Filter::Path)),
            Some((_, other)) => return Err(Problem::UnknownFilter(shown(other))),
        };
        let (names, is_spread) = match path.strip_prefix("...") {
            None => (path, false),
            Some(names) => (names, true),
        };
        let path = EventPath::parse(names).ok_or_else(|| Problem::NotAPath(shown(inside)))?;
        Ok(Self {
            path,
            filter,
            is_spread,
        })
    }

    /// Returns true when the placeholder gives the path of a URL, which begins with a slash.
    pub fn is_url_path(&self) -> bool {
        self.filter == Some(Filter::Path)
    }

    /// Returns the value; none for a placeholder that gives text in any case.
    pub fn value<'a>(&self, event: &'a Value) -> Option<Cow<'a, Value>> {
        let found = self.path.find(event);
        match self.filter {
            None => Some(Cow::Borrowed(found)),
            Some(Filter::Slack) => None,
            Some(filter @ (Filter::Host | Filter::Path)) => {
                Some(Cow::Owned(part_of_url(filter, found)))
            }
        }
    }

    /// Returns the values that a placeholder stands for in a list: those of a list, and no `null`.
    pub fn values<'a>(&self, event: &'a Value) -> Vec<Cow<'a, Value>> {
        let found = match self.path.find(event) {
            Value::Array(values) => values.iter().collect(),
            value => vec![value],
        };
        let found = found.into_iter().filter(|value| !value.is_null());
        let values = found.map(|value| match self.filter {
            None => Cow::Borrowed(value),
            Some(Filter::Slack) => Cow::Owned(Value::String(slack(&text_of(value)))),
            Some(filter) => Cow::Owned(part_of_url(filter, value)),
        });
        values.filter(|value| !value.is_null()).collect()
    }

    /// Returns the value as a part of a text; empty when it is missing.
    pub fn text(&self, event: &Value) -> String {
        match self.value(event) {
            Some(value) => text_of(&value),
            None => slack(&text_of(self.path.find(event))),
        }
    }

    /// Returns the value as a part of a URL, percent-encoded. A missing, an empty and a nested value are the error, because the
    /// URL without it would be that of something else.
    ///
    /// A part of a URL is percent-encoded already. `is_in_query` says that it becomes the value of a parameter.
    pub fn url_text(&self, event: &Value, is_in_query: bool) -> Result<String, EventPath> {
        let value = match self.value(event) {
            Some(value) => value,
            None => Cow::Owned(Value::String(self.text(event))),
        };
        let text = match value.as_ref() {
            Value::Array(_) | Value::Object(_) => String::new(),
            value => text_of(value),
        };
        match self.filter {
            _ if text.is_empty() => Err(self.path.clone()),
            Some(Filter::Host | Filter::Path) if is_in_query => {
                Ok(utf8_percent_encode(&text, ENDS_VALUE).to_string())
            }
            Some(Filter::Host | Filter::Path) => Ok(text),
            None | Some(Filter::Slack) => {
                Ok(utf8_percent_encode(&text, NOT_UNRESERVED).to_string())
            }
        }
    }
}

/// Returns the beginning of a placeholder that is wrong, for an error. What looks like no path is left out. It may be the rest of a
/// URL with a token, when the end of the placeholder is missing.
fn shown(inside: &str) -> String {
    const MAX_CHARS: usize = 60;
    let is_shown = |it: &char| it.is_alphanumeric() || " _.-|".contains(*it);
    let begin: String = inside
        .chars()
        .take(MAX_CHARS)
        .take_while(is_shown)
        .collect();
    if begin.len() == inside.len() {
        return begin;
    }
    format!("{begin}…")
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(value) => value.clone(),
        other => other.to_string(),
    }
}

/// Returns this part of a URL, and of each URL of a list. A value that is no URL gives `null`.
fn part_of_url(filter: Filter, value: &Value) -> Value {
    match value {
        Value::Array(values) => {
            let parts = values.iter().map(|value| part_of_url(filter, value));
            Value::Array(parts.filter(|part| !part.is_null()).collect())
        }
        Value::String(text) => match Url::parse(text) {
            Ok(url) if url.has_host() => {
                let part = match filter {
                    Filter::Host => &url[Position::BeforeHost..Position::AfterPort],
                    Filter::Path | Filter::Slack => url.path(),
                };
                Value::String(part.to_owned())
            }
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}

/// Escapes a text for Slack: "replace the ampersand, less-than sign, and greater-than sign with HTML entities, no other characters".
fn slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
