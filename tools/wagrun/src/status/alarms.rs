//! The alarms of a stack that are not in the state OK.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::StateValue;
use serde::Serialize;

use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;

/// The nested stack of the alarms, in the names that CloudFormation gives them.
const NESTED: &str = "Alarms";

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// The name in the template, such as `OldestEventAlarm`.
    pub name: String,
    /// The fault, as the alarm describes it.
    pub description: String,
    /// The heading of the runbook, such as `docs/runbook.md#events-wait-in-the-outbox`.
    pub runbook: Option<String>,
}

/// Returns the alarms that are on; none when the stack has no alarms.
pub async fn read(stack: &Stack) -> Result<Option<Vec<Alarm>>, CommandError> {
    let prefix = format!("{}-{NESTED}-", stack.name);
    let request = Client::new(&stack.aws)
        .describe_alarms()
        .alarm_name_prefix(&prefix);
    let mut pages = request.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain("cloudwatch:DescribeAlarms"))?;
        all.extend(page.metric_alarms.unwrap_or_default());
    }
    if all.is_empty() {
        return Ok(None);
    }
    let on = all
        .into_iter()
        .filter(|alarm| alarm.state_value == Some(StateValue::Alarm));
    Ok(Some(
        on.map(|alarm| {
            let name = alarm.alarm_name.unwrap_or_default();
            Alarm::new(&name, &alarm.alarm_description.unwrap_or_default())
        })
        .collect(),
    ))
}

impl Alarm {
    /// Reads the name that CloudFormation made, `<stack>-Alarms-<id>-<name>-<id>`, and the description.
    fn new(name: &str, description: &str) -> Self {
        let own = name.rsplit('-').nth(1).unwrap_or(name);
        let (text, runbook) = match description.rsplit_once(' ') {
            Some((text, place)) if place.contains(".md#") => (text, Some(place.to_owned())),
            _ => (description, None),
        };
        Self {
            name: own.to_owned(),
            description: text.to_owned(),
            runbook,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_has_its_heading_in_the_runbook() {
        let alarm = Alarm::new(
            "site-Alarms-1ABC-OldestEventAlarm-XYZ",
            "An event has waited. docs/runbook.md#events-wait-in-the-outbox",
        );
        assert_eq!(alarm.name, "OldestEventAlarm");
        assert_eq!(alarm.description, "An event has waited.");
        assert_eq!(
            alarm.runbook.as_deref(),
            Some("docs/runbook.md#events-wait-in-the-outbox")
        );
        assert_eq!(Alarm::new("odd", "no heading").runbook, None);
    }
}
