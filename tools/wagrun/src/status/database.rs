//! The database: asleep or awake, and since when. Read from CloudWatch, which wakes nothing.

use std::fmt;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;
use crate::time;

/// The time over which the capacity is read: the number of minutes that one answer of CloudWatch can have.
const LOOK_BACK: SignedDuration = SignedDuration::from_mins(1440);
/// The length of one value.
const PERIOD_SECONDS: i32 = 60;

/// The state of the database.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Database {
    /// It is no Aurora that pauses, or its instance is not known.
    AlwaysOn,
    /// CloudWatch has no value of it.
    Unknown,
    /// It sleeps.
    Asleep {
        /// The beginning; none when it slept for the whole of the last day.
        since: Option<Timestamp>,
    },
    /// It is awake.
    Awake {
        /// The beginning; none when it was awake for the whole of the last day.
        since: Option<Timestamp>,
        /// The newest capacity, in Aurora capacity units.
        capacity: f64,
    },
}

/// Reads the state.
pub async fn read(stack: &Stack) -> Result<Database, CommandError> {
    let Some(cluster) = stack.optional("DatabaseClusterId") else {
        return Ok(Database::AlwaysOn);
    };
    let now = time::now();
    let dimension = Dimension::builder()
        .name("DBClusterIdentifier")
        .value(cluster)
        .build();
    let asked = Client::new(&stack.aws)
        .get_metric_statistics()
        .namespace("AWS/RDS")
        .metric_name("ServerlessDatabaseCapacity")
        .dimensions(dimension)
        .start_time(DateTime::from_secs((now - LOOK_BACK).as_second()))
        .end_time(DateTime::from_secs(now.as_second()))
        .period(PERIOD_SECONDS)
        .statistics(Statistic::Maximum);
    let answer = asked.send().await;
    let answer = answer.map_err(explain("cloudwatch:GetMetricStatistics"))?;
    let points = answer.datapoints.unwrap_or_default().into_iter();
    let points = points.filter_map(|point| {
        let at = Timestamp::from_second(point.timestamp?.secs()).ok()?;
        Some((at, point.maximum?))
    });
    Ok(judge(points.collect()))
}

/// Judges the capacities, each with its time.
fn judge(mut points: Vec<(Timestamp, f64)>) -> Database {
    points.sort_by_key(|(at, _)| *at);
    let Some(&(_, capacity)) = points.last() else {
        return Database::Unknown;
    };
    let is_asleep = |capacity: f64| capacity <= 0.0;
    let same = points
        .iter()
        .rev()
        .take_while(|(_, one)| is_asleep(*one) == is_asleep(capacity))
        .count();
    let first = points.len() - same;
    let since = (first > 0).then(|| points[first].0);
    match is_asleep(capacity) {
        true => Database::Asleep { since },
        false => Database::Awake { since, capacity },
    }
}

impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |since: &Option<Timestamp>| match since {
            Some(since) => format!("since {}", time::minute(*since)),
            None => "for a day or longer".to_owned(),
        };
        match self {
            Self::AlwaysOn => formatter.write_str("not one that pauses"),
            Self::Unknown => formatter.write_str("unknown: CloudWatch has no capacity of it"),
            Self::Asleep { since: one } => write!(formatter, "asleep {}", since(one)),
            Self::Awake {
                since: one,
                capacity,
            } => write!(formatter, "awake {}, at {capacity} ACU", since(one)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_began_where_the_capacity_changed_last() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let points = |capacities: &[f64]| {
            let points = capacities.iter().enumerate();
            // CloudWatch answers in no order.
            let mut points: Vec<_> = points
                .map(|(minute, one)| (at(minute as i64), *one))
                .collect();
            points.reverse();
            points
        };
        assert_eq!(judge(points(&[])), Database::Unknown);
        assert_eq!(
            judge(points(&[1.0, 0.5, 0.0, 0.0])),
            Database::Asleep { since: Some(at(2)) }
        );
        assert_eq!(
            judge(points(&[0.0, 2.0, 0.5])),
            Database::Awake {
                since: Some(at(1)),
                capacity: 0.5
            }
        );
        assert_eq!(judge(points(&[0.0])), Database::Asleep { since: None });
    }
}
