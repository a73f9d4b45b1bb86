//! What a commit did to an object: its net change, and the one word for it.

use serde_json::{Map, Value};
use wagrun_database::outbox::CapturedChange;

/// The last part of an event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The object is new. A page may be live already, which its data says.
    Created,
    /// Something else about it changed.
    Updated,
    /// The page went live, or a newer revision of it did.
    Published,
    /// The page is no longer live.
    Unpublished,
    /// The page's URL path changed.
    Moved,
    /// The object is gone.
    Deleted,
    /// Nothing happened to it: somebody asked how it is.
    Snapshot,
}

impl Action {
    /// As in an event's type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Published => "published",
            Self::Unpublished => "unpublished",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
            Self::Snapshot => "snapshot",
        }
    }
}

/// The net change of a commit: `None` when it comes to nothing.
pub fn classify(change: &CapturedChange) -> Option<Action> {
    let is_page = change.kind == "page";
    match (&change.before, &change.after) {
        (None, None) => None,
        (Some(_), None) => Some(Action::Deleted),
        // Also when a page's `live` is true: the admin inserts so what it publishes, or only schedules, a moment later.
        (None, Some(_)) => Some(Action::Created),
        (Some(before), Some(after)) => {
            if net_changed(before, after, &change.changed).is_empty() {
                None
            } else if is_page {
                Some(page_action(before, after))
            } else {
                Some(Action::Updated)
            }
        }
    }
}

/// Names of the fields that differ after the commit from before it, sorted, each once.
///
/// A field whose value was captured counts only if it differs; one of which only the name is known counts always.
pub fn net_changed(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    touched: &[String],
) -> Vec<String> {
    let mut names: Vec<String> = touched
        .iter()
        .chain(before.keys())
        .chain(after.keys())
        .filter(|name| match (before.get(*name), after.get(*name)) {
            (Some(old), Some(new)) => old != new,
            (None, None) => touched.contains(name),
            _ => true,
        })
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn page_action(before: &Map<String, Value>, after: &Map<String, Value>) -> Action {
    let differs = |field: &str| before.get(field) != after.get(field);
    match (is_live(before), is_live(after)) {
        (false, true) => Action::Published,
        // The admin's "create and schedule" inserts a page as live and takes it back before it ever had a live revision.
        (true, false) if is_set(before, "live_revision") || !is_set(after, "go_live_at") => {
            Action::Unpublished
        }
        // A revision that is deleted takes `live_revision` to null, which publishes nothing.
        (true, true) if differs("live_revision") && is_set(after, "live_revision") => {
            Action::Published
        }
        (true, true) if differs("last_published_at") => Action::Published,
        _ if differs("url_path") => Action::Moved,
        _ => Action::Updated,
    }
}

fn is_set(page: &Map<String, Value>, field: &str) -> bool {
    page.get(field).is_some_and(|value| !value.is_null())
}

fn is_live(page: &Map<String, Value>) -> bool {
    page.get("live") == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::tests::{change, page};
    use serde_json::json;

    #[track_caller]
    fn assert_page(before: Value, after: Value, touched: &[&str], expected: Option<Action>) {
        assert_eq!(classify(&change(before, after, touched)), expected);
    }

    #[test]
    fn what_was_never_there_and_is_not_there_is_nothing() {
        assert_page(json!(null), json!(null), &["title"], None);
    }

    #[test]
    fn what_is_new_is_created_live_or_not() {
        for live in [true, false] {
            assert_page(
                json!(null),
                page(json!({"live": live})),
                &[],
                Some(Action::Created),
            );
        }
    }

    #[test]
    fn a_page_born_live_is_published_with_its_first_live_revision() {
        assert_page(
            page(json!({"live_revision": null, "last_published_at": null})),
            page(json!({"live_revision": 2})),
            &[],
            Some(Action::Published),
        );
    }

    #[test]
    fn create_and_schedule_is_neither_published_nor_unpublished() {
        let schedule =
            json!({"live_revision": null, "go_live_at": "2027-01-01T00:00:00+00:00", "live": true});
        let mut scheduled = schedule.clone();
        scheduled["live"] = json!(false);
        assert_page(page(schedule), page(scheduled), &[], Some(Action::Updated));
    }

    #[test]
    fn going_live_is_published_and_going_dark_unpublished() {
        let (dark, live) = (page(json!({"live": false})), page(json!({"live": true})));
        assert_page(
            dark.clone(),
            live.clone(),
            &["live"],
            Some(Action::Published),
        );
        assert_page(live, dark, &["live"], Some(Action::Unpublished));
    }

    #[test]
    fn a_newer_live_revision_is_published_even_when_the_page_also_moves() {
        assert_page(
            page(json!({"live_revision": 2, "url_path": "/home/old/"})),
            page(json!({"live_revision": 3, "url_path": "/home/new/"})),
            &["live_revision", "url_path"],
            Some(Action::Published),
        );
    }

    #[test]
    fn deleting_the_live_revision_publishes_nothing() {
        assert_page(
            page(json!({"live_revision": 2})),
            page(json!({"live_revision": null})),
            &["live_revision"],
            Some(Action::Updated),
        );
    }

    #[test]
    fn another_path_is_moved() {
        assert_page(
            page(json!({"url_path": "/home/a/"})),
            page(json!({"url_path": "/home/b/a/"})),
            &["url_path", "path"],
            Some(Action::Moved),
        );
    }

    #[test]
    fn a_draft_of_a_live_page_is_updated() {
        assert_page(
            page(json!({"latest_revision": 3})),
            page(json!({"latest_revision": 4})),
            &["latest_revision", "has_unpublished_changes"],
            Some(Action::Updated),
        );
    }

    #[test]
    fn there_and_back_again_is_nothing_but_an_unseen_field_counts() {
        assert_page(page(json!({})), page(json!({})), &["title", "title"], None);
        assert_page(
            page(json!({})),
            page(json!({})),
            &["body"],
            Some(Action::Updated),
        );
    }

    #[test]
    fn an_image_is_only_ever_created_updated_or_deleted() {
        let mut image = change(json!({"title": "a"}), json!({"title": "b"}), &["title"]);
        image.kind = "image".to_owned();
        assert_eq!(classify(&image), Some(Action::Updated));
        image.before = None;
        assert_eq!(classify(&image), Some(Action::Created));
        image.after = None;
        assert_eq!(classify(&image), None);
    }
}
