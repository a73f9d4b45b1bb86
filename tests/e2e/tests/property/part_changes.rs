//! The check of changes of an object's parts: the rows of a page's type, and its inline children.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use wagrun_event::Event;

use super::decoding::Row;
use super::findings::{Check, ObjectCheck};
use super::matching::find_unmatched;
use super::oracle::Step;
use super::view::{self, ShownFields};

/// An event of a transaction that changed only parts.
struct PartEvent<'a> {
    event: &'a Event,
    /// The newest version of the object's own row that equals the row in the event.
    newest: Option<usize>,
    changed: BTreeSet<String>,
}

/// A transaction that changed only parts, and the number of changes of the object's own row before it.
type PartStep<'a> = (&'a Step, usize);

/// Checks that each transaction that changed only parts has an event of its own. The event shows a state of the object's own
/// row that was committed then or later. An object that is deleted later needs no such event.
pub fn check_part_changes(object: &mut ObjectCheck<'_>) {
    let versions = versions(object);
    let steps = part_steps(object);
    let events = part_events(object, &versions);
    if events.len() > steps.len() {
        let message = format!(
            "{} events for {} changes of parts",
            events.len(),
            steps.len()
        );
        let last = events.last().map(|last| last.event);
        object.report(Check::NothingIsInvented, None, last, message);
    }
    let fits = |step: usize, event: usize| {
        let ((step, version), event) = (steps[step], &events[event]);
        event.newest >= Some(version) && step.parts.is_subset(&event.changed)
    };
    for unmatched in find_unmatched(steps.len(), events.len(), fits) {
        let (step, version) = steps[unmatched];
        if !versions[version..].contains(&None) {
            report_missing(object, step, version, &versions, &events);
        }
    }
}

/// Returns the transactions that changed only parts. One that leads back to the first rows is none of them.
fn part_steps<'a>(object: &ObjectCheck<'a>) -> Vec<PartStep<'a>> {
    let mut version = 0;
    let mut steps = Vec::new();
    for step in object.steps {
        if step.is_own() {
            version += 1;
        } else if step.is_part_only() {
            steps.push((step, version));
        }
    }
    // Those with the most parts come first, because few events fit them.
    steps.sort_by_key(|(step, _)| Reverse(step.parts.len()));
    steps
}

/// Returns the events of changes of parts, in the order of their sequence.
fn part_events<'a>(
    object: &mut ObjectCheck<'a>,
    versions: &[Option<ShownFields>],
) -> Vec<PartEvent<'a>> {
    let mut events = Vec::new();
    let mut is_deleted = false;
    let all: &'a [&'a Event] = object.events;
    for event in all.iter().copied() {
        if view::is_own(object.oracle, event) {
            is_deleted = view::action(event) == "deleted";
            continue;
        }
        if is_deleted {
            let message = format!("event {} follows the deletion", event.sequence);
            object.report(Check::EventsFollowCommits, None, Some(event), message);
        }
        let shown = view::of_event(event);
        let same = |row: &Option<ShownFields>| row.as_ref() == Some(&shown);
        let newest = versions.iter().rposition(same);
        if newest.is_none() || !view::of_previous(event).is_empty() {
            let shown = view::text(&shown);
            let message = format!(
                "event {} shows a row that was never committed: {shown}",
                event.sequence
            );
            object.report(Check::EventsFollowCommits, None, Some(event), message);
        }
        events.push(PartEvent {
            event,
            newest,
            changed: view::changed(event),
        });
    }
    events
}

/// Reports a transaction whose event is missing or shows an older row.
fn report_missing(
    object: &mut ObjectCheck<'_>,
    step: &Step,
    version: usize,
    versions: &[Option<ShownFields>],
    events: &[PartEvent<'_>],
) {
    let text = |version: usize| versions[version].as_ref().map_or(String::new(), view::text);
    let parts = &step.parts;
    let stale = events
        .iter()
        .filter(|event| parts.is_subset(&event.changed))
        .find_map(|event| {
            Some((
                event.event,
                event.newest.filter(|newest| *newest < version)?,
            ))
        });
    if let Some((event, newest)) = stale {
        let message = format!(
            "transaction {} changed {parts:?} when the row was {}; event {} shows the older {}",
            step.xid,
            text(version),
            event.sequence,
            text(newest)
        );
        object.report(Check::EventsFollowCommits, Some(step), Some(event), message);
    } else {
        let message = format!(
            "no event for transaction {}, which changed {parts:?}",
            step.xid
        );
        object.report(Check::NothingIsLost, Some(step), None, message);
    }
}

/// Returns the object's own row at the baseline and after each change of it.
fn versions(object: &ObjectCheck<'_>) -> Vec<Option<ShownFields>> {
    let shown = |row: Option<&Row>| row.map(|row| view::of_row(object.object, row));
    let mut versions = vec![shown(object.oracle.baseline.get(object.object))];
    let own = object.steps.iter().filter(|step| step.is_own());
    versions.extend(own.map(|step| shown(step.after.as_ref())));
    versions
}
