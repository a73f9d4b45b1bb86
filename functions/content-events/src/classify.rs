//! Decides the type of an event: the net change of an object in one transaction, and what it means for visitors.

use serde_json::{Map, Value};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{
    CapturedChange, SaidVisibility, State, StoredDecision, Visibility, VisibilityRules,
};

use crate::action::Action;
use crate::page_change::{concerns_visibility, is_live, is_undecided, public_action};
use crate::visibility::visibility;

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
        let state = state.as_ref()?;
        visibility(rules, change.kind, state)
    };
    let (before, after) = (of(&change.before), of(&change.after));
    let Some(present) = &change.after else {
        return Decision {
            action: change.before.is_some().then_some(Action::Deleted),
            before,
            after,
            said: SaidVisibility::Nothing,
        };
    };
    let is_changed = change
        .before
        .as_ref()
        .is_none_or(|before| !net_changed(before, present, &change.changed).is_empty());
    if !change.is_comparison && !concerns_visibility(change) {
        // Such an event may be of a part, and show a state that a later event of the object's own row is about.
        let after = after.map(|it| as_said(it, said));
        return Decision {
            action: is_changed.then_some(Action::Updated),
            before: after.clone(),
            after,
            said: said.clone(),
        };
    }
    let said = known_before(change, said, before.as_ref());
    let before = match &said {
        SaidVisibility::Known(visibility) => Some(visibility.clone()),
        said => before.map(|it| as_said(it, said)),
    };
    let other = match &change.before {
        None => Some(Action::Created),
        Some(_) if is_changed || before != after => Some(Action::Updated),
        Some(_) => None,
    };
    let is_page = change.kind == ObjectKind::Page;
    if is_page && is_undecided(change.before.as_ref(), present, &said, is_changed) {
        let said = SaidVisibility::Undecided;
        return Decision {
            action: other,
            before,
            after: after.map(|it| as_said(it, &said)),
            said,
        };
    }
    let is_shown = !is_page || is_live(present);
    let shown = after.as_ref().filter(|_| is_shown);
    let seen = if is_page {
        public_action(change.before.as_ref(), present, &said, shown)
    } else {
        None
    };
    Decision {
        action: seen.or(other),
        said: shown.map_or(SaidVisibility::Nothing, |it| {
            SaidVisibility::Known(it.clone())
        }),
        before,
        after,
    }
}

/// Returns the visibility that was known before a change. An object that was there before capture, or that came while capture was
/// off, counts as known.
fn known_before(
    change: &CapturedChange,
    said: &SaidVisibility,
    before: Option<&Visibility>,
) -> SaidVisibility {
    let is_page = change.kind == ObjectKind::Page;
    let was_shown = |state: &Map<String, Value>| !is_page || is_live(state);
    match (said, before) {
        (SaidVisibility::AtInstallation | SaidVisibility::Nothing, Some(before))
            if change.before.as_ref().is_some_and(was_shown) =>
        {
            SaidVisibility::Known(before.clone())
        }
        (SaidVisibility::AtInstallation, _) => SaidVisibility::Nothing,
        (said, _) => said.clone(),
    }
}

/// Returns the visibility as events show it. A page is visible to nobody until it is decided.
fn as_said(visibility: Visibility, said: &SaidVisibility) -> Visibility {
    match said {
        SaidVisibility::Undecided => Visibility {
            visible_to: Visibility::NOBODY.to_owned(),
            groups: Vec::new(),
            ..visibility
        },
        _ => visibility,
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
            // One of them, or only its name is known.
            _ => true,
        })
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
