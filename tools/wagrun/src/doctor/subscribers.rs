//! Checks of the subscribers, their directory, and what was given up.

use serde_json::json;

use super::check::Outcome;
use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::output::counted;
use crate::stack::Stack;
use crate::status::queues;
use crate::subscribers::{Health, list};

/// Every parameter can be used.
pub async fn parameters(stack: &Stack) -> Result<Outcome, CommandError> {
    let subscribers = list(stack).await?;
    let faults: Vec<String> = subscribers
        .iter()
        .filter_map(|one| match &one.health {
            Health::Unusable { fault } => Some(format!("{}: {fault}", one.name)),
            _ => None,
        })
        .collect();
    Ok(Outcome::of(
        &faults,
        format!("{} can be used", subscribers.len()),
    ))
}

/// Every receiver accepts.
pub async fn receivers(stack: &Stack) -> Result<Outcome, CommandError> {
    let subscribers = list(stack).await?;
    // One whose parameter cannot be used is the finding of another check.
    let is_off = |health: &Health| matches!(health, Health::Off { .. });
    let on = subscribers.iter().filter(|one| !is_off(&one.health));
    let on = on.count();
    let is_meant = |health: &Health| !matches!(health, Health::Unusable { .. });
    let faults: Vec<String> = subscribers
        .iter()
        .filter(|one| is_meant(&one.health) && one.health.is_bad())
        .map(|one| format!("{} {}", one.name, one.state()))
        .collect();
    Ok(Outcome::of(
        &faults,
        match subscribers.len() - on {
            0 => format!("nothing is known against {on} subscribers"),
            off => format!("nothing is known against {on} subscribers; {off} are off"),
        },
    ))
}

/// A run of subscriber-directory succeeds. It is the one that the clock asks for too.
pub async fn directory(stack: &Stack) -> Result<Outcome, CommandError> {
    let payload = json!({"compare": "subscribers"});
    let answer = invoke(stack, Function::SubscriberDirectory, &payload).await?;
    let count = answer["subscribers"].as_u64().unwrap_or_default();
    Ok(match answer["written"].as_bool() {
        Some(true) => Outcome::Passed(format!("it was written, with {count} subscribers")),
        _ => Outcome::Failed(format!("it was not written: {answer}")),
    })
}

/// The queues for operators are empty.
pub async fn dead_letters(stack: &Stack) -> Result<Outcome, CommandError> {
    let queues = queues::read(stack).await?;
    let faults: Vec<String> = queues
        .iter()
        .filter(|queue| queue.is_for_operators() && queue.depth.all() > 0)
        .map(|queue| {
            let messages = counted(queue.depth.all(), "message", "messages");
            format!("{messages} in {}", queue.name)
        })
        .collect();
    Ok(Outcome::of(&faults, "every such queue is empty"))
}
