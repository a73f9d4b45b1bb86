//! The plan of a replay or a snapshot: who gets the events, and what it means for the database and the bill.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::CommandError;
use crate::function::{Function, invoke};
use crate::output::{self, counted};
use crate::stack::Stack;
use crate::subscribers::{Health, Listed, list};

/// The pace of content-events, in events a second. Live events go first.
const PACE: &str = "at most 100 events a second, live events first";
/// The cost, from docs/costs.md: requests of the topic and the queues, and the lines of the logs.
const COST: &str =
    "less than $0.01 for a thousand events and each subscriber, and the database awake meanwhile";

/// The plan.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The kind: `replay` or `snapshot`.
    kind: &'static str,
    /// The subscribers that get the events, as far as their filters let them pass.
    subscribers: Vec<String>,
    /// True when the topic's other queues get the events too.
    everybody: bool,
    /// The number of events that the subscriber gets, or everybody; none when it was not asked for.
    count: Option<Count>,
    /// The filter of the only subscriber.
    #[serde(skip)]
    filter: Option<Map<String, Value>>,
    pace: &'static str,
    cost: &'static str,
    /// True when a sleeping database is woken.
    wakes_database: bool,
}

/// The number of events that would be published.
#[derive(Debug, Serialize, Deserialize)]
pub struct Count {
    events: u64,
    /// False when the time was over before all of them were counted.
    finished: bool,
}

/// The part of content-events' answer that is about the count.
#[derive(Debug, Deserialize)]
struct Answer {
    counted: Count,
}

/// Returns the plan of a replay. Without a subscriber, all of them get the events.
pub async fn of_replay(stack: &Stack, subscriber: Option<&str>) -> Result<Plan, CommandError> {
    let all = list(stack).await?;
    let subscribers = match subscriber {
        Some(name) => return of_one("replay", &all, name),
        None => all
            .into_iter()
            .filter(|one| !matches!(one.health, Health::Off { .. }))
            .map(|one| one.name)
            .collect(),
    };
    Ok(Plan::new("replay", subscribers, None))
}

/// Returns the plan of a snapshot.
pub async fn of_snapshot(stack: &Stack, subscriber: &str) -> Result<Plan, CommandError> {
    of_one("snapshot", &list(stack).await?, subscriber)
}

/// Returns the plan for one subscriber, which the events must reach. content-events does not know the subscribers.
fn of_one(kind: &'static str, all: &[Listed], name: &str) -> Result<Plan, CommandError> {
    match all.iter().find(|one| one.name == name) {
        None => Err(CommandError::argument(
            format!("--subscriber {name}"),
            "there is no such subscriber; `wagrun subscribers list` has the names",
        )),
        Some(one) if matches!(one.health, Health::Off { .. }) => Err(CommandError::argument(
            format!("--subscriber {name}"),
            format!("it is off, and would get nothing; `wagrun subscribers enable {name}` first"),
        )),
        Some(one) => {
            let filter = Some(one.filter.clone());
            Ok(Plan::new(kind, vec![name.to_owned()], filter))
        }
    }
}

impl Plan {
    /// Without a filter the events go to everybody.
    fn new(
        kind: &'static str,
        subscribers: Vec<String>,
        filter: Option<Map<String, Value>>,
    ) -> Self {
        Self {
            kind,
            subscribers,
            everybody: filter.is_none(),
            count: None,
            filter,
            pace: PACE,
            cost: COST,
            wakes_database: true,
        }
    }

    /// Returns the kind: `replay` or `snapshot`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Has content-events count the events of a request. A database that sleeps is woken.
    pub async fn count(&mut self, stack: &Stack, payload: &Value) -> Result<(), CommandError> {
        let mut question = json!({"count": payload});
        if let Some(filter) = &self.filter {
            question["match"] = Value::Object(filter.clone());
        }
        let answer = invoke(stack, Function::ContentEvents, &question).await?;
        let answer = Answer::deserialize(answer).map_err(|source| CommandError::Answer {
            what: "the answer of content-events",
            source,
        })?;
        self.count = Some(answer.counted);
        Ok(())
    }

    /// Returns the question for the operator.
    pub fn question(&self) -> String {
        let Self { kind, cost, .. } = self;
        match self.everybody {
            true => format!(
                "The {kind} goes to EVERYBODY: {} and every queue at the topic get these events again; it wakes the database, and costs {cost}",
                self.names()
            ),
            false => format!(
                "The {kind} goes to {}; it wakes the database, and costs {cost}",
                self.names()
            ),
        }
    }

    fn names(&self) -> String {
        match &self.subscribers[..] {
            [] => "no subscriber".to_owned(),
            names => names.join(", "),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, value: &dyn fmt::Display| writeln!(formatter, "{name:<11} {value}");
        line(self.kind, &"is not begun (--plan)")?;
        line("goes to", &self.names())?;
        if self.everybody {
            line(
                "",
                &output::warning(
                    "and to every queue at the topic, because --subscriber is left out",
                ),
            )?;
        }
        let count = match &self.count {
            None => "not counted (--no-count)".to_owned(),
            Some(Count {
                events,
                finished: true,
            }) => counted(*events, "event", "events"),
            Some(Count { events, .. }) => {
                format!("more than {events} events, when the time was over")
            }
        };
        line("events", &count)?;
        line("pace", &self.pace)?;
        line("cost", &self.cost)
    }
}
