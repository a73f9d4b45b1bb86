//! The meaning of a change of an object's row for its visibility.

use serde_json::{Map, Value};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{CapturedChange, SaidVisibility, Visibility};

use crate::action::Action;

/// The field of a page that its view restrictions make up.
const VIEW_RESTRICTIONS: &str = "view_restrictions";

/// Returns what happened to a page as the public sees it. Returns `None` when it sees no difference.
///
/// `shown` is the visibility of the page, if it is live.
pub fn public_action(
    before: Option<&Map<String, Value>>,
    present: &Map<String, Value>,
    said: &SaidVisibility,
    shown: Option<&Visibility>,
) -> Option<Action> {
    let said = match said {
        SaidVisibility::Known(visibility) if visibility.is_public() => Some(visibility),
        _ => None,
    };
    match (said, shown.filter(|visibility| visibility.is_public())) {
        (None, None) => None,
        (None, Some(_)) => Some(Action::Published),
        (Some(_), None) => Some(Action::Unpublished),
        (Some(_), Some(_)) if is_publication(before, present) => Some(Action::Published),
        (Some(said), Some(shown)) => {
            let is_moved = (&said.url, &said.urls) != (&shown.url, &shown.urls);
            is_moved.then_some(Action::Moved)
        }
    }
}

/// Returns true when something changed on which the visibility depends, or a newer revision went live. It does in each insertion.
pub fn concerns_visibility(change: &CapturedChange) -> bool {
    let (Some(before), Some(present)) = (&change.before, &change.after) else {
        return true;
    };
    let fields: &[&str] = match change.kind {
        ObjectKind::Page => &[
            "live",
            "path",
            "url_path",
            "content_type",
            "live_revision",
            "last_published_at",
        ],
        ObjectKind::Document => &["collection"],
        ObjectKind::Image | ObjectKind::Snippet | ObjectKind::Table => &[],
    };
    let mut fields = fields.iter();
    change.changed.iter().any(|name| name == VIEW_RESTRICTIONS)
        || fields.any(|field| before.get(*field) != present.get(*field))
}

/// Returns true for a page that was inserted as live and may not stay so.
///
/// Wagtail's admin inserts a new page as live before it publishes, schedules or restricts it, each in a transaction of its own. Such a
/// page has no trace of a publication yet. It is decided by its publication, by its end, or by an event without a change, which
/// content-events makes some seconds later.
pub fn is_undecided(
    before: Option<&Map<String, Value>>,
    present: &Map<String, Value>,
    said: &SaidVisibility,
    is_changed: bool,
) -> bool {
    let is_new = match said {
        SaidVisibility::Undecided => is_changed || before.is_none(),
        SaidVisibility::Nothing => before.is_none(),
        SaidVisibility::AtInstallation | SaidVisibility::Known(_) => false,
    };
    let traces = [
        "first_published_at",
        "last_published_at",
        "live_revision",
        "alias_of",
    ];
    is_new && is_live(present) && !traces.into_iter().any(|field| is_set(present, field))
}

/// Returns true when a newer revision of a live page went live.
fn is_publication(before: Option<&Map<String, Value>>, present: &Map<String, Value>) -> bool {
    let differs = |field: &str| before.and_then(|it| it.get(field)) != present.get(field);
    // The deletion of a revision sets `live_revision` to null, which publishes nothing.
    differs("live_revision") && is_set(present, "live_revision") || differs("last_published_at")
}

fn is_set(page: &Map<String, Value>, field: &str) -> bool {
    page.get(field).is_some_and(|value| !value.is_null())
}

/// Returns true for a live page.
pub fn is_live(page: &Map<String, Value>) -> bool {
    page.get("live") == Some(&Value::Bool(true))
}
