//! Decides the type of an event: the net change of an object in one transaction, and what it means for visitors.

use serde_json::{Map, Value};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{
    CapturedChange, SaidVisibility, State, StoredDecision, Visibility, VisibilityRules,
};

use crate::action::Action;
use crate::visibility::visibility;

/// The field of a page that its view restrictions make up.
const VIEW_RESTRICTIONS: &str = "view_restrictions";

/// The decision about the event of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The kind of the change. It is `None` when there is nothing to say.
    pub action: Option<Action>,
    /// The visibility before the change, for a page or a document.
    pub before: Option<Visibility>,
    /// The visibility after the change, for a page or a document.
    pub after: Option<Visibility>,
    /// The visibility that the object's next event is compared with.
    pub said: SaidVisibility,
}

impl Decision {
    /// Returns the form in which the decision is stored, or `None` when there is no event.
    pub fn to_stored(&self) -> Option<StoredDecision> {
        Some(StoredDecision {
            action: self.action?.as_str().to_owned(),
            before: self.before.clone(),
            after: self.after.clone(),
        })
    }

    fn from_stored(stored: &StoredDecision, said: &SaidVisibility) -> Self {
        Self {
            action: Action::parse(&stored.action),
            before: stored.before.clone(),
            after: stored.after.clone(),
            said: said.clone(),
        }
    }
}

/// Decides about the event of a change. A decision that is stored is returned as it is.
///
/// `said` is the visibility that the object's event before this one said.
pub fn decide(change: &CapturedChange, said: &SaidVisibility, rules: &VisibilityRules) -> Decision {
    if let Some(stored) = &change.decision {
        return Decision::from_stored(stored, said);
    }
    let of = |state: &State| {
        state
            .as_ref()
            .and_then(|it| visibility(rules, change.kind, it))
    };
    let is_page = change.kind == ObjectKind::Page;
    let was_shown = change
        .before
        .as_ref()
        .is_some_and(|it| !is_page || is_live(it));
    let computed = of(&change.before);
    let after = of(&change.after);
    let said = match (said, &computed) {
        // An object that was there before capture, or that came while capture was off, counts as known.
        (SaidVisibility::AtInstallation | SaidVisibility::Nothing, Some(present)) if was_shown => {
            SaidVisibility::Known(present.clone())
        }
        (SaidVisibility::AtInstallation, _) => SaidVisibility::Nothing,
        (said, _) => said.clone(),
    };
    let Some(present) = &change.after else {
        return Decision {
            action: change.before.is_some().then_some(Action::Deleted),
            before: computed,
            after,
            said: SaidVisibility::Nothing,
        };
    };
    let (is_changed, concerns_visibility) = match &change.before {
        None => (true, true),
        Some(before) => (
            !net_changed(before, present, &change.changed).is_empty(),
            concerns_visibility(change, before, present),
        ),
    };
    if is_changed && !concerns_visibility {
        // Such an event may be of a part, and show a state that a later event of the object's own row is about.
        return Decision {
            action: Some(Action::Updated),
            before: after.clone(),
            after,
            said,
        };
    }
    let before = match &said {
        SaidVisibility::Known(visibility) => Some(visibility.clone()),
        _ => computed,
    };
    let other = match &change.before {
        None => Some(Action::Created),
        Some(_) if is_changed || before != after => Some(Action::Updated),
        Some(_) => None,
    };
    let decided = |action, said| Decision {
        action,
        before,
        after: after.clone(),
        said,
    };
    let known = after
        .clone()
        .map_or(SaidVisibility::Nothing, SaidVisibility::Known);
    if !is_page {
        return decided(other, known);
    }
    if is_undecided(change.before.as_ref(), present, &said, is_changed) {
        return decided(other, SaidVisibility::Undecided);
    }
    if !is_live(present) {
        let was_public = matches!(&said, SaidVisibility::Known(it) if it.is_public());
        let action = if was_public {
            Some(Action::Unpublished)
        } else {
            other
        };
        return decided(action, SaidVisibility::Nothing);
    }
    let action = live_page_action(change.before.as_ref(), present, &said, after.as_ref());
    decided(action.or(other), known)
}

/// Returns what happened to a live page as visitors see it. Returns `None` when they see no difference.
fn live_page_action(
    before: Option<&Map<String, Value>>,
    present: &Map<String, Value>,
    said: &SaidVisibility,
    after: Option<&Visibility>,
) -> Option<Action> {
    let said = match said {
        SaidVisibility::Known(visibility) if visibility.is_public() => Some(visibility),
        _ => None,
    };
    match (said, after.filter(|visibility| visibility.is_public())) {
        (None, None) => None,
        (None, Some(_)) => Some(Action::Published),
        (Some(_), None) => Some(Action::Unpublished),
        (Some(_), Some(_)) if is_publication(before, present) => Some(Action::Published),
        (Some(said), Some(after)) => {
            let is_moved = (&said.url, &said.urls) != (&after.url, &after.urls);
            is_moved.then_some(Action::Moved)
        }
    }
}

/// Returns true when something changed on which the visibility depends, or a newer revision went live.
fn concerns_visibility(
    change: &CapturedChange,
    before: &Map<String, Value>,
    present: &Map<String, Value>,
) -> bool {
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
fn is_undecided(
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

fn is_set(page: &Map<String, Value>, field: &str) -> bool {
    page.get(field).is_some_and(|value| !value.is_null())
}

fn is_live(page: &Map<String, Value>) -> bool {
    page.get("live") == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests;
