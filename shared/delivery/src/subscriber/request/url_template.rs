//! The URL of a request, with placeholders in its path and its query.
//!
//! Scheme, host and port are fixed, because the receiver's address is checked and the headers hold its secrets. Values are
//! percent-encoded, so none adds a segment or a parameter.

use serde_json::Value;
use url::Url;

use crate::subscriber::invalid::Problem;
use crate::subscriber::template::{EventPath, Part, Placeholder, is_spread, parts};

/// The name by which a repeated request finds its value.
pub const EACH: &str = "each";

/// The attributes that every event has.
const ATTRIBUTES: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "partitionkey",
    "sequence",
    "data",
];

/// A URL that was parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct UrlTemplate {
    parts: Vec<Part>,
    /// The URL with a letter for each placeholder.
    sample: Url,
}

/// The event gives no URL. The text of the URL is in no error, because it may hold a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// A value that the URL needs is missing, empty or nested.
    #[error("the event has no {0} for the subscriber's URL")]
    NoValue(EventPath),
    /// A value is `.` or `..`, which would lead to another path.
    #[error("a value of the event would change the path of the subscriber's URL")]
    OtherPath,
}

impl UrlTemplate {
    /// Parses a URL. Its scheme and its credentials are not judged. `is_repeated` says that there is `${each}`.
    pub fn parse(text: &str, is_repeated: bool) -> Result<Self, Problem> {
        let parts = parts(text)?;
        if parts.iter().any(is_spread) {
            return Err(Problem::SpreadOutsideList);
        }
        for part in &parts {
            if let Part::Placeholder(Placeholder { path, .. }) = part
                && !ATTRIBUTES.contains(&path.root())
                && !(is_repeated && path.root() == EACH)
            {
                return Err(Problem::NotInEvents(path.to_string()));
            }
        }
        if !has_fixed_origin(&parts) {
            return Err(Problem::PlaceholderInHost);
        }
        let sample = parts.iter().map(|part| match part {
            Part::Fixed(text) => text,
            Part::Placeholder(placeholder) if placeholder.is_url_path() => "/x",
            Part::Placeholder(_) => "x",
        });
        let sample: String = sample.collect();
        let url = Url::parse(&sample).map_err(Problem::NotAUrl)?;
        let template = Self { parts, sample: url };
        if !template.is_fixed() && has_dot_segment(&sample) {
            return Err(Problem::Not("a URL without the segments . and .."));
        }
        Ok(template)
    }

    /// Returns the URL with a letter for each placeholder. Scheme, host and port are those of every URL.
    pub fn sample(&self) -> &Url {
        &self.sample
    }

    /// Returns true when the URL has no placeholder.
    pub fn is_fixed(&self) -> bool {
        !self
            .parts
            .iter()
            .any(|part| matches!(part, Part::Placeholder(_)))
    }

    /// Returns the URL of an event.
    pub fn render(&self, event: &Value) -> Result<Url, UrlFault> {
        if self.is_fixed() {
            return Ok(self.sample.clone());
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Fixed(fixed) => text.push_str(fixed),
                Part::Placeholder(placeholder) => {
                    let value = placeholder.url_text(event, text.contains('?'));
                    let value = value.map_err(UrlFault::NoValue)?;
                    text.push_str(&value);
                }
            }
        }
        match Url::parse(&text) {
            Ok(url) if self.is_beside(&url) && !has_dot_segment(&text) => Ok(url),
            _ => Err(UrlFault::OtherPath),
        }
    }

    /// Returns true when a URL leads to the same receiver. That follows from the fixed beginning, and is checked all the same.
    fn is_beside(&self, url: &Url) -> bool {
        let sample = &self.sample;
        url.origin() == sample.origin()
            && (url.username(), url.password()) == (sample.username(), sample.password())
    }
}

/// Returns true when scheme, host and port end before the first placeholder.
fn has_fixed_origin(parts: &[Part]) -> bool {
    let (begin, first) = match parts {
        [Part::Fixed(_)] => return true,
        [Part::Fixed(begin), Part::Placeholder(first), ..] => (begin, first),
        _ => return false,
    };
    let Some((_, after)) = begin.split_once("://") else {
        return false;
    };
    // A slash after the host ends it. The path of a URL begins with one.
    let is_ended = after.contains(['/', '?', '#']) || first.is_url_path();
    is_ended && Url::parse(begin).is_ok_and(|url| url.has_host())
}

/// Returns true when a segment of the path is `.` or `..` in any spelling. Such a segment is removed, and `..` the one before too.
fn has_dot_segment(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split(['/', '\\']).any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        matches!(segment.as_str(), "." | "..")
    })
}
