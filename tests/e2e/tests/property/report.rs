//! The report about an object: its committed transactions and its published events.

use std::fmt::Write as _;

use wagrun_event::Event;

use super::check::summary;
use super::findings::Finding;
use super::oracle::Oracle;
use super::view;

/// The number of transactions, and of events, on each side of the one that the finding is about.
const CONTEXT_LINES: usize = 4;

/// Returns a report with one object for each check and each kind of object, and the number of such findings.
pub fn report(seed: u64, oracle: &Oracle, published: &[Event], findings: &[Finding]) -> String {
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
        report += &history(oracle, published, first);
    }
    report
}

fn history(oracle: &Oracle, published: &[Event], finding: &Finding) -> String {
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
    let mut events: Vec<&Event> = published.iter().collect();
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

/// Returns the range around a position, or the end without a position.
fn around(at: Option<usize>, length: usize) -> std::ops::Range<usize> {
    let at = at.unwrap_or(length);
    at.saturating_sub(CONTEXT_LINES)..length.min(at + CONTEXT_LINES + 1)
}
