//! Whether the database is paused, asked of CloudWatch, because asking the database would wake it.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::DisplayErrorContext;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};

/// How far back to look: the metric comes once a minute and a few minutes late.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Seconds in one datapoint.
const PERIOD: i32 = 60;

/// CloudWatch did not say.
#[derive(Debug, thiserror::Error)]
#[error("can't read the capacity of database instance {instance}: {reason}")]
pub struct CapacityError {
    instance: String,
    reason: String,
}

/// Whether the newest datapoint of `ServerlessDatabaseCapacity` is zero, which it is only while the instance is paused.
///
/// Without any datapoint the answer is no: a look that was not needed costs minutes of a database awake, a look that
/// was left out costs somebody's event.
pub async fn is_asleep(client: &Client, instance: &str) -> Result<bool, CapacityError> {
    let failed = |reason: String| CapacityError {
        instance: instance.to_owned(),
        reason,
    };
    let now = SystemTime::now();
    let dimension = Dimension::builder()
        .name("DBInstanceIdentifier")
        .value(instance)
        .build();
    let answer = client
        .get_metric_statistics()
        .namespace("AWS/RDS")
        .metric_name("ServerlessDatabaseCapacity")
        .dimensions(dimension)
        .start_time(DateTime::from(now - WINDOW))
        .end_time(DateTime::from(now))
        .period(PERIOD)
        .statistics(Statistic::Maximum)
        .send()
        .await
        .map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
    let newest = answer
        .datapoints()
        .iter()
        .filter_map(|point| Some((point.timestamp()?.as_nanos(), point.maximum()?)))
        .max_by_key(|(time, _)| *time);
    Ok(newest.is_some_and(|(_, capacity)| capacity == 0.0))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use wagrun::replay::Replay;

    /// CloudWatch's answer with these datapoints, each seconds since 1970 and a maximum, in the CBOR that it speaks.
    pub(crate) fn answer(points: &[(f64, f64)]) -> (u16, Vec<u8>) {
        let mut body = vec![0xa1];
        text(&mut body, "Datapoints");
        body.push(0x80 | u8::try_from(points.len()).unwrap());
        for (time, maximum) in points {
            body.push(0xa2);
            text(&mut body, "Timestamp");
            body.push(0xc1);
            double(&mut body, *time);
            text(&mut body, "Maximum");
            double(&mut body, *maximum);
        }
        (200, body)
    }

    fn text(body: &mut Vec<u8>, text: &str) {
        body.push(0x60 | u8::try_from(text.len()).unwrap());
        body.extend_from_slice(text.as_bytes());
    }

    fn double(body: &mut Vec<u8>, value: f64) {
        body.push(0xfb);
        body.extend_from_slice(&value.to_be_bytes());
    }

    async fn asleep(points: &[(f64, f64)]) -> bool {
        let replay = Replay::new([answer(points)]);
        is_asleep(&Client::new(&replay.config()), "wagrun-1")
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_newest_datapoint_decides_in_whatever_order_they_come() {
        assert!(asleep(&[(120.0, 0.0), (60.0, 2.0)]).await);
        assert!(!asleep(&[(60.0, 0.0), (120.0, 0.5)]).await);
        assert!(!asleep(&[]).await);
    }

    #[tokio::test]
    async fn a_refusal_names_the_instance() {
        let replay = Replay::new([(403, "")]);
        let error = is_asleep(&Client::new(&replay.config()), "wagrun-1")
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("can't read the capacity of database instance wagrun-1: ")
        );
    }
}
