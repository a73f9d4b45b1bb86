//! `wagrun redrive set-aside`: deliver tries the subscribers whose deliveries were set aside.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;
use crate::time;

/// The subscribers that were tried at once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Tried(Vec<TriedSubscriber>);

/// One subscriber whose deliveries were set aside, as deliver reports it.
#[derive(Debug, Serialize, Deserialize)]
struct TriedSubscriber {
    subscriber: String,
    since: Timestamp,
    lanes: u64,
    recalled: u64,
    state: String,
}

/// Has deliver try every subscriber whose deliveries were set aside.
pub async fn run(stack: &Stack, output: &Output) -> Result<Verdict, CommandError> {
    let wait = output.wait("trying the subscribers");
    let payload = json!({"sweep": "backlogs", "at_once": true});
    let answer = invoke(stack, Function::Deliver, &payload).await;
    wait.finish_and_clear();
    let tried = Tried::deserialize(answer?).map_err(|source| CommandError::Answer {
        what: "the answer of deliver",
        source,
    })?;
    output.report(&tried)?;
    Ok(Verdict::Good)
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(formatter, "Nothing is set aside.");
        }
        let mut table = output::table(["SUBSCRIBER", "OBJECTS", "TRIED", "STATE", "SINCE"]);
        for one in &self.0 {
            table.add_row([
                one.subscriber.clone(),
                one.lanes.to_string(),
                one.recalled.to_string(),
                match &*one.state {
                    "waiting" => "not tried: off, gone or unusable".to_owned(),
                    state => state.replace('_', " "),
                },
                time::minute(one.since),
            ]);
        }
        formatter.write_str(&output::lines(&table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subscriber_that_was_tried_has_a_row() {
        let answer = json!([{"subscriber": "search", "since": "2026-11-26T11:00:00Z", "lanes": 12, "recalled": 1, "state": "tried"}]);
        let tried = Tried::deserialize(answer).unwrap();
        assert_eq!(
            anstream::adapter::strip_str(&tried.to_string()).to_string(),
            "\
SUBSCRIBER  OBJECTS  TRIED  STATE  SINCE
search      12       1      tried  2026-11-26 11:00
"
        );
        assert_eq!(Tried(Vec::new()).to_string(), "Nothing is set aside.\n");
    }
}
