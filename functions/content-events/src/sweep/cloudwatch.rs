//! CloudWatch's records, read without a connection to the database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::DisplayErrorContext;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};

use super::WAKES;
use super::decision::{History, Looks, Minute};

/// Datapoints that one call is asked for; CloudWatch refuses more than 1 440. In minutes it is a day.
const DATAPOINTS: Minute = 1_430;
/// The time-out from which a day is too short, and datapoints of five minutes reach back for five.
const LONGEST_FOR_MINUTES: Duration = Duration::from_secs(4 * 3600);

/// CloudWatch did not say.
#[derive(Debug, thiserror::Error)]
#[error("can't read {metric} of {of}: {reason}")]
pub struct MetricError {
    metric: &'static str,
    of: String,
    reason: String,
}

/// The metrics of one database and one stack.
#[derive(Debug)]
pub(super) struct CloudWatch<'a> {
    pub client: &'a Client,
    /// The Aurora instance.
    pub instance: &'a str,
    /// The namespace of our own metrics.
    pub namespace: &'a str,
}

impl CloudWatch<'_> {
    /// Reads what a sweep of this minute has to know. A metric that nobody has written yet has no datapoints.
    pub async fn history(&self, now: Minute, pause: Duration) -> Result<History, MetricError> {
        let step = if pause > LONGEST_FOR_MINUTES { 5 } else { 1 };
        let capacity = self.capacity(Span::of(now, step)).await?;
        let mut history = History {
            pause,
            step,
            capacity,
            looks: BTreeMap::new(),
            wakes: BTreeSet::new(),
            looked_this_week: false,
        };
        if history.needs_looks(now) {
            let span = Span::of(now, step);
            history.looks = self.looks(span).await?;
            history.wakes = self.wakes(span).await?.into_keys().collect();
        }
        if history.looks.is_empty() && history.is_paused(now) {
            history.looked_this_week = !self.looks(Span::week(now)).await?.is_empty();
        }
        Ok(history)
    }

    async fn capacity(&self, span: Span) -> Result<BTreeMap<Minute, f64>, MetricError> {
        let points = self
            .read(Metric::Capacity, vec![Statistic::Maximum], span)
            .await?;
        Ok(by_minute(&points, Datapoint::maximum))
    }

    async fn looks(&self, span: Span) -> Result<BTreeMap<Minute, Looks>, MetricError> {
        let statistics = vec![Statistic::SampleCount, Statistic::Minimum];
        let points = self.read(Metric::Looks, statistics, span).await?;
        Ok(by_minute(&points, |point| {
            Some(Looks {
                count: point.sample_count()?,
                pending_seconds: point.minimum()?,
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
        let (namespace, dimensions, of) = match metric {
            Metric::Capacity => (
                "AWS/RDS",
                Some(vec![instance()]),
                format!("database instance {}", self.instance),
            ),
            Metric::Looks | Metric::Wakes => (self.namespace, None, self.namespace.to_owned()),
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
                of,
                reason: DisplayErrorContext(error).to_string(),
            })?;
        Ok(answer.datapoints.unwrap_or_default())
    }
}

/// The metrics that a sweep reads.
#[derive(Debug, Clone, Copy)]
enum Metric {
    /// Aurora's capacity of the instance.
    Capacity,
    /// One value for each look into the outbox.
    Looks,
    /// One value for each paused database that a sweep began to wake.
    Wakes,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Capacity => "ServerlessDatabaseCapacity",
            Self::Looks => "OldestPendingSeconds",
            Self::Wakes => WAKES,
        }
    }
}

/// The time that is asked about, in minutes, and how it is divided.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Minute,
    to: Minute,
    period_seconds: i32,
}

impl Span {
    /// As far back as datapoints of so many minutes reach.
    fn of(now: Minute, step: Minute) -> Self {
        Self {
            from: now - DATAPOINTS * step,
            to: now + 1,
            period_seconds: if step == 1 { 60 } else { 300 },
        }
    }

    /// A week of hours.
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
        for span in [Span::of(30_000, 1), Span::of(30_000, 5), Span::week(30_000)] {
            let seconds = (span.to - span.from) * 60;
            assert!(seconds / i64::from(span.period_seconds) <= 1440, "{span:?}");
        }
    }
}
