//! The fields of the targets within AWS.

use serde_json::{Map, Value};

use super::fields::{FieldError, fault, flag, required_text};
use crate::subscriber::definition::{CloudFront, EventBridge};
use crate::subscriber::invalid::Problem;

/// The fields of an EventBridge subscriber besides those of every subscriber.
pub const EVENT_BRIDGE: [&str; 1] = ["bus"];
/// The fields of a CloudFront subscriber besides those of every subscriber.
pub const CLOUD_FRONT: [&str; 2] = ["distribution", "wildcard"];

pub fn event_bridge(fields: &Map<String, Value>) -> Result<EventBridge, FieldError> {
    let bus = required_text(fields, "bus")?;
    if !is_bus(bus) {
        let expected =
            "the ARN of an event bus (arn:aws:events:<region>:<account>:event-bus/<name>)";
        return Err(fault("bus", Problem::Not(expected)));
    }
    Ok(EventBridge {
        bus: bus.to_owned(),
    })
}

/// Returns true for the ARN of an event bus. The pattern is that of EventBridge's `EventBusName`, without plain names.
fn is_bus(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let [prefix, partition, "events", region, account, bus] = parts[..] else {
        return false;
    };
    let is_name = |text: &str, other: &[u8]| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || other.contains(&byte))
    };
    prefix == "arn"
        && partition.starts_with("aws")
        && is_name(partition, b"-")
        && is_name(region, b"-")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && bus
            .strip_prefix("event-bus/")
            .is_some_and(|name| is_name(name, b"._-"))
}

pub fn cloud_front(fields: &Map<String, Value>) -> Result<CloudFront, FieldError> {
    let distribution = required_text(fields, "distribution")?;
    let is_id = distribution.starts_with('E')
        && distribution
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_id {
        let expected = "the id of a distribution (E and capital letters and digits)";
        return Err(fault("distribution", Problem::Not(expected)));
    }
    Ok(CloudFront {
        distribution: distribution.to_owned(),
        wildcard: flag(fields, "wildcard", false)?,
    })
}
