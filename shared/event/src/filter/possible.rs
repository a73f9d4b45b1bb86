//! The types that events can have, and the paths of pages, to find filters that match nothing.

use url::Url;

use crate::SNAPSHOT;

/// The last parts of the types of captured changes.
pub(super) const ACTIONS: [&str; 6] = [
    "created",
    "updated",
    "published",
    "unpublished",
    "moved",
    "deleted",
];

/// The ends of the types of an object that is not a page, without that of a snapshot.
const OBJECT_ACTIONS: [&str; 3] = ["created", "updated", "deleted"];
/// The types of events on the topic without content behind them.
const OTHER_TYPES: [&str; 3] = [
    "subscriber.disabled",
    "site.deployed",
    "site.deployment_failed",
];
/// The kinds of objects that every site has, besides pages.
const KINDS: [&str; 2] = ["image", "document"];

/// A reason why no event passes a filter whose single parts are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// `under` lets only pages pass, and `types` no type of a page.
    UnderWithoutPages,
    /// `content_types` lets only content pass, and `types` no type of content.
    ContentTypesWithoutContent,
}

/// Returns true when a pattern of `types` matches a type that an event can have. The name of a model may be any.
pub fn is_possible_type(pattern: &str) -> bool {
    let others = OTHER_TYPES.iter().map(|&other| other.to_owned());
    any_meets(pattern, page_types().chain(content_types()).chain(others))
}

/// Returns the percent-encoded path of a URL or of a path. So `/zürich/` and `/z%C3%BCrich/` are the same.
pub(super) fn path_of(text: &str) -> Option<String> {
    let url = if text.starts_with('/') {
        Url::parse(&format!("https://any{text}"))
    } else {
        Url::parse(text)
    };
    url.ok().map(|url| url.path().to_owned())
}

/// Returns true when the path of a page, or of its URL, is `under` or below it. Capital letters do not count, unlike in a filter.
pub fn path_is_under(under: &str, path: &str) -> bool {
    let plain = |text: &str| path_of(text).map(|path| path.to_lowercase());
    let (Some(under), Some(path)) = (plain(under), plain(path)) else {
        return false;
    };
    path.strip_prefix(under.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the pattern that is most like one that matches nothing: the type of an event, or all types of a kind of object.
pub fn closest_type(pattern: &str) -> String {
    let of_kinds = ["page"]
        .into_iter()
        .chain(KINDS)
        .map(|kind| format!("wagtail.{kind}.*"));
    let objects = KINDS
        .iter()
        .flat_map(|kind| types_of(kind, &OBJECT_ACTIONS));
    let others = OTHER_TYPES.iter().map(|&other| other.to_owned());
    let pattern = pattern.to_ascii_lowercase();
    page_types()
        .chain(objects)
        .chain(of_kinds)
        .chain(others)
        .map(|kind| (strsim::sorensen_dice(&pattern, &kind), kind))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, kind)| kind)
        .unwrap_or_default()
}

/// Returns true when one of the patterns matches a type of a page's events.
pub(super) fn admit_pages(patterns: &[String]) -> bool {
    patterns
        .iter()
        .any(|pattern| any_meets(pattern, page_types()))
}

/// Returns true when one of the patterns matches a type of events about content.
pub(super) fn admit_content(patterns: &[String]) -> bool {
    let types = || page_types().chain(content_types());
    patterns.iter().any(|pattern| any_meets(pattern, types()))
}

fn page_types() -> impl Iterator<Item = String> {
    types_of("page", &ACTIONS)
}

/// Returns the types of objects whose kind or model may have any name, each with `*` in its place.
fn content_types() -> impl Iterator<Item = String> {
    types_of("*", &OBJECT_ACTIONS)
}

fn types_of(object: &str, actions: &[&str]) -> impl Iterator<Item = String> {
    let snapshot = format!("wagtail.{object}{SNAPSHOT}");
    let types = actions
        .iter()
        .map(move |action| format!("wagtail.{object}.{action}"));
    types.chain([snapshot])
}

fn any_meets(pattern: &str, mut types: impl Iterator<Item = String>) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    types.any(|kind| meet(pattern.as_bytes(), kind.as_bytes()))
}

/// Returns true when some text matches both patterns, in which each `*` stands for any characters.
pub(super) fn meet(one: &[u8], other: &[u8]) -> bool {
    // The entry at `b` says that the rest of `one` and the rest of `other` from `b` on meet.
    let mut below: Vec<bool> = Vec::new();
    for a in (0..=one.len()).rev() {
        let mut row = vec![false; other.len() + 1];
        for b in (0..=other.len()).rev() {
            row[b] = match (one.get(a), other.get(b)) {
                (None, None) => true,
                (Some(b'*'), next) => below[b] || (next.is_some() && row[b + 1]),
                (next, Some(b'*')) => row[b + 1] || (next.is_some() && below[b]),
                (Some(left), Some(right)) => left == right && below[b + 1],
                (None, Some(_)) | (Some(_), None) => false,
            };
        }
        below = row;
    }
    below.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn a_pattern_that_matches_no_type_is_told_from_one_that_may() {
        for pattern in [
            "*",
            "wagtail.*",
            "wagtail.page.published",
            "Wagtail.Page.Published",
            "wagtail.page.snapshot",
            "wagtail.page.publish*",
            "*.deleted",
            "*.unpublished",
            "wagtail.*.deleted",
            "wagtail.author.updated",
            "wagtail.page*",
            "*page*",
            "wagtail.p*.m*d",
            "subscriber.*",
            "site.deployed",
            "*deploy*",
        ] {
            assert!(is_possible_type(pattern), "{pattern}");
        }
        for pattern in [
            "wagtail.page.publish",
            "page.published",
            "page.*",
            "published",
            "*.publish",
            "wagtail.page",
            "wagtail.image.published",
            "wagtail.blogpage.published",
            "wagtail.page.published ",
            "wagtail/page/*",
            "subscriber.test",
            "site.deploy",
            "",
        ] {
            assert!(!is_possible_type(pattern), "{pattern}");
        }
    }

    #[test]
    fn every_type_that_is_sent_is_possible() {
        let payloads = include_str!("../../../../docs/payloads.md");
        let types = payloads.split("\"type\": \"").skip(1);
        let types: Vec<_> = types.filter_map(|rest| rest.split('"').next()).collect();
        assert!(types.len() > 20);
        for kind in types {
            assert!(is_possible_type(kind), "{kind}");
        }
    }

    #[test]
    fn the_closest_type_is_the_one_that_was_meant() {
        for (pattern, expected) in [
            ("wagtail.page.publish", "wagtail.page.published"),
            ("wagtail.page.unpublish", "wagtail.page.unpublished"),
            ("page.moved", "wagtail.page.moved"),
            ("page.*", "wagtail.page.*"),
            ("wagtail.page", "wagtail.page.*"),
            ("wagtail.image.create", "wagtail.image.created"),
            ("site.deploy", "site.deployed"),
        ] {
            assert_eq!(closest_type(pattern), expected);
        }
    }

    #[test]
    fn a_path_is_under_another_by_whole_segments_in_small_or_capital_letters() {
        for (under, path, expected) in [
            ("/blog/", "/blog/a/", true),
            ("/blog", "https://example.org/Blog", true),
            ("/BLOG/", "/blog/", true),
            ("/", "/anything", true),
            ("/blog/", "/blogs/a/", false),
            ("/blog/", "/en/blog/", false),
            ("/blog/", "no path", false),
        ] {
            assert_eq!(path_is_under(under, path), expected, "{under} {path}");
        }
    }

    #[test]
    fn two_patterns_meet_when_a_text_matches_both() {
        for (one, other, expected) in [
            ("a*c", "ab*", true),
            ("a*c", "ab", false),
            ("*a*", "*b*", true),
            ("", "*", true),
            ("", "a", false),
            ("a*", "*", true),
            ("*b", "a*", true),
            ("*b", "a", false),
        ] {
            assert_eq!(meet(one.as_bytes(), other.as_bytes()), expected);
            assert_eq!(meet(other.as_bytes(), one.as_bytes()), expected);
        }
    }

    #[test]
    fn parts_that_exclude_each_other_are_told() {
        let types = |pattern: &str| Some(vec![pattern.to_owned()]);
        let under = |pattern| Filter::new(types(pattern), None).under("/news/").unwrap();
        let of = |pattern| Filter::new(types(pattern), types("blog.*"));
        for (filter, expected) in [
            (under("wagtail.page.*"), None),
            (under("*.deleted"), None),
            (
                under("wagtail.image.*"),
                Some(Contradiction::UnderWithoutPages),
            ),
            (
                under("site.deployed"),
                Some(Contradiction::UnderWithoutPages),
            ),
            (of("wagtail.author.updated"), None),
            (
                of("site.*"),
                Some(Contradiction::ContentTypesWithoutContent),
            ),
            (Filter::default().under("/").unwrap(), None),
        ] {
            assert_eq!(filter.contradiction(), expected, "{filter:?}");
        }
        for (filter, expected) in [
            (Filter::default(), true),
            (Filter::new(types("*.deleted"), None), true),
            (Filter::new(types("site.*"), None), false),
        ] {
            assert_eq!(filter.admits_content(), expected, "{filter:?}");
        }
    }
}
