//! The history of one object: what was committed, what was published.

use std::fmt::Write as _;

use wagrun_event::Event;

use super::check::{Finding, summary};
use super::oracle::Oracle;
use super::view;

/// Lines of transactions, and of events, on either side of what the finding is about.
const AROUND: usize = 4;

/// One history for each check and kind of object, and how many findings are like it.
pub fn report(seed: u64, oracle: &Oracle, taken: &[Event], findings: &[Finding]) -> String {
    let mut report = String::new();
    let kind = |finding: &Finding| finding.object.split('/').next().map(str::to_owned);
    for same_check in findings.chunk_by(|a, b| (a.check, kind(a)) == (b.check, kind(b))) {
        // The object with the shortest history is the easiest to understand.
        let first = same_check
            .iter()
            .min_by_key(|finding| oracle.histories.get(&finding.object).map_or(0, Vec::len))
            .unwrap();
        let _ = writeln!(
            report,
            "\nseed {seed}, check {} ({:?}), {} times. {}: {}",
            first.check as u8,
            first.check,
            same_check.len(),
            first.object,
            first.message
        );
        report += &history(oracle, taken, first);
    }
    report
}

fn history(oracle: &Oracle, taken: &[Event], finding: &Finding) -> String {
    let mut history = String::new();
    let steps = oracle.histories.get(&finding.object);
    let steps: Vec<_> = steps.into_iter().flatten().collect();
    let at = steps.iter().position(|step| Some(step.xid) == finding.xid);
    let range = around(at, steps.len());
    let _ = writeln!(history, "  committed ({} of {}):", range.len(), steps.len());
    for step in &steps[range] {
        let what = summary(&finding.object, step);
        let _ = writeln!(history, "    {} at {}: {what}", step.xid, step.committed_at);
    }
    let mut events: Vec<&Event> = taken.iter().collect();
    events.retain(|event| event.subject == finding.object);
    let at = events
        .iter()
        .position(|event| Some(&event.sequence) == finding.sequence.as_ref());
    let range = around(at, events.len());
    let _ = writeln!(
        history,
        "  published ({} of {}):",
        range.len(),
        events.len()
    );
    for event in &events[range] {
        let _ = writeln!(
            history,
            "    {} {} at {}: {}, changed {:?}, previous {}",
            event.sequence,
            view::action(event),
            event.time,
            view::text(&view::of_event(event)),
            view::changed(event),
            view::text(&view::of_previous(event))
        );
    }
    history
}

/// What surrounds the place, or without one the end.
fn around(at: Option<usize>, length: usize) -> std::ops::Range<usize> {
    let at = at.unwrap_or(length);
    at.saturating_sub(AROUND)..length.min(at + AROUND + 1)
}
