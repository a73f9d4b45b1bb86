//! The list of all checks, in the order of an event's way.

use super::check::Check;
use super::{database, end_to_end, functions, logs, schedules, subscribers, topic};

/// Returns all checks. Those that wake the database are there on request.
pub fn all(end_to_end: bool) -> Vec<Check> {
    let mut all = CHECKS.to_vec();
    if end_to_end {
        all.extend(END_TO_END);
    }
    all
}

const CHECKS: [Check; 19] = [
    Check {
        name: "stack",
        title: "CloudFormation has finished the stack and every resource of it",
        meaning: "a deployment is under way, or was rolled back: parts of the stack may be of two versions",
        next: "aws cloudformation describe-stack-events --stack-name STACK, docs/deploy.md",
        facts: &["service-linked-roles", "metadata-waits", "sweep-waits"],
        look: |stack| Box::pin(functions::stack(stack)),
    },
    Check {
        name: "functions",
        title: "every function exists and can be invoked",
        meaning: "a function that is not active handles nothing; what is for it waits",
        next: "wagrun logs FUNCTION, docs/runbook.md#content-events-fails",
        facts: &[
            "source-function-arn",
            "image-single-manifest",
            "image-environment",
        ],
        look: |stack| Box::pin(functions::functions(stack)),
    },
    Check {
        name: "environment",
        title: "the functions have the addresses of this stack",
        meaning: "a function works with the topic, queue or parameters of another stack, or of an earlier one",
        next: "sam deploy, which sets them again",
        facts: &[],
        look: |stack| Box::pin(functions::environment(stack)),
    },
    Check {
        name: "doorbell-failures",
        title: "calls of content-events that fail are kept",
        meaning: "a failed doorbell is not noticed, because the alarm watches the queue that nothing reaches",
        next: "docs/runbook.md#a-failed-doorbell-is-not-kept",
        facts: &[],
        look: |stack| Box::pin(functions::doorbell_failures(stack)),
    },
    Check {
        name: "second-doorbell",
        title: "the database's log calls content-events when the first doorbell fails",
        meaning: "an event whose doorbell fails waits for the sweep, for up to 70 minutes",
        next: "sam deploy, docs/runbook.md#the-database-cannot-ring",
        facts: &["log-export-group"],
        look: |stack| Box::pin(logs::second_doorbell(stack)),
    },
    Check {
        name: "topic-subscription",
        title: "the event queue is subscribed to the topic, raw, with a dead-letter queue and without a filter",
        meaning: "events do not reach fan-out, or not all of them",
        next: "sam deploy; then wagrun replay --since TIME for what was missed",
        facts: &[],
        look: |stack| Box::pin(topic::subscription(stack)),
    },
    Check {
        name: "queue-policy",
        title: "the topic may send to the event queue and to its dead-letter queue",
        meaning: "SNS cannot deliver, and does not try again: events are lost to subscribers until they are replayed",
        next: "sam deploy; then wagrun replay --since TIME for what was missed",
        facts: &["topic-policy-account"],
        look: |stack| Box::pin(topic::queue_policy(stack)),
    },
    Check {
        name: "dead-letter-queues",
        title: "the event and delivery queues have their dead-letter queues",
        meaning: "a message that fails again and again is deleted after 14 days, without a notice",
        next: "sam deploy",
        facts: &[],
        look: |stack| Box::pin(topic::dead_letter_queues(stack)),
    },
    Check {
        name: "event-sources",
        title: "fan-out and deliver read their queues, and report failures one by one",
        meaning: "nothing reads the queue, or a failure takes its whole batch along",
        next: "aws lambda update-event-source-mapping --uuid UUID --enabled, docs/runbook.md#events-wait-for-fan-out",
        facts: &["maximum-concurrency"],
        look: |stack| Box::pin(functions::event_sources(stack)),
    },
    Check {
        name: "subscribers",
        title: "every subscriber's parameter can be read and used",
        meaning: "its last usable version is in force, or its events are set aside",
        next: "wagrun subscribers list, docs/runbook.md#a-subscribers-parameter-cannot-be-used",
        facts: &[],
        look: |stack| Box::pin(subscribers::parameters(stack)),
    },
    Check {
        name: "receivers",
        title: "every subscriber that is on accepts its deliveries",
        meaning: "deliveries are repeated or set aside, and the subscriber is switched off after five days",
        next: "wagrun subscribers test NAME, docs/runbook.md#deliveries-wait",
        facts: &[],
        look: |stack| Box::pin(subscribers::receivers(stack)),
    },
    Check {
        name: "directory",
        title: "subscriber-directory writes the directory of all subscribers",
        meaning: "changes of subscribers take effect late, and a copy of fan-out that starts reads every parameter itself",
        next: "wagrun logs subscriber-directory, docs/runbook.md#the-subscriber-directory-cannot-be-used",
        facts: &["conditional-put", "directory-key", "principal-arn"],
        look: |stack| Box::pin(subscribers::directory(stack)),
    },
    Check {
        name: "dead-letters",
        title: "no message waits for an operator",
        meaning: "an event or a delivery was given up, or a run failed for good",
        next: "wagrun status names the queue and the heading of the runbook; wagrun peek QUEUE; wagrun redrive",
        facts: &[],
        look: |stack| Box::pin(subscribers::dead_letters(stack)),
    },
    Check {
        name: "schedules",
        title: "every schedule of the stack is enabled",
        meaning: "sweeps, checks and repairs by the clock do not happen, so that what was missed stays missed",
        next: "sam deploy",
        facts: &[],
        look: |stack| Box::pin(schedules::enabled(stack)),
    },
    Check {
        name: "log-groups",
        title: "every function has its log group, which expires",
        meaning: "logs cost more each month, or a function's lines are somewhere else",
        next: "sam deploy, docs/runbook.md#log-retention-fails",
        facts: &[],
        look: |stack| Box::pin(logs::groups(stack)),
    },
    Check {
        name: "errors",
        title: "no function ended with an error within the last hour",
        meaning: "something fails now; the line has all causes",
        next: "wagrun logs FUNCTION --problems, docs/runbook.md",
        facts: &[],
        look: |stack| Box::pin(logs::errors(stack)),
    },
    Check {
        name: "metrics",
        title: "the functions' metrics are in CloudWatch",
        meaning: "the alarms see nothing, and stay silent when something fails",
        next: "edit a page and try again; docs/deploy.md#what-rests-on-weak-facts, embedded-metrics",
        facts: &["embedded-metrics"],
        look: |stack| Box::pin(logs::metrics(stack)),
    },
    Check {
        name: "database-pauses",
        title: "the database has paused within the last day",
        meaning: "something keeps it awake, for about $175 a month at 2 ACU",
        next: "docs/runbook.md#the-database-does-not-pause",
        facts: &[],
        look: |stack| Box::pin(database::pauses(stack)),
    },
    Check {
        name: "listeners",
        title: "no queue of a killed `wagrun listen` is left",
        meaning: "each event is copied into a queue that nobody reads",
        next: "wagrun listen --count 0, which removes them",
        facts: &[],
        look: |stack| Box::pin(topic::leftovers(stack)),
    },
];

const END_TO_END: [Check; 2] = [
    Check {
        name: "drain",
        title: "content-events connects to the database, and drains the outbox",
        meaning: "events wait in the outbox until it does",
        next: "wagrun logs content-events, docs/runbook.md#content-events-fails",
        facts: &["master-iam", "sns-by-ipv6"],
        look: |stack| Box::pin(end_to_end::drain(stack)),
    },
    Check {
        name: "marked-change",
        title: "the event of a committed change arrives in a queue that subscribes to the topic",
        meaning: "the doorbell does not ring, or the topic does not deliver",
        next: "wagrun logs content-events, docs/runbook.md#the-database-cannot-ring",
        facts: &["topic-policy-account"],
        look: |stack| Box::pin(end_to_end::marked_change(stack)),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_one_of_the_documented_ones_and_every_name_is_used_once() {
        let document = include_str!("../../../../docs/deploy.md");
        let all = all(true);
        for check in &all {
            for fact in check.facts {
                assert!(document.contains(&format!("| `{fact}` |")), "{fact}");
            }
            let same = all.iter().filter(|one| one.name == check.name).count();
            assert_eq!(same, 1, "{}", check.name);
        }
    }
}
