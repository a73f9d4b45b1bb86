//! The check of what happens to an object's parts, as the rows of a page's type and its inline children.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use wagrun_event::Event;

use super::check::{Check, ObjectCheck};
use super::decoding::Row;
use super::matching::match_all;
use super::oracle::Step;
use super::view::{self, Shown};

/// An event of a change of parts alone.
struct PartEvent<'a> {
    event: &'a Event,
    /// The newest version of the object's own row that looks as the event shows it.
    newest: Option<usize>,
    changed: BTreeSet<String>,
}

/// A transaction that changed parts alone, and how often the object's own row had been changed until then.
type PartStep<'a> = (&'a Step, usize);

impl<'a> ObjectCheck<'a> {
    /// For each transaction that changed parts alone an event of its own, with a state of the object's own row that was
    /// committed when the transaction was, or later. An object that is deleted later needs none: its deletion tells.
    pub fn part_changes(&mut self) {
        let versions = self.versions();
        let (steps, others) = self.part_steps();
        let events = self.part_events(&versions);
        if events.len() > steps.len() + others {
            let message = format!(
                "{} events for {} changes of parts",
                events.len(),
                steps.len() + others
            );
            let last = events.last().map(|last| last.event);
            self.find(Check::NothingIsInvented, None, last, message);
        }
        let fits = |step: usize, event: usize| {
            let ((step, version), event) = (steps[step], &events[event]);
            event.newest >= Some(version) && step.parts.is_subset(&event.changed)
        };
        for unmatched in match_all(steps.len(), events.len(), fits) {
            let (step, version) = steps[unmatched];
            if !versions[version..].contains(&None) {
                self.missing(step, version, &versions, &events);
            }
        }
    }

    /// The transactions that changed parts alone, and how many changed nothing at all.
    fn part_steps(&self) -> (Vec<PartStep<'a>>, usize) {
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
        // Those that only few events fit choose first.
        steps.sort_by_key(|(step, _)| Reverse(step.parts.len()));
        (steps, others)
    }

    /// The events of changes of parts alone, in order of their sequence.
    fn part_events(&mut self, versions: &[Option<Shown>]) -> Vec<PartEvent<'a>> {
        let mut events = Vec::new();
        let mut is_deleted = false;
        let all: &'a [&'a Event] = self.events;
        for event in all.iter().copied() {
            if view::is_own(self.oracle, event) {
                is_deleted = view::action(event) == "deleted";
                continue;
            }
            if is_deleted {
                let message = format!("event {} follows the deletion", event.sequence);
                self.find(Check::EventsFollowCommits, None, Some(event), message);
            }
            let shown = view::of_event(event);
            let same = |row: &Option<Shown>| row.as_ref() == Some(&shown);
            let newest = versions.iter().rposition(same);
            if newest.is_none() || !view::of_previous(event).is_empty() {
                let shown = view::text(&shown);
                let message = format!(
                    "event {} shows a row that was never committed: {shown}",
                    event.sequence
                );
                self.find(Check::EventsFollowCommits, None, Some(event), message);
            }
            events.push(PartEvent {
                event,
                newest,
                changed: view::changed(event),
            });
        }
        events
    }

    fn missing(
        &mut self,
        step: &Step,
        version: usize,
        versions: &[Option<Shown>],
        events: &[PartEvent<'a>],
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
            self.find(Check::EventsFollowCommits, Some(step), Some(event), message);
        } else {
            let message = format!(
                "no event for transaction {}, which changed {parts:?}",
                step.xid
            );
            self.find(Check::NothingIsLost, Some(step), None, message);
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
