//! Compares what was committed with what was published.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use wagrun::event::Event;

use super::decoding::Row;
use super::matching::match_all;
use super::oracle::{Oracle, Step};
use super::tokens;
use super::view::{self, Shown};

/// The numbers of the promises, as they stand in the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    NothingIsLost = 1,
    NothingIsInvented = 2,
    TheLastEventIsTheRow = 3,
    EventsFollowCommits = 4,
    PublicationFollowsSequence = 5,
}

#[derive(Debug)]
pub struct Finding {
    pub check: Check,
    pub object: String,
    pub message: String,
    /// The transaction that it is about, if it is about one.
    pub xid: Option<u64>,
    /// The sequence of the event that it is about, if it is about one.
    pub sequence: Option<String>,
}

/// `taken` in the order of publication; `rows` are the objects' own rows at the end.
pub fn check(oracle: &Oracle, rows: &BTreeMap<String, Shown>, taken: &[Event]) -> Vec<Finding> {
    let mut events: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in taken {
        events.entry(&event.subject).or_default().push(event);
    }
    let objects: BTreeSet<&str> = oracle.histories.keys().map(String::as_str).collect();
    let objects = objects.into_iter().chain(events.keys().copied());
    let mut findings = Vec::new();
    for object in objects.collect::<BTreeSet<_>>() {
        let empty = Vec::new();
        let mut by_sequence = events.get(object).cloned().unwrap_or_default();
        let published = by_sequence.clone();
        by_sequence.sort_by(|a, b| a.sequence.cmp(&b.sequence));
        let mut object = ObjectCheck {
            oracle,
            object,
            steps: oracle.histories.get(object).unwrap_or(&empty),
            events: &by_sequence,
            findings: Vec::new(),
        };
        object.publication(&published);
        object.tokens();
        object.own_changes();
        object.part_changes();
        object.last_state(rows);
        findings.append(&mut object.findings);
    }
    findings.sort_by_key(|finding| finding.check);
    findings
}

struct ObjectCheck<'a> {
    oracle: &'a Oracle,
    object: &'a str,
    steps: &'a [Step],
    /// In the order of their sequence.
    events: &'a [&'a Event],
    findings: Vec<Finding>,
}

impl ObjectCheck<'_> {
    fn find(&mut self, check: Check, step: Option<&Step>, event: Option<&Event>, message: String) {
        self.findings.push(Finding {
            check,
            object: self.object.to_owned(),
            message,
            xid: step.map(|step| step.xid),
            sequence: event.map(|event| event.sequence.clone()),
        });
    }

    fn publication(&mut self, published: &[&Event]) {
        for pair in published.windows(2) {
            let (first, second) = (&pair[0].sequence, &pair[1].sequence);
            if second <= first || first.len() != second.len() {
                let message = format!("sequence {second} was published after {first}");
                self.find(
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
                self.find(
                    Check::PublicationFollowsSequence,
                    None,
                    Some(event),
                    message,
                );
            }
        }
    }

    fn tokens(&mut self) {
        for event in self.events {
            let json = serde_json::to_string(event).unwrap();
            for token in tokens::in_text(&json) {
                if !self.oracle.tokens.contains(&token) {
                    let message = format!("the event shows {token}, which nobody committed");
                    self.find(Check::NothingIsInvented, None, Some(event), message);
                }
            }
        }
    }

    /// One event for each committed change of the object's own row, with its data, in the order of the commits.
    fn own_changes(&mut self) {
        let steps: Vec<&Step> = self.steps.iter().filter(|step| step.is_own()).collect();
        let mut unmatched: Vec<&Event> = self.events.to_vec();
        unmatched.retain(|event| view::is_own(self.oracle, event));
        let mut last: Option<&Event> = None;
        let mut missing = Vec::new();
        for step in steps {
            let fits = |event: &&Event| view::difference(self.oracle, step, event).is_none();
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
                self.find(Check::EventsFollowCommits, Some(step), Some(event), message);
            }
            last = Some(event);
        }
        let mut wrong = unmatched.into_iter();
        for step in missing {
            let Some(event) = wrong.next() else {
                let message = format!(
                    "no event for transaction {}: {:?}",
                    step.xid,
                    summary(self.object, step)
                );
                self.find(Check::NothingIsLost, Some(step), None, message);
                continue;
            };
            let difference = view::difference(self.oracle, step, event).unwrap_or_default();
            let message = format!(
                "transaction {} and event {}: {difference}",
                step.xid, event.sequence
            );
            self.find(Check::EventsFollowCommits, Some(step), Some(event), message);
        }
        for event in wrong {
            let message = format!("event {} belongs to no committed change", event.sequence);
            self.find(Check::NothingIsInvented, None, Some(event), message);
        }
    }

    /// For each transaction that changed parts alone an event of its own, with a state of the object's own row that was
    /// committed when the transaction was, or later. An object that is deleted later needs none: its deletion tells.
    fn part_changes(&mut self) {
        let versions = self.versions();
        let mut version = 0;
        let mut steps = Vec::new();
        let mut others = 0;
        for step in self.steps {
            if step.is_own() {
                version += 1;
            } else if step.is_part_only() {
                steps.push((step, version));
            } else {
                others += 1;
            }
        }
        let mut events = Vec::new();
        let mut is_deleted = false;
        for event in self.events.iter().copied() {
            if view::is_own(self.oracle, event) {
                is_deleted = view::action(event) == "deleted";
                continue;
            }
            if is_deleted {
                let message = format!("event {} follows the deletion", event.sequence);
                self.find(Check::EventsFollowCommits, None, Some(event), message);
            }
            let shown = view::of_event(event);
            let newest = versions
                .iter()
                .rposition(|row| row.as_ref() == Some(&shown));
            if newest.is_none() || !view::of_previous(event).is_empty() {
                let message = format!(
                    "event {} shows a row that was never committed: {shown:?}",
                    event.sequence
                );
                self.find(Check::EventsFollowCommits, None, Some(event), message);
            }
            events.push((event, newest, view::changed(event)));
        }
        if events.len() > steps.len() + others {
            let message = format!(
                "{} events for {} changes of parts",
                events.len(),
                steps.len() + others
            );
            self.find(
                Check::NothingIsInvented,
                None,
                events.last().map(|last| last.0),
                message,
            );
        }

        let fits = |step: usize, event: usize| {
            let ((step, version), (_, newest, changed)) = (steps[step], &events[event]);
            *newest >= Some(version) && step.parts.is_subset(changed)
        };
        for unmatched in match_all(steps.len(), events.len(), fits) {
            let (step, version) = steps[unmatched];
            if versions[version..].contains(&None) {
                continue;
            }
            let stale = events.iter().find(|(_, newest, changed)| {
                newest.is_some() && *newest < Some(version) && step.parts.is_subset(changed)
            });
            let (check, event, message) = match stale {
                Some((event, newest, _)) => (
                    Check::EventsFollowCommits,
                    Some(*event),
                    format!(
                        "transaction {} changed {:?} when the row was {:?}; event {} shows the older {:?}",
                        step.xid,
                        step.parts,
                        versions[version],
                        event.sequence,
                        newest.map(|newest| &versions[newest])
                    ),
                ),
                None => (
                    Check::NothingIsLost,
                    None,
                    format!(
                        "no event for transaction {}, which changed {:?}",
                        step.xid, step.parts
                    ),
                ),
            };
            self.find(check, Some(step), event, message);
        }
    }

    fn last_state(&mut self, rows: &BTreeMap<String, Shown>) {
        let Some(last) = self.events.last().copied() else {
            return;
        };
        let row = rows.get(self.object);
        let shown = view::of_event(last);
        let is_right = match view::action(last) {
            "deleted" => row.is_none(),
            _ => row == Some(&shown),
        };
        if !is_right {
            let message = format!(
                "the last event is {}: {shown:?}, the row is {row:?}",
                last.kind
            );
            self.find(Check::TheLastEventIsTheRow, None, Some(last), message);
        }
    }

    /// The object's own row at the baseline and after each change of it.
    fn versions(&self) -> Vec<Option<Shown>> {
        let shown = |row: Option<&Row>| row.map(|row| view::of_row(self.object, row));
        let mut versions = vec![shown(self.oracle.baseline.get(self.object))];
        let own = self.steps.iter().filter(|step| step.is_own());
        versions.extend(own.map(|step| shown(step.after.as_ref())));
        versions
    }
}

/// What a step did to the shown columns.
pub fn summary(object: &str, step: &Step) -> String {
    let shown = |row: &Option<Row>| row.as_ref().map(|row| view::of_row(object, row));
    let (before, after) = (shown(&step.before), shown(&step.after));
    let fields = super::oracle::differing(step.before.as_ref(), step.after.as_ref());
    match (before, after) {
        (None, None) => "nothing of its own".to_owned(),
        (None, Some(after)) => format!("created {after:?}"),
        (Some(before), None) => format!("deleted {before:?}"),
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
