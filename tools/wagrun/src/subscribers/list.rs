//! `wagrun subscribers list`.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use wagrun_delivery::subscriber::Subscriber;

use super::attempts::{self, FailedAttempt};
use super::health::{Health, SetAside};
use super::matches;
use super::parameters::SubscriberParameters;
use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;
use crate::output::{self, Output, Verdict};
use crate::sender::Described;
use crate::stack::Stack;

/// One subscriber of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// The target, without anything secret; none for a parameter that cannot be used.
    pub target: Option<String>,
    /// The events that it gets; none for a parameter that cannot be used.
    pub events: Option<String>,
    /// The fields of its filter.
    #[serde(skip)]
    pub filter: Map<String, Value>,
    /// The state.
    pub health: Health,
    /// The newest failed attempt of the last hour.
    pub last_failure: Option<FailedAttempt>,
}

/// The list of all subscribers, those with a fault first.
#[derive(Debug, Serialize)]
struct List {
    subscribers: Vec<Listed>,
}

/// Returns all subscribers with their states, those with a fault first.
pub async fn list(stack: &Stack) -> Result<Vec<Listed>, CommandError> {
    let parameters = SubscriberParameters::of(stack)?;
    let (settings, stored, backlogs, mut attempts) = tokio::try_join!(
        DeliverSettings::of(stack),
        parameters.all(),
        parameters.backlogs(),
        attempts::of_all(stack)
    )?;
    let mut listed: Vec<Listed> = stored
        .into_iter()
        .map(|(name, stored)| {
            let parsed = Subscriber::parse(&name, &stored.parameter, &stored.json, settings.rules);
            let attempts = attempts.remove(&name);
            let backlog = backlogs.get(&name);
            let health = Health::judge(&parsed, &stored.json, backlog, attempts.as_ref());
            let subscriber = parsed.as_ref().ok();
            Listed {
                target: subscriber.map(|one| Described(&one.target).to_string()),
                events: subscriber.map(|_| events(&stored.json)),
                filter: matches::filter(&serde_json::from_str(&stored.json).unwrap_or_default()),
                name,
                health,
                last_failure: attempts.and_then(|attempts| attempts.last_failure),
            }
        })
        .collect();
    listed.sort_by_key(|one| !one.health.is_bad());
    Ok(listed)
}

impl Listed {
    /// Describes the state, with the newest failure where that explains it.
    pub fn state(&self) -> String {
        let is_explained = match self.health {
            Health::Retrying { .. } | Health::Failing { .. } => true,
            Health::SetAside { phase, .. } => phase == SetAside::Kept,
            Health::Unusable { .. } | Health::Off { .. } | Health::Well => false,
        };
        match &self.last_failure {
            Some(failure) if is_explained => format!("{}; newest failure: {failure}", self.health),
            Some(_) | None => self.health.to_string(),
        }
    }
}

/// Describes the events that a parameter's filter lets pass.
pub fn events(json: &str) -> String {
    let fields: Value = serde_json::from_str(json).unwrap_or_default();
    let mut parts = Vec::new();
    for (word, field) in [("", "types"), ("of ", "content_types")] {
        if let Some(patterns) = fields[field].as_array() {
            let patterns: Vec<&str> = patterns.iter().filter_map(Value::as_str).collect();
            parts.push(format!("{word}{}", patterns.join(", ")));
        }
    }
    if let Some(under) = fields["under"].as_str() {
        parts.push(format!("under {under}"));
    }
    match parts.is_empty() {
        true => "all".to_owned(),
        false => parts.join(" "),
    }
}

/// Lists the subscribers.
pub async fn run(stack: &Stack, output: &Output) -> Result<Verdict, CommandError> {
    let subscribers = list(stack).await?;
    let is_good = !subscribers.iter().any(|one| one.health.is_bad());
    output.report(&List { subscribers })?;
    Ok(Verdict::good_if(is_good))
}

impl fmt::Display for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subscribers.is_empty() {
            return writeln!(
                formatter,
                "There are no subscribers. `wagrun subscribers add NAME --url https://…` creates one."
            );
        }
        let mut table = output::table(["NAME", "TARGET", "EVENTS", "STATE"]);
        for one in &self.subscribers {
            let health = match one.health.is_bad() {
                true => output::bad(one.state()),
                false => one.state(),
            };
            let unknown = || "-".to_owned();
            table.add_row([
                one.name.clone(),
                one.target.clone().unwrap_or_else(unknown),
                one.events.clone().unwrap_or_else(unknown),
                health,
            ]);
        }
        formatter.write_str(&output::lines(&table))
    }
}
