//! Judges the state of a stack: the faults, each with its heading in the runbook.

use super::releases::Releases;
use super::state::{Problem, Status};
use crate::output::counted;
use crate::subscribers::{Health, SetAside};
use crate::time;

/// The age in seconds from which an event of the outbox is late, as in `OldestEventAlarm`.
const LATE_SECONDS: f64 = 900.0;

/// Returns the problems, the first of an event's way first.
pub fn of(status: &Status) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |runbook, text: String| problems.push(Problem { text, runbook });

    if !status.status.ends_with("_COMPLETE") || status.status.contains("ROLLBACK") {
        add("docs/deploy.md", format!("the stack is {}", status.status));
    }
    let outbox = &status.outbox;
    if outbox.oldest_seconds > LATE_SECONDS {
        add(
            "docs/runbook.md#events-wait-in-the-outbox",
            format!(
                "an event had waited for {} s in the outbox",
                outbox.oldest_seconds
            ),
        );
    }
    if outbox.set_apart > 0.0 {
        add(
            "docs/runbook.md#events-are-set-apart",
            match outbox.set_apart {
                1.0 => "1 event is set apart".to_owned(),
                count => format!("{count} events are set apart"),
            },
        );
    }
    for queue in status.queues.iter().filter(|one| one.is_for_operators()) {
        let count = queue.depth.all();
        if count > 0 {
            add(
                heading(&queue.name),
                format!(
                    "{} in the queue {}",
                    counted(count, "message", "messages"),
                    queue.name
                ),
            );
        }
    }
    for subscriber in &status.subscribers {
        let runbook = match subscriber.health {
            Health::Unusable { .. } => "docs/runbook.md#a-subscribers-parameter-cannot-be-used",
            Health::SetAside {
                phase: SetAside::Returning,
                ..
            } => continue,
            Health::SetAside { .. }
            | Health::Failing { .. }
            | Health::Retrying {
                repeatedly: true, ..
            } => "docs/runbook.md#deliveries-wait",
            Health::Off {
                by_deliver: true, ..
            } => "docs/runbook.md#a-subscriber-was-switched-off",
            Health::Retrying { .. } | Health::Off { .. } | Health::Well => continue,
        };
        let text = format!("subscriber {}: {}", subscriber.name, subscriber.state());
        add(runbook, text);
    }
    if let Some(error) = &status.migration.error {
        let at = status.migration.failed_at.map(time::minute);
        add(
            "docs/runbook.md#a-migration-failed",
            format!("migrate failed at {}: {error}", at.unwrap_or_default()),
        );
    }
    if let Releases::On(state) = &status.releases
        && let Some(failure) = &state.last_failure
        && state
            .deployed
            .as_ref()
            .is_none_or(|deployed| deployed.deployed_at < failure.failed_at)
    {
        add(
            "docs/runbook.md#a-release-failed",
            format!(
                "release {} failed while {}: {}",
                failure.sequence, failure.phase, failure.reason
            ),
        );
    }
    problems
}

/// Returns the heading about a queue that should be empty.
fn heading(queue: &str) -> &'static str {
    match queue {
        "DoorbellFailure" => "docs/runbook.md#content-events-fails",
        "EventDeadLetter" => "docs/runbook.md#events-in-the-dead-letter-queue",
        "DeliveryDeadLetter" => "docs/runbook.md#deliveries-in-the-dead-letter-queue",
        "InvalidationDeadLetter" => "docs/runbook.md#invalidations-in-the-dead-letter-queue",
        "ReleaseDeadLetter" => "docs/runbook.md#release-messages-in-the-dead-letter-queue",
        "LogRetentionFailure" => "docs/runbook.md#log-retention-fails",
        "NightFailure" => "docs/runbook.md#the-site-did-not-pause-or-resume",
        "PublishingFailure" => "docs/runbook.md#nothing-is-published-at-its-time",
        _ => "docs/runbook.md#first",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_heading_is_in_the_runbook() {
        let runbook = include_str!("../../../../docs/runbook.md");
        let anchors: Vec<String> = runbook
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .map(|title| {
                let kept = title
                    .chars()
                    .filter(|one| one.is_alphanumeric() || " -".contains(*one));
                kept.collect::<String>().to_lowercase().replace(' ', "-")
            })
            .collect();
        let queues = [
            "DoorbellFailure",
            "EventDeadLetter",
            "DeliveryDeadLetter",
            "InvalidationDeadLetter",
            "ReleaseDeadLetter",
            "LogRetentionFailure",
            "NightFailure",
            "PublishingFailure",
            "Another",
        ];
        let others = [
            "docs/runbook.md#events-wait-in-the-outbox",
            "docs/runbook.md#events-are-set-apart",
            "docs/runbook.md#a-subscribers-parameter-cannot-be-used",
            "docs/runbook.md#deliveries-wait",
            "docs/runbook.md#a-subscriber-was-switched-off",
            "docs/runbook.md#a-migration-failed",
            "docs/runbook.md#a-release-failed",
        ];
        for place in queues.map(heading).into_iter().chain(others) {
            let anchor = place.strip_prefix("docs/runbook.md#").unwrap();
            assert!(anchors.iter().any(|one| one == anchor), "{anchor}");
        }
    }
}
