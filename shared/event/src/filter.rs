//! Filters of events, for a subscriber or a backfill.

mod possible;

pub use possible::{Contradiction, closest_type, is_possible_type, path_is_under};

use serde_json::{Map, Value};

use possible::{ACTIONS, path_of};

use crate::event::urls_of;
use crate::{Event, SNAPSHOT};

/// A filter. An event passes when it passes all parts of the filter. A part that is absent lets every event pass.
///
/// - `types` and `content_types` are lists of patterns, one of which must match. `*` stands for any characters, and case does not
///   matter: `wagtail.page.*`, `blog.*`, `*.deleted`.
/// - `under` is a path as visitors see it (`/blog/`). Whole segments are compared with the path of `data.url` and of
///   `data.previous.url`. So a page that moves out of the subtree passes as well. The host does not matter. A page without a URL,
///   which no site serves, is compared by `url_path`. That begins with the slug of the tree's root.
/// - An object without a path (image, document, snippet) never passes `under`. One without a content type never passes
///   `content_types`.
/// - A snapshot passes `types` when another event of that kind of object would, because it was not requested by its type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    types: Option<Vec<String>>,
    content_types: Option<Vec<String>>,
    /// The path, percent-encoded and without the slash at its end.
    under: Option<String>,
}

impl Filter {
    /// Creates a filter by patterns. `None` lets every event pass.
    pub fn new(types: Option<Vec<String>>, content_types: Option<Vec<String>>) -> Self {
        Self {
            types,
            content_types,
            under: None,
        }
    }

    /// Narrows the filter to a subtree. None when `path` is not a plain path that begins with a slash.
    pub fn under(self, path: &str) -> Option<Self> {
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return None;
        }
        Some(Self {
            under: Some(path_of(path)?.trim_end_matches('/').to_owned()),
            ..self
        })
    }

    /// Returns true when the event passes.
    pub fn matches(&self, event: &Event) -> bool {
        self.admits_type(&event.kind)
            && fits_one(self.content_types.as_deref(), event.content_type())
            && self.is_under(event)
    }

    /// Returns the reason why no event can pass, if the parts of the filter exclude each other.
    pub fn contradiction(&self) -> Option<Contradiction> {
        let types = self.types.as_deref()?;
        if self.under.is_some() && !possible::admit_pages(types) {
            Some(Contradiction::UnderWithoutPages)
        } else if self.content_types.is_some() && !possible::admit_content(types) {
            Some(Contradiction::ContentTypesWithoutContent)
        } else {
            None
        }
    }

    /// Returns true when some content may pass `types`, and not only events about the site or subscribers.
    pub fn admits_content(&self) -> bool {
        self.types.as_deref().is_none_or(possible::admit_content)
    }

    /// Returns true when an event of this type may pass.
    pub fn admits_type(&self, kind: &str) -> bool {
        fits_one(self.types.as_deref(), Some(kind))
            || kind.strip_suffix(SNAPSHOT).is_some_and(|object| {
                ACTIONS.iter().any(|action| {
                    fits_one(self.types.as_deref(), Some(&format!("{object}.{action}")))
                })
            })
    }

    fn is_under(&self, event: &Event) -> bool {
        let Some(under) = &self.under else {
            return true;
        };
        let previous = event.data.get("previous").and_then(Value::as_object);
        [Some(&event.data), previous]
            .into_iter()
            .flatten()
            .flat_map(paths)
            .any(|path| {
                path.strip_prefix(under.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

/// Returns the paths of a page's URLs, otherwise its path in the tree.
fn paths(page: &Map<String, Value>) -> Vec<String> {
    let urls: Vec<String> = urls_of(page).filter_map(path_of).collect();
    if !urls.is_empty() {
        return urls;
    }
    let url_path = page.get("url_path").and_then(Value::as_str);
    url_path.and_then(path_of).into_iter().collect()
}

fn fits_one(patterns: Option<&[String]>, text: Option<&str>) -> bool {
    let Some(patterns) = patterns else {
        return true;
    };
    text.is_some_and(|text| {
        let text = text.to_ascii_lowercase();
        patterns
            .iter()
            .any(|pattern| fits(&pattern.to_ascii_lowercase(), &text))
    })
}

/// Returns true when `text` matches `pattern`, in which each `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let Some((middle, end)) = rest.rsplit_once('*') else {
        return text.ends_with(rest);
    };
    // The first place where a part matches leaves most room for the parts after it.
    for part in middle.split('*') {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
