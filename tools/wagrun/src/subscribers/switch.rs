//! `wagrun subscribers enable` and `disable`.

use std::fmt;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::health::OPERATOR;
use super::parameters::SubscriberParameters;
use crate::error::CommandError;
use crate::function::Function;
use crate::logs::{LogSource, Window};
use crate::output::{Output, Verdict};
use crate::stack::Stack;
use crate::time;

/// The longest time from a switch-off to its line in the log. The calls to SNS and SSM lie between them.
const LOG_DELAY: SignedDuration = SignedDuration::from_mins(1);
/// The time within which an earlier switch-off counts.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);

/// The arguments of `enable`.
#[derive(Debug, Args)]
pub struct Enable {
    /// Name of the subscriber
    name: String,
}

/// The arguments of `disable`.
#[derive(Debug, Args)]
pub struct Disable {
    /// Name of the subscriber
    name: String,
    /// The reason, which the parameter then has
    #[arg(long, default_value = "switched off by an operator")]
    reason: String,
}

/// A subscriber that was switched on or off.
#[derive(Debug, Serialize)]
struct Switched {
    name: String,
    enabled: bool,
    /// False when it was so already.
    changed: bool,
    /// The time from which on no events were kept, for a subscriber that was switched on.
    missed_since: Option<String>,
}

/// Switches a subscriber on. What deliver noted about the time before is removed, so that its five days begin anew.
pub async fn enable(
    arguments: &Enable,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let parameters = SubscriberParameters::of(stack)?;
    let name = &arguments.name;
    let before = fields(&parameters, name).await?;
    let missed_since = match is_off(&before) {
        true => missed_since(stack, name, &before).await?,
        false => None,
    };
    parameters.change(name, switch_on).await?;
    output.report(&Switched {
        name: name.clone(),
        enabled: true,
        changed: is_off(&before),
        missed_since,
    })?;
    Ok(Verdict::Good)
}

/// Switches a subscriber off. The time is written down, from which a replay can begin later.
pub async fn disable(
    arguments: &Disable,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let parameters = SubscriberParameters::of(stack)?;
    let name = &arguments.name;
    let before = fields(&parameters, name).await?;
    let at = time::now_in_seconds().to_string();
    let disabled = json!({"reason": arguments.reason, "at": at, "by": OPERATOR});
    parameters
        .change(name, |fields| switch_off(fields, &disabled))
        .await?;
    output.report(&Switched {
        name: name.clone(),
        enabled: false,
        changed: !is_off(&before),
        missed_since: None,
    })?;
    Ok(Verdict::Good)
}

/// Returns the time from which on events may be missing; none when nobody wrote it down.
///
/// A subscriber whose receiver still said no was switched off again after an earlier `enable`. The log has both times.
async fn missed_since(
    stack: &Stack,
    name: &str,
    before: &Value,
) -> Result<Option<String>, CommandError> {
    let Some(at) = before["disabled"]["at"].as_str() else {
        return Ok(None);
    };
    let pattern =
        format!("{{ ($.message = \"subscriber disabled\") && ($.subscriber = \"{name}\") }}");
    let window = Window {
        since: time::now() - LOOK_BACK,
        pattern: Some(pattern),
    };
    let mut source = LogSource::with(stack, &[Function::Deliver], window);
    let lines = source.next().await?;
    let disabled = lines.iter().filter(|line| {
        line.message() == Some("subscriber disabled") && line.text_of("subscriber") == Some(name)
    });
    let earliest = disabled.map(|line| line.at - LOG_DELAY).min();
    let written = at.parse::<Timestamp>().ok();
    Ok(Some(match (earliest, written) {
        (Some(earliest), Some(written)) if earliest < written => earliest.to_string(),
        _ => at.to_owned(),
    }))
}

async fn fields(parameters: &SubscriberParameters, name: &str) -> Result<Value, CommandError> {
    let stored = parameters.one(name).await?;
    match serde_json::from_str(&stored.json) {
        Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
        _ => Err(CommandError::argument(
            name,
            "its parameter is no JSON object; `wagrun subscribers add --replace` stores a correct one",
        )),
    }
}

fn is_off(fields: &Value) -> bool {
    fields["enabled"] == json!(false)
}

fn switch_on(fields: &mut Map<String, Value>) -> bool {
    let was_off = fields.get("enabled") == Some(&json!(false));
    let mut changed = fields.shift_remove("disabled").is_some();
    if was_off {
        fields.shift_remove("failing_since");
        fields.insert("enabled".to_owned(), json!(true));
        changed = true;
    }
    changed
}

fn switch_off(fields: &mut Map<String, Value>, disabled: &Value) -> bool {
    if fields.get("enabled") == Some(&json!(false)) {
        return false;
    }
    fields.insert("enabled".to_owned(), json!(false));
    fields.insert("disabled".to_owned(), disabled.clone());
    true
}

impl fmt::Display for Switched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (self.enabled, self.changed) {
            (true, false) => writeln!(formatter, "{name} is on already."),
            (false, false) => writeln!(formatter, "{name} is off already."),
            (false, true) => writeln!(
                formatter,
                "{name} is off. Events from now on are not kept for it; waiting deliveries are set aside.\n\
                 Switch it on: wagrun subscribers enable {name}. It then says how to bring what was missed."
            ),
            (true, true) => {
                writeln!(
                    formatter,
                    "{name} is on. Deliveries that were set aside come within a quarter of an hour; at once: wagrun redrive set-aside"
                )?;
                match &self.missed_since {
                    Some(since) => writeln!(
                        formatter,
                        "Events since {since} were not kept. Bring them: wagrun replay --subscriber {name} --since {since}"
                    ),
                    None => writeln!(
                        formatter,
                        "Since when it was off is not written down. Bring the present state: wagrun snapshot --subscriber {name}"
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switching_on_forgets_the_failure_and_switching_off_says_when() {
        let mut fields = json!({"url": "u"}).as_object().unwrap().clone();
        let disabled = json!({"reason": "moved", "at": "2026-11-26T11:00:00Z"});
        assert!(switch_off(&mut fields, &disabled));
        assert!(!switch_off(&mut fields, &json!("later")));
        assert_eq!(fields["disabled"], disabled);
        fields.insert("failing_since".into(), "2026-11-21T11:00:00Z".into());
        assert!(switch_on(&mut fields));
        assert_eq!(
            Value::Object(fields.clone()),
            json!({"url": "u", "enabled": true})
        );
        assert!(!switch_on(&mut fields));
        // A remark that stayed behind when somebody edited the parameter by hand.
        fields.insert("disabled".into(), disabled);
        assert!(switch_on(&mut fields));
        assert!(!fields.contains_key("disabled"));
    }
}
