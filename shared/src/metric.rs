//! Metrics without a call: lines in CloudWatch's embedded metric format, which it reads from the function's log.
//!
//! The format is described in CloudWatch's user guide, "Specification: Embedded metric format".

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::environment::{self, EnvironmentError};

/// What a metric's numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
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

/// Writes metrics under the stack's namespace.
#[derive(Debug, Clone)]
pub struct Metrics {
    namespace: String,
    #[cfg(any(test, feature = "testing"))]
    emitted: std::sync::Arc<std::sync::Mutex<Vec<Value>>>,
}

impl Metrics {
    /// With the namespace in `METRICS_NAMESPACE`, which is `wagrun/<stack>`.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self::new(&environment::required("METRICS_NAMESPACE")?))
    }

    /// Under this namespace.
    pub fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            #[cfg(any(test, feature = "testing"))]
            emitted: std::sync::Arc::default(),
        }
    }

    /// The lines so far, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn emitted(&self) -> Vec<Value> {
        self.emitted.lock().expect("no panic in here").clone()
    }

    /// The namespace, under which they are read again.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Writes one line with these values, all under the same dimensions.
    ///
    /// Every combination of dimension values is a metric that CloudWatch charges for, so none of them may be unbounded.
    pub fn emit(&self, dimensions: &[(&str, &str)], values: &[(&str, f64, Unit)]) {
        let line = self.line(SystemTime::now(), dimensions, values);
        println!("{line}");
        #[cfg(any(test, feature = "testing"))]
        self.emitted.lock().expect("no panic in here").push(line);
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
