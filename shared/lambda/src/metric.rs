//! Metrics without a call: lines in CloudWatch's embedded metric format, which it reads from the function's log.
//!
//! The format is described in CloudWatch's user guide, "Specification: Embedded metric format".

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::environment::{self, EnvironmentError};

/// The unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// Writes metrics under the stack's namespace, to standard output.
#[derive(Debug, Clone)]
pub struct Metrics {
    namespace: String,
    /// The lines so far, where they are kept.
    written: Option<Arc<Mutex<Vec<Value>>>>,
}

impl Metrics {
    /// Takes the namespace from `METRICS_NAMESPACE`, which is `wagrun/<stack>`.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self::new(&environment::required("METRICS_NAMESPACE")?))
    }

    /// Writes metrics under this namespace.
    pub fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            written: None,
        }
    }

    /// Writes metrics and keeps the lines, for tests.
    pub fn recording(namespace: &str) -> Self {
        Self {
            written: Some(Arc::default()),
            ..Self::new(namespace)
        }
    }

    /// Returns the lines that [`Metrics::recording`] has kept.
    pub fn written(&self) -> Vec<Value> {
        let written = self.written.as_ref().map(|lines| lock(lines).clone());
        written.unwrap_or_default()
    }

    /// The namespace, under which the metrics are read again.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Writes one line with these values, all under the same dimensions.
    ///
    /// Every combination of dimension values is a metric that CloudWatch charges for, so none of them may be unbounded.
    #[expect(
        clippy::disallowed_methods,
        reason = "a line has the time at which it is written"
    )]
    pub fn emit(&self, dimensions: &[(&str, &str)], values: &[(&str, f64, Unit)]) {
        let line = self.line(SystemTime::now(), dimensions, values);
        println!("{line}");
        if let Some(written) = &self.written {
            lock(written).push(line);
        }
    }

    fn line(
        &self,
        now: SystemTime,
        dimensions: &[(&str, &str)],
        values: &[(&str, f64, Unit)],
    ) -> Value {
        let milliseconds = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<Value> = values
            .iter()
            .map(|(name, _, unit)| json!({"Name": name, "Unit": unit.name()}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": milliseconds,
                "CloudWatchMetrics": [
                    {"Namespace": self.namespace, "Dimensions": [names], "Metrics": metrics}
                ],
            }),
        );
        for (name, value) in dimensions {
            line.insert((*name).to_owned(), json!(value));
        }
        for (name, value, _) in values {
            line.insert((*name).to_owned(), json!(value));
        }
        Value::Object(line)
    }
}

fn lock(lines: &Mutex<Vec<Value>>) -> MutexGuard<'_, Vec<Value>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_line_names_its_metrics_and_holds_their_values() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_000_000_123);
        let line = Metrics::new("wagrun/blog").line(
            now,
            &[("Subscriber", "search")],
            &[
                ("Deliveries", 1.0, Unit::Count),
                ("Duration", 12.5, Unit::Milliseconds),
            ],
        );
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_795_000_000_123_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "wagrun/blog",
                        "Dimensions": [["Subscriber"]],
                        "Metrics": [
                            {"Name": "Deliveries", "Unit": "Count"},
                            {"Name": "Duration", "Unit": "Milliseconds"},
                        ],
                    }],
                },
                "Subscriber": "search",
                "Deliveries": 1.0,
                "Duration": 12.5,
            })
        );
    }
}
