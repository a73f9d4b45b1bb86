//! Reads CloudWatch's records, without a connection to the database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};

use super::decision::{History, Minute, OutboxChecks};

/// The metric with which a sweep marks that it wakes the database. By it a later sweep knows that a check was a sweep's own.
pub(super) const WAKES_METRIC: &str = "SweepWakes";

/// The number of datapoints that one call asks for. CloudWatch refuses more than 1 440. With one a minute it is a day.
const MAX_DATAPOINTS: Minute = 1_430;
/// The maximum pause time-out for datapoints of one minute. With a longer one a day of history is too short, so datapoints
/// of five minutes reach back for five days.
const MAX_PAUSE_FOR_MINUTES: Duration = Duration::from_secs(4 * 3600);

/// CloudWatch did not return a metric.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {metric} of {scope}")]
pub struct MetricError {
    metric: &'static str,
    scope: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The metrics of one database and one stack.
#[derive(Debug)]
pub(super) struct CloudWatch<'a> {
    pub client: &'a Client,
    /// The identifier of the Aurora instance.
    pub instance: &'a str,
    /// The namespace of wagrun's own metrics.
    pub namespace: &'a str,
}

impl CloudWatch<'_> {
    /// Reads the records for a sweep in the minute `now`. A metric without a value yet has no datapoints.
    pub async fn history(&self, now: Minute, pause: Duration) -> Result<History, MetricError> {
        let step = if pause > MAX_PAUSE_FOR_MINUTES { 5 } else { 1 };
        let capacity = self.capacity(Span::back_from(now, step)).await?;
        let mut history = History {
            pause,
            step,
            capacity,
            checks: BTreeMap::new(),
            wakes: BTreeSet::new(),
            checked_this_week: false,
        };
        if history.needs_checks(now) {
            let span = Span::back_from(now, step);
            history.checks = self.checks(span).await?;
            history.wakes = self.wakes(span).await?.into_keys().collect();
        }
        if history.checks.is_empty() && history.is_paused(now) {
            history.checked_this_week = !self.checks(Span::week(now)).await?.is_empty();
        }
        Ok(history)
    }

    async fn capacity(&self, span: Span) -> Result<BTreeMap<Minute, f64>, MetricError> {
        let points = self
            .read(Metric::Capacity, vec![Statistic::Maximum], span)
            .await?;
        Ok(by_minute(&points, Datapoint::maximum))
    }

    async fn checks(&self, span: Span) -> Result<BTreeMap<Minute, OutboxChecks>, MetricError> {
        let statistics = vec![Statistic::SampleCount, Statistic::Minimum];
        let points = self.read(Metric::Checks, statistics, span).await?;
        Ok(by_minute(&points, |point| {
            Some(OutboxChecks {
                count: point.sample_count()?,
                min_pending_seconds: point.minimum()?,
            })
        }))
    }

    async fn wakes(&self, span: Span) -> Result<BTreeMap<Minute, f64>, MetricError> {
        let points = self
            .read(Metric::Wakes, vec![Statistic::SampleCount], span)
            .await?;
        Ok(by_minute(&points, Datapoint::sample_count))
    }

    async fn read(
        &self,
        metric: Metric,
        statistics: Vec<Statistic>,
        span: Span,
    ) -> Result<Vec<Datapoint>, MetricError> {
        let instance = || {
            Dimension::builder()
                .name("DBInstanceIdentifier")
                .value(self.instance)
                .build()
        };
        let (namespace, dimensions, scope) = match metric {
            Metric::Capacity => (
                "AWS/RDS",
                Some(vec![instance()]),
                format!("database instance {}", self.instance),
            ),
            Metric::Checks | Metric::Wakes => (self.namespace, None, self.namespace.to_owned()),
        };
        let answer = self
            .client
            .get_metric_statistics()
            .namespace(namespace)
            .metric_name(metric.name())
            .set_dimensions(dimensions)
            .start_time(DateTime::from_secs(span.from * 60))
            .end_time(DateTime::from_secs(span.to * 60))
            .period(span.period_seconds)
            .set_statistics(Some(statistics))
            .send()
            .await
            .map_err(|error| MetricError {
                metric: metric.name(),
                scope,
                source: Box::new(error),
            })?;
        Ok(answer.datapoints.unwrap_or_default())
    }
}

/// The metrics that a sweep reads.
#[derive(Debug, Clone, Copy)]
enum Metric {
    /// The capacity of the Aurora instance.
    Capacity,
    /// One value for each check of the outbox.
    Checks,
    /// One value for each time that a sweep began to wake a paused database.
    Wakes,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Capacity => "ServerlessDatabaseCapacity",
            Self::Checks => "OldestPendingSeconds",
            Self::Wakes => WAKES_METRIC,
        }
    }
}

/// A range of time in minutes, with the period of its datapoints.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Minute,
    to: Minute,
    period_seconds: i32,
}

impl Span {
    /// Returns the range that ends now and goes back as far as datapoints of `step` minutes reach.
    fn back_from(now: Minute, step: Minute) -> Self {
        Self {
            from: now - MAX_DATAPOINTS * step,
            to: now + 1,
            period_seconds: if step == 1 { 60 } else { 300 },
        }
    }

    /// Returns the week that ends now, with datapoints of an hour.
    fn week(now: Minute) -> Self {
        Self {
            from: now - 7 * 24 * 60,
            to: now + 1,
            period_seconds: 3600,
        }
    }
}

fn by_minute<T>(
    points: &[Datapoint],
    value: impl Fn(&Datapoint) -> Option<T>,
) -> BTreeMap<Minute, T> {
    points
        .iter()
        .filter_map(|point| Some((point.timestamp()?.secs().div_euclid(60), value(point)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_asks_for_more_than_cloudwatch_gives() {
        for span in [
            Span::back_from(30_000, 1),
            Span::back_from(30_000, 5),
            Span::week(30_000),
        ] {
            let seconds = (span.to - span.from) * 60;
            assert!(seconds / i64::from(span.period_seconds) <= 1440, "{span:?}");
        }
    }
}
