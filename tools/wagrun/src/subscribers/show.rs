//! `wagrun subscribers show NAME`.

use std::fmt;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use wagrun_delivery::subscriber::Subscriber;

use super::attempts::{self, Attempts};
use super::health::Health;
use super::parameters::SubscriberParameters;
use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;
use crate::output::{self, Output, Verdict};
use crate::secret;
use crate::stack::Stack;
use crate::time;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the subscriber
    name: String,
}

/// One subscriber without its secrets.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    parameter: String,
    version: i64,
    changed_at: Option<Timestamp>,
    health: Health,
    /// The attempts of the last half day.
    attempts: Attempts,
    /// The waits after failed attempts, in seconds. After the last attempt a delivery is given up.
    retry_seconds: Vec<u64>,
    /// The fields of the parameter. Secrets, headers and the parts of URLs that may be secret are hidden.
    definition: Value,
    warnings: Vec<String>,
}

/// Shows a subscriber.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let parameters = SubscriberParameters::of(stack)?;
    let name = &arguments.name;
    // First, because the log has nothing of a subscriber that does not exist.
    let stored = parameters.one(name).await?;
    let (settings, backlogs, attempts) = tokio::try_join!(
        DeliverSettings::of(stack),
        parameters.backlogs(),
        attempts::of_one(stack, name)
    )?;
    let parsed = Subscriber::parse(name, &stored.parameter, &stored.json, settings.rules);
    let health = Health::judge(&parsed, &stored.json, backlogs.get(name), Some(&attempts));
    let is_good = !health.is_bad();
    let own = parsed.as_ref().ok().and_then(|one| one.retry.as_ref());
    let schedule = own.unwrap_or(&settings.schedule);
    let waits = (1..).map_while(|attempt| schedule.wait(attempt));
    let warnings = parsed.iter().flat_map(|one| &one.warnings);
    let definition = serde_json::from_str(&stored.json);
    output.report(&Shown {
        name: name.clone(),
        parameter: stored.parameter,
        version: stored.version,
        changed_at: stored.changed_at,
        health,
        attempts,
        retry_seconds: waits.map(|wait| wait.as_secs()).collect(),
        definition: definition.map_or(Value::Null, hidden),
        warnings: warnings.map(ToString::to_string).collect(),
    })?;
    Ok(Verdict::good_if(is_good))
}

/// Hides what may be secret: secrets, the values of headers, and the path and query of URLs.
fn hidden(definition: Value) -> Value {
    let Value::Object(fields) = definition else {
        return Value::Null;
    };
    let hide = |(name, value): (String, Value)| {
        let value = match (&*name, value) {
            ("secrets", Value::Array(secrets)) => secrets
                .iter()
                .map(secret::hidden)
                .collect::<Vec<_>>()
                .into(),
            ("headers", Value::Object(headers)) => {
                let headers = headers.into_iter().map(|(name, _)| (name, "…".into()));
                Value::Object(headers.collect())
            }
            ("url", Value::String(url)) => origin(&url).into(),
            ("requests", Value::Array(requests)) => {
                requests.into_iter().map(hidden).collect::<Vec<_>>().into()
            }
            // A misspelt or unknown field may be any of them.
            (_, value) if is_known(&name) => value,
            _ => "…".into(),
        };
        (name, value)
    };
    Value::Object(fields.into_iter().map(hide).collect::<Map<_, _>>())
}

/// Returns true for a field whose value is never secret.
fn is_known(name: &str) -> bool {
    const KNOWN: [&str; 15] = [
        "target",
        "types",
        "content_types",
        "under",
        "retry_seconds",
        "enabled",
        "disabled",
        "failing_since",
        "method",
        "when",
        "for_each",
        "per_request",
        "bus",
        "distribution",
        "wildcard",
    ];
    KNOWN.contains(&name)
}

/// Returns scheme, host and port of a URL, and a sign that there is more.
fn origin(url: &str) -> String {
    let host = url.find("://").map(|at| at + 3);
    let end = host.and_then(|at| url[at..].find(['/', '?', '#']).map(|more| at + more));
    match (host, end) {
        (Some(_), Some(end)) => format!("{}/…", &url[..end]),
        (Some(_), None) => url.to_owned(),
        (None, _) => "…".to_owned(),
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, value: &dyn fmt::Display| writeln!(formatter, "{name:<11} {value}");
        line("subscriber", &self.name)?;
        let health = match self.health.is_bad() {
            true => output::bad(&self.health),
            false => self.health.to_string(),
        };
        line("state", &health)?;
        let has_backlog = matches!(self.health, Health::SetAside { .. });
        for (name, value) in self.attempts.facts(has_backlog) {
            line(name, &value)?;
        }
        let waits = self.retry_seconds.iter();
        let waits = waits.filter_map(|&seconds| i64::try_from(seconds).ok());
        let waits: Vec<String> = waits
            .map(|seconds| time::duration(SignedDuration::from_secs(seconds)))
            .collect();
        let attempts = format!("{}, with waits of {}", waits.len() + 1, waits.join(", "));
        line("attempts", &attempts)?;
        line("parameter", &self.parameter)?;
        let changed = self.changed_at.map(time::minute).unwrap_or_default();
        line("version", &format_args!("{} of {changed}", self.version))?;
        for warning in &self.warnings {
            line("warning", &output::warning(warning))?;
        }
        writeln!(formatter, "{:#}", self.definition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_that_may_be_secret_is_shown() {
        let shown = hidden(json!({
            "target": "webhook", "url": "https://hooks.example.org:8443/T0KEN?secret=1", "under": "/news/",
            "secrets": ["whsec_c2VjcmV0", 7], "headers": {"authorization": "Bearer T0KEN"}, "template": {"key": "T0KEN"},
            "urll": "https://other.example.org/T0KEN",
            "requests": [{"url": "https://x.example.org?T0KEN", "template": {"key": "T0KEN"}, "when": {"data.live": [true]}}],
        }));
        assert_eq!(
            shown,
            json!({
                "target": "webhook", "url": "https://hooks.example.org:8443/…", "under": "/news/",
                "secrets": ["whsec_…", "…"], "headers": {"authorization": "…"}, "template": "…", "urll": "…",
                "requests": [{"url": "https://x.example.org/…", "template": "…", "when": {"data.live": [true]}}],
            })
        );
    }
}
