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
mod tests {
    use super::*;
    use serde_json::json;

    fn event(kind: &str, data: Value) -> Event {
        serde_json::from_value(json!({
            "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
            "type": kind, "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
            "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
            "data": data,
        }))
        .unwrap()
    }

    #[test]
    fn patterns() {
        let cases = [
            ("wagtail.page.published", "wagtail.page.published", true),
            ("wagtail.page.published", "wagtail.page.publish", false),
            ("wagtail.page.*", "wagtail.page.moved", true),
            ("wagtail.page.*", "wagtail.page.", true),
            ("wagtail.page.*", "wagtail.pages.moved", false),
            ("*", "", true),
            ("*", "anything", true),
            ("*.deleted", "wagtail.image.deleted", true),
            ("*.deleted", "wagtail.image.updated", false),
            ("wagtail.*.deleted", "wagtail.image.deleted", true),
            // One character must not serve both sides of the star.
            ("aba*ba", "aba", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern, text), expected, "{pattern} with {text}");
        }
    }

    #[test]
    fn types_and_content_types() {
        let page = event(
            "wagtail.page.moved",
            json!({"content_type": "blog.blogpage"}),
        );
        let plain = event("wagtail.row.updated", json!({}));
        let list = |patterns: &[&str]| Some(patterns.iter().map(|&text| text.into()).collect());
        let cases = [
            (Filter::default(), true, true),
            (
                Filter::new(list(&["wagtail.image.*", "*.moved"]), None),
                true,
                false,
            ),
            (Filter::new(None, list(&["blog.*"])), true, false),
            (Filter::new(None, list(&["blog.BlogPage"])), true, false),
            (Filter::new(None, list(&["*"])), true, false),
            (Filter::new(list(&["*"]), list(&["news.*"])), false, false),
        ];
        for (filter, with_page, with_plain) in cases {
            assert_eq!(filter.matches(&page), with_page, "{filter:?}");
            assert_eq!(filter.matches(&plain), with_plain, "{filter:?}");
        }
    }

    #[test]
    fn a_snapshot_passes_where_a_change_of_such_an_object_would() {
        let cases = [
            ("wagtail.page.published", "wagtail.page.snapshot", true),
            ("*.deleted", "wagtail.page.snapshot", true),
            ("wagtail.page.*", "wagtail.page.snapshot", true),
            ("wagtail.page.*", "wagtail.image.snapshot", false),
            ("wagtail.page.snapshot", "wagtail.page.snapshot", true),
            // The other way round there is no courtesy.
            ("wagtail.page.snapshot", "wagtail.page.updated", false),
        ];
        for (pattern, kind, expected) in cases {
            let filter = Filter::new(Some(vec![pattern.to_owned()]), None);
            assert_eq!(filter.admits_type(kind), expected, "{pattern} with {kind}");
        }
    }

    #[test]
    fn a_subtree_is_named_by_a_plain_path() {
        for path in [
            "",
            "blog/",
            "/blog/?page=2",
            "/blog/#top",
            "https://example.org/blog/",
        ] {
            assert_eq!(Filter::default().under(path), None, "{path}");
        }
    }

    #[test]
    fn under() {
        let cases = [
            (
                "/blog/",
                json!({"url": "https://example.org/blog/a/"}),
                true,
            ),
            ("/blog", json!({"url": "https://example.org/blog/a/"}), true),
            ("/blog/", json!({"url": "https://example.org/blog/"}), true),
            ("/blog/", json!({"url": "https://example.org/blog"}), true),
            (
                "/blog/",
                json!({"url": "https://example.org/blogs/a/"}),
                false,
            ),
            (
                "/blog/",
                json!({"url": "https://example.org/en/blog/"}),
                false,
            ),
            // The URL decides where there is one, not the place in the tree.
            (
                "/home/blog/",
                json!({"url": "https://example.org/blog/", "url_path": "/home/blog/"}),
                false,
            ),
            (
                "/home/blog/",
                json!({"url": null, "url_path": "/home/blog/a/"}),
                true,
            ),
            ("/blog/", json!({"url": "/blog/a/"}), true),
            (
                "/zürich/",
                json!({"url": "https://example.org/z%C3%BCrich/a/"}),
                true,
            ),
            ("/", json!({"url": "https://example.org/"}), true),
            ("/", json!({"url": "https://example.org/a/"}), true),
            // Moved out, moved in, moved elsewhere.
            (
                "/blog/",
                json!({"url": "https://example.org/old/a/", "previous": {"url": "https://example.org/blog/a/"}}),
                true,
            ),
            (
                "/blog/",
                json!({"url": "https://example.org/blog/a/", "previous": {"url": "https://example.org/old/a/"}}),
                true,
            ),
            (
                "/blog/",
                json!({"url": "https://example.org/new/a/", "previous": {"url": "https://example.org/old/a/"}}),
                false,
            ),
            // No path: an image, a snippet.
            ("/", json!({"title": "Image"}), false),
        ];
        for (under, data, expected) in cases {
            let filter = Filter::default().under(under).unwrap();
            let event = event("wagtail.page.moved", data);
            assert_eq!(
                filter.matches(&event),
                expected,
                "{under}: {:?}",
                event.data
            );
        }
    }
}
