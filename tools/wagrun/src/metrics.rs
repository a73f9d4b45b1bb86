//! `wagrun metrics`: values of CloudWatch, one line for each period. Without a name, the metrics that there are.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Metric, Statistic};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::call::explain;
use crate::error::CommandError;
use crate::output::{self, Output, Verdict};
use crate::stack::Stack;
use crate::time;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Metrics, such as OldestPendingSeconds; without one, those that there are
    #[arg(value_name = "METRIC")]
    metrics: Vec<String>,
    /// Namespace; that of the functions' own metrics if left out
    #[arg(long)]
    namespace: Option<String>,
    /// Dimension, such as FunctionName=…
    #[arg(long, value_name = "NAME=VALUE", value_parser = dimension)]
    dimension: Vec<(String, String)>,
    /// Beginning: a time, or the time since (15m, 3h, 2d)
    #[arg(long, default_value = "6h")]
    since: String,
    /// Seconds of one value
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(i32).range(60..=86_400))]
    period: i32,
}

/// The values of some metrics.
#[derive(Debug, Serialize)]
struct Values {
    metrics: Vec<MetricValues>,
}

/// The values of one metric.
#[derive(Debug, Serialize)]
struct MetricValues {
    metric: String,
    values: Vec<Period>,
}

/// The metrics of a namespace.
#[derive(Debug, Serialize)]
struct Names {
    namespace: String,
    metrics: BTreeSet<Name>,
}

/// A metric, with a set of dimensions for which it has values.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Name {
    metric: String,
    dimensions: Vec<String>,
}

/// One period.
#[derive(Debug, Serialize)]
struct Period {
    at: Timestamp,
    minimum: f64,
    average: f64,
    maximum: f64,
    sum: f64,
}

/// Shows the values.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let now = time::now();
    let since = time::parse("--since", &arguments.since, now)?;
    let own = format!("wagrun/{}", stack.name);
    let namespace = arguments.namespace.as_deref().unwrap_or(&own);
    let dimensions = arguments
        .dimension
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let dimensions: Vec<_> = dimensions.collect();
    if arguments.metrics.is_empty() {
        let names = Names::read(stack, namespace).await?;
        output.report(&names)?;
        return Ok(Verdict::Good);
    }
    let mut metrics = Vec::new();
    for metric in &arguments.metrics {
        let asked = Client::new(&stack.aws)
            .get_metric_statistics()
            .namespace(namespace)
            .metric_name(metric)
            .set_dimensions(Some(dimensions.clone()))
            .start_time(DateTime::from_secs(since.as_second()))
            .end_time(DateTime::from_secs(now.as_second()))
            .period(arguments.period)
            .set_statistics(Some(vec![
                Statistic::Minimum,
                Statistic::Average,
                Statistic::Maximum,
                Statistic::Sum,
            ]));
        let answer = asked.send().await;
        let answer = answer.map_err(explain("cloudwatch:GetMetricStatistics"))?;
        let points = answer.datapoints.unwrap_or_default();
        let mut values: Vec<Period> = points.iter().filter_map(Period::of).collect();
        values.sort_by_key(|one| one.at);
        metrics.push(MetricValues {
            metric: metric.clone(),
            values,
        });
    }
    if metrics.iter().any(|one| one.values.is_empty()) {
        output.tell(output::warning(
            "a metric with other dimensions has no value here; `wagrun metrics` without a name shows those that there are",
        ));
    }
    output.report(&Values { metrics })?;
    Ok(Verdict::Good)
}

impl Names {
    async fn read(stack: &Stack, namespace: &str) -> Result<Self, CommandError> {
        let list = Client::new(&stack.aws).list_metrics().namespace(namespace);
        let mut pages = list.into_paginator().send();
        let mut metrics = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(explain("cloudwatch:ListMetrics"))?;
            metrics.extend(page.metrics.unwrap_or_default().into_iter().map(Name::of));
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            metrics,
        })
    }
}

impl Name {
    fn of(metric: Metric) -> Self {
        let dimensions = metric.dimensions.unwrap_or_default().into_iter();
        let dimensions = dimensions.map(|one| {
            let (name, value) = (one.name.unwrap_or_default(), one.value.unwrap_or_default());
            format!("{name}={value}")
        });
        let mut dimensions: Vec<String> = dimensions.collect();
        dimensions.sort();
        Self {
            metric: metric.metric_name.unwrap_or_default(),
            dimensions,
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.metrics.is_empty() {
            return writeln!(formatter, "{} has no metric so far.", self.namespace);
        }
        let mut table = output::table(["METRIC", "--dimension"]);
        for one in &self.metrics {
            table.add_row([one.metric.clone(), one.dimensions.join(" ")]);
        }
        formatter.write_str(&output::lines(&table))
    }
}

fn dimension(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let parts = parts.filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) = parts.ok_or("is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Period {
    fn of(point: &Datapoint) -> Option<Self> {
        Some(Self {
            at: Timestamp::from_second(point.timestamp?.secs()).ok()?,
            minimum: point.minimum?,
            average: point.average?,
            maximum: point.maximum?,
            sum: point.sum?,
        })
    }
}

impl fmt::Display for Values {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for MetricValues { metric, values } in &self.metrics {
            writeln!(formatter, "{}", output::heading(metric))?;
            if values.is_empty() {
                writeln!(formatter, "no value in this time")?;
                continue;
            }
            let mut table = output::table(["TIME", "MINIMUM", "AVERAGE", "MAXIMUM", "SUM"]);
            for one in values {
                table.add_row([
                    time::minute(one.at),
                    one.minimum.to_string(),
                    format!("{:.2}", one.average),
                    one.maximum.to_string(),
                    one.sum.to_string(),
                ]);
            }
            formatter.write_str(&output::lines(&table))?;
        }
        Ok(())
    }
}
