//! Compares the committed transactions with the published events.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use wagrun_event::Event;

use super::decoding::Row;
use super::findings::{Check, Finding, ObjectCheck};
use super::oracle::{Oracle, Step, differing};
use super::part_changes::check_part_changes;
use super::tokens;
use super::view::{self, ShownFields};
use crate::support::event_line::changed;

/// Returns all violations of the promises. `published` has the events in the order of publication, `rows` the objects' own rows at
/// the end.
pub fn check(
    oracle: &Oracle,
    rows: &BTreeMap<String, ShownFields>,
    published: &[Event],
) -> Vec<Finding> {
    let mut events: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in published {
        events.entry(&event.subject).or_default().push(event);
    }
    let objects: BTreeSet<&str> = oracle.histories.keys().map(String::as_str).collect();
    let objects = objects.into_iter().chain(events.keys().copied());
    let mut findings = Vec::new();
    for object in objects.collect::<BTreeSet<_>>() {
        let empty = Vec::new();
        let published = events.get(object).cloned().unwrap_or_default();
        let mut by_sequence = published.clone();
        by_sequence.retain(|event| !is_comparison(event));
        by_sequence.sort_by(|a, b| a.sequence.cmp(&b.sequence));
        let mut object = ObjectCheck {
            oracle,
            object,
            steps: oracle.histories.get(object).unwrap_or(&empty),
            events: &by_sequence,
            findings: Vec::new(),
        };
        check_publication(&mut object, &published);
        check_tokens(&mut object);
        check_own_changes(&mut object);
        check_part_changes(&mut object);
        check_last_state(&mut object, rows);
        findings.append(&mut object.findings);
    }
    findings.sort_by(|a, b| (a.check, &a.object).cmp(&(b.check, &b.object)));
    findings
}

/// The fields of an event that the drainer adds to those of the object.
const VISIBILITY: [&str; 4] = ["url", "urls", "visible_to", "groups"];

/// Returns true for an event without a commit: the drainer compared the visibility of a page with the one that was said last.
fn is_comparison(event: &Event) -> bool {
    let is_birth_or_end = match view::action(event) {
        "created" | "deleted" => true,
        "published" => changed(event).is_empty(),
        _ => false,
    };
    let previous = event.data["previous"].as_object().unwrap();
    let mut fields = changed(event).into_iter();
    !is_birth_or_end
        && fields.all(|field| VISIBILITY.contains(&field))
        && previous
            .keys()
            .all(|field| VISIBILITY.contains(&field.as_str()))
}

/// Checks that the events of an object are published in the order of their sequence, and each under one sequence.
fn check_publication(object: &mut ObjectCheck<'_>, published: &[&Event]) {
    for pair in published.windows(2) {
        let (first, second) = (&pair[0].sequence, &pair[1].sequence);
        if second <= first || first.len() != second.len() {
            let message = format!("sequence {second} was published after {first}");
            object.report(
                Check::PublicationFollowsSequence,
                None,
                Some(pair[1]),
                message,
            );
        }
    }
    let mut ids = HashSet::new();
    for event in published {
        if !ids.insert(event.id) {
            let message = format!("id {} has several sequences", event.id);
            object.report(
                Check::PublicationFollowsSequence,
                None,
                Some(event),
                message,
            );
        }
    }
}

/// Checks that an event shows only committed values.
fn check_tokens(object: &mut ObjectCheck<'_>) {
    for event in object.events {
        let json = serde_json::to_string(event).unwrap();
        for token in tokens::in_text(&json) {
            if !object.oracle.tokens.contains(&token) {
                let message = format!("the event shows {token}, which was not committed");
                object.report(Check::NothingIsInvented, None, Some(event), message);
            }
        }
    }
}

/// Checks that each committed change of the object's own row has one event with its data, in the order of the commits.
fn check_own_changes(object: &mut ObjectCheck<'_>) {
    let steps: Vec<&Step> = object.steps.iter().filter(|step| step.is_own()).collect();
    let mut unmatched: Vec<&Event> = object.events.to_vec();
    unmatched.retain(|event| view::is_own(object.oracle, event));
    let mut last: Option<&Event> = None;
    let mut missing = Vec::new();
    for step in steps {
        let fits = |event: &&Event| view::difference(object.oracle, step, event).is_none();
        let Some(at) = unmatched.iter().position(fits) else {
            missing.push(step);
            continue;
        };
        let event = unmatched.remove(at);
        if let Some(earlier) = last.filter(|earlier| event.sequence < earlier.sequence) {
            let message = format!(
                "transaction {} was committed later than that of event {}, but its event is {}",
                step.xid, earlier.sequence, event.sequence
            );
            object.report(Check::EventsFollowCommits, Some(step), Some(event), message);
        }
        last = Some(event);
    }
    let mut wrong = unmatched.into_iter();
    for step in missing {
        let Some(event) = wrong.next() else {
            let message = format!(
                "no event for transaction {}: {}",
                step.xid,
                summary(object.object, step)
            );
            object.report(Check::NothingIsLost, Some(step), None, message);
            continue;
        };
        let difference = view::difference(object.oracle, step, event).unwrap_or_default();
        let message = format!(
            "transaction {} and event {}: {difference}",
            step.xid, event.sequence
        );
        object.report(Check::EventsFollowCommits, Some(step), Some(event), message);
    }
    for event in wrong {
        let message = format!("event {} belongs to no committed change", event.sequence);
        object.report(Check::NothingIsInvented, None, Some(event), message);
    }
}

/// Checks that the last event of an object shows its row at the end.
fn check_last_state(object: &mut ObjectCheck<'_>, rows: &BTreeMap<String, ShownFields>) {
    let Some(last) = object.events.last().copied() else {
        return;
    };
    let row = rows.get(object.object);
    let shown = view::of_event(last);
    let is_right = match view::action(last) {
        "deleted" => row.is_none(),
        _ => row == Some(&shown),
    };
    if !is_right {
        let row = row.map_or("gone".to_owned(), view::text);
        let shown = view::text(&shown);
        let message = format!("the last event is {}: {shown}, the row is {row}", last.kind);
        object.report(Check::TheLastEventIsTheRow, None, Some(last), message);
    }
}

/// Returns the effect of a step on the compared columns, as a text.
pub fn summary(object: &str, step: &Step) -> String {
    let shown = |row: &Option<Row>| row.as_ref().map(|row| view::of_row(object, row));
    let (before, after) = (shown(&step.before), shown(&step.after));
    let fields = differing(step.before.as_ref(), step.after.as_ref());
    match (before, after) {
        (None, None) => "nothing of its own".to_owned(),
        (None, Some(after)) => format!("created {}", view::text(&after)),
        (Some(before), None) => format!("deleted {}", view::text(&before)),
        (Some(before), Some(after)) => {
            let differ = after
                .iter()
                .filter(|(name, new)| before.get(*name) != Some(new));
            let differ: Vec<String> = differ
                .map(|(name, new)| format!("{name} {} -> {new}", before[name]))
                .collect();
            format!(
                "own {fields:?} parts {:?}: {}",
                step.parts,
                differ.join(", ")
            )
        }
    }
}
