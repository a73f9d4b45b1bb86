//! Compares what was committed with what was published.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use wagrun_event::Event;

use super::decoding::Row;
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
    findings.sort_by(|a, b| (a.check, &a.object).cmp(&(b.check, &b.object)));
    findings
}

pub(super) struct ObjectCheck<'a> {
    pub oracle: &'a Oracle,
    pub object: &'a str,
    pub steps: &'a [Step],
    /// In the order of their sequence.
    pub events: &'a [&'a Event],
    findings: Vec<Finding>,
}

impl ObjectCheck<'_> {
    pub fn find(
        &mut self,
        check: Check,
        step: Option<&Step>,
        event: Option<&Event>,
        message: String,
    ) {
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
                    "no event for transaction {}: {}",
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
            let row = row.map_or("gone".to_owned(), view::text);
            let shown = view::text(&shown);
            let message = format!("the last event is {}: {shown}, the row is {row}", last.kind);
            self.find(Check::TheLastEventIsTheRow, None, Some(last), message);
        }
    }
}

/// What a step did to the shown columns.
pub fn summary(object: &str, step: &Step) -> String {
    let shown = |row: &Option<Row>| row.as_ref().map(|row| view::of_row(object, row));
    let (before, after) = (shown(&step.before), shown(&step.after));
    let fields = super::oracle::differing(step.before.as_ref(), step.after.as_ref());
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
