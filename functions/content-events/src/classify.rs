//! Decides the type of an event: the net change of an object in one transaction, and what it means for visitors.

use serde_json::{Map, Value};
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{
    CapturedChange, SaidVisibility, State, StoredDecision, Visibility, VisibilityRules,
};

use crate::action::Action;
use crate::page_change::{concerns_visibility, is_live, is_undecided, live_page_action};
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
    let said_before = said;
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
    if !change.is_comparison && !concerns_visibility {
        // Such an event may be of a part, and show a state that a later event of the object's own row is about.
        let after = after.map(|it| as_said(it, said_before));
        return Decision {
            action: is_changed.then_some(Action::Updated),
            before: after.clone(),
            after,
            said: said_before.clone(),
        };
    }
    let before = match &said {
        SaidVisibility::Known(visibility) => Some(visibility.clone()),
        said => computed.map(|it| as_said(it, said)),
    };
    let other = match &change.before {
        None => Some(Action::Created),
        Some(_) if is_changed || before != after => Some(Action::Updated),
        Some(_) => None,
    };
    if is_page && is_undecided(change.before.as_ref(), present, &said, is_changed) {
        let after = after.map(|it| as_said(it, &SaidVisibility::Undecided));
        return Decision {
            action: other,
            before,
            after,
            said: SaidVisibility::Undecided,
        };
    }
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
            (None, None) => touched.contains(name),
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
