//! Classifies the net change of an object in one transaction.

use serde_json::{Map, Value};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::CapturedChange;

/// The kind of a change, which is the last part of an event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The object is new. A new page may be live already, as its data shows.
    Created,
    /// Something else of the object changed.
    Updated,
    /// The page went live, or a newer revision of it did.
    Published,
    /// The page is no longer live.
    Unpublished,
    /// The page's URL path changed.
    Moved,
    /// The object was deleted.
    Deleted,
    /// The object did not change. An operator asked for its present state.
    Snapshot,
}

impl Action {
    /// Returns the last part of an event's type.
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

/// Classifies a change. Returns `None` when the net change is none.
pub fn classify(change: &CapturedChange) -> Option<Action> {
    match (&change.before, &change.after) {
        (None, None) => None,
        (Some(_), None) => Some(Action::Deleted),
        // Also for a page with `live` true: the admin inserts it so before it publishes or schedules the page.
        (None, Some(_)) => Some(Action::Created),
        (Some(before), Some(after)) => {
            if net_changed(before, after, &change.changed).is_empty() {
                None
            } else if change.kind == ObjectKind::Page {
                Some(page_action(before, after))
            } else {
                Some(Action::Updated)
            }
        }
    }
}

/// Returns the names of the fields that the commit changed, sorted and without repetition.
///
/// A field whose value was captured counts only when its value differs. A field of which only the name is known always
/// counts.
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
        // The admin's "create and schedule" inserts a live page and makes it a draft before it has a live revision.
        (true, false) if is_set(before, "live_revision") || !is_set(after, "go_live_at") => {
            Action::Unpublished
        }
        // The deletion of a revision sets `live_revision` to null, which publishes nothing.
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
    use crate::fixtures::{change, page};
    use serde_json::json;

    #[track_caller]
    fn assert_page(before: Value, after: Value, touched: &[&str], expected: Option<Action>) {
        assert_eq!(classify(&change(before, after, touched)), expected);
    }

    #[test]
    fn an_object_that_is_created_and_deleted_in_one_transaction_has_no_change() {
        assert_page(json!(null), json!(null), &["title"], None);
    }

    #[test]
    fn a_new_page_is_created_live_or_not() {
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
    fn a_change_that_is_undone_does_not_count_but_an_unseen_field_does() {
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
        image.kind = ObjectKind::Image;
        assert_eq!(classify(&image), Some(Action::Updated));
        image.before = None;
        assert_eq!(classify(&image), Some(Action::Created));
        image.after = None;
        assert_eq!(classify(&image), None);
    }
}
