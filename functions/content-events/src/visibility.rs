//! Computes the visibility of a page or a document from its columns and the rules of the site.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{Visibility, VisibilityRules};

use crate::address::addresses;

/// View restrictions, the strictest first. A visitor must satisfy all that apply.
const STRICTEST_FIRST: [&str; 3] = ["groups", "login", "password"];

/// Returns the visibility of an object in this state. Returns `None` for an object that is neither a page nor a document.
///
/// A page that is not live has one too: that which it would have when it goes live.
pub fn visibility(
    rules: &VisibilityRules,
    kind: ObjectKind,
    state: &Map<String, Value>,
) -> Option<Visibility> {
    let text = |field| state.get(field).and_then(Value::as_str);
    match kind {
        ObjectKind::Page => {
            let mut visibility = restricted(rules, kind, text("path").unwrap_or_default());
            let has_own_urls = integer(state, "content_type")
                .is_some_and(|id| rules.own_url_types.iter().any(|own| i64::from(*own) == id));
            if let (Some(url_path), false) = (text("url_path"), has_own_urls) {
                let addresses = addresses(rules, url_path);
                if addresses.full.is_some() && addresses.all.is_empty() {
                    Visibility::NOBODY.clone_into(&mut visibility.visible_to);
                    visibility.groups.clear();
                }
                visibility.url = addresses.full;
                visibility.urls = addresses.all;
            }
            Some(visibility)
        }
        ObjectKind::Document => {
            let id = integer(state, "collection");
            let collection = rules.collections.iter().find(|it| Some(it.id) == id);
            Some(restricted(
                rules,
                kind,
                collection.map_or("", |it| it.path.as_str()),
            ))
        }
        ObjectKind::Image | ObjectKind::Snippet | ObjectKind::Table => None,
    }
}

/// Returns a digest of the rules. Equal rules have equal digests.
pub fn digest(rules: &VisibilityRules) -> String {
    let text = serde_json::to_string(rules).unwrap_or_default();
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns the visibility without addresses of an object at this place in the tree of pages or of collections.
fn restricted(rules: &VisibilityRules, kind: ObjectKind, path: &str) -> Visibility {
    let applying: Vec<_> = rules
        .restrictions
        .iter()
        .filter(|it| it.kind == kind.as_str() && path.starts_with(&it.path))
        .filter(|it| it.restriction != "none")
        .collect();
    let strictest = STRICTEST_FIRST
        .into_iter()
        .find(|strict| applying.iter().any(|it| it.restriction == *strict));
    // A type that Wagtail does not have yet is shown under its own name.
    let unknown = applying.first().map(|it| it.restriction.as_str());
    let mut groups: Vec<String> = applying.iter().flat_map(|it| it.groups.clone()).collect();
    groups.sort_unstable();
    groups.dedup();
    Visibility {
        visible_to: strictest
            .or(unknown)
            .unwrap_or(Visibility::PUBLIC)
            .to_owned(),
        groups: if strictest == Some("groups") {
            groups
        } else {
            Vec::new()
        },
        url: None,
        urls: Vec::new(),
    }
}

fn integer(state: &Map<String, Value>, field: &str) -> Option<i64> {
    state.get(field).and_then(Value::as_i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::rules;
    use serde_json::json;
    use wagrun_database::outbox::{Collection, ViewRestriction};

    fn restriction(kind: &str, path: &str, restriction: &str, groups: &[&str]) -> ViewRestriction {
        ViewRestriction {
            kind: kind.to_owned(),
            path: path.to_owned(),
            restriction: restriction.to_owned(),
            groups: groups.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn of(rules: &VisibilityRules, kind: ObjectKind, state: Value) -> Visibility {
        let Value::Object(state) = state else {
            unreachable!()
        };
        visibility(rules, kind, &state).unwrap()
    }

    #[test]
    fn a_restriction_holds_below_its_page_and_the_strictest_is_shown() {
        let mut rules = rules();
        rules.restrictions = vec![
            restriction("page", "000100010002", "password", &[]),
            restriction("page", "0001000100020001", "groups", &["Editors", "Board"]),
            restriction("document", "00010001", "login", &[]),
        ];
        let page = |path: &str| {
            let state = json!({"path": path, "url_path": "/home/a/", "content_type": 9});
            of(&rules, ObjectKind::Page, state)
        };
        assert!(page("00010001").is_public());
        assert!(page("000100010003").is_public());
        assert_eq!(page("000100010002").visible_to, "password");
        assert_eq!(page("0001000100020002").visible_to, "password");
        let strict = page("00010001000200010001");
        assert_eq!(strict.visible_to, "groups");
        assert_eq!(strict.groups, ["Board", "Editors"]);
        assert_eq!(strict.urls, ["https://www.example.org/a/"]);
    }

    #[test]
    fn a_document_has_the_restrictions_of_its_collection_and_those_above() {
        let mut rules = rules();
        rules.restrictions = vec![restriction("document", "00010002", "login", &[])];
        rules.collections = [(1, "0001"), (2, "00010002"), (3, "000100020001")]
            .map(|(id, path)| Collection {
                id,
                path: path.to_owned(),
            })
            .into();
        let shown = [1, 2, 3]
            .map(|id| of(&rules, ObjectKind::Document, json!({"collection": id})).visible_to);
        assert_eq!(shown, ["public", "login", "login"]);
    }

    #[test]
    fn a_page_type_that_computes_its_urls_itself_has_none_here() {
        let mut rules = rules();
        rules.own_url_types = vec![9];
        let state = json!({"path": "0001", "url_path": "/home/a/", "content_type": 9});
        assert!(of(&rules, ObjectKind::Page, state).urls.is_empty());
    }
}
