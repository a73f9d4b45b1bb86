//! The whole function with an AWS in memory, as the queue and the operator invoke it.

mod aws;
mod clock;
mod losses;
mod releases;
mod requests;
mod waiting;
mod world;

use std::collections::HashMap;

use serde_json::{Value, json};

use self::world::{World, digest, uri};
use crate::config::{Config, WebPlatform};

/// Returns the configuration of a stack with this platform.
pub fn config(platform: WebPlatform) -> Config {
    Config {
        stack: "wagrun".to_owned(),
        repository: "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site".to_owned(),
        tag: "prod".to_owned(),
        migrate_function: "wagrun-Migrate".to_owned(),
        platform,
        state_parameter: "/wagrun/release".to_owned(),
        queue_url: "https://sqs.eu-central-1.amazonaws.com/111122223333/wagrun-releases.fifo"
            .to_owned(),
        event_topic_arn: "arn:aws:sns:eu-central-1:111122223333:wagrun-events.fifo".to_owned(),
        alarm_topic_arn: "arn:aws:sns:eu-central-1:111122223333:wagrun-alarms".to_owned(),
        source: "/wagrun/wagrun".to_owned(),
    }
}

/// Returns the parameters of a call in the query protocol.
pub fn form(body: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect()
}

/// Returns the names of the calls that change something, in order.
fn changes(world: &World) -> Vec<String> {
    const CHANGES: [&str; 5] = [
        "UpdateFunctionCode",
        "Invoke",
        "UpdateService",
        "StartDeployment",
        "Publish",
    ];
    let aws = world.aws();
    let calls = aws
        .calls
        .iter()
        .filter(|call| CHANGES.contains(&call.as_str()));
    calls.cloned().collect()
}
