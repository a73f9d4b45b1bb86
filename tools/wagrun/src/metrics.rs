//! `wagrun metrics`: values of CloudWatch, one line for each period.

use std::fmt;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
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
    /// Metrics, such as OldestPendingSeconds
    #[arg(required = true, value_name = "METRIC")]
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
    output.report(&Values { metrics })?;
    Ok(Verdict::Good)
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
