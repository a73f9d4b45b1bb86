//! The stages of one event, from the editor's click to the verified webhook, with their times.

use std::fmt;

use jiff::Timestamp;
use sqlx::{Connection as _, PgConnection, Row as _};
use uuid::Uuid;

/// One stage of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The description, as a phrase.
    pub what: String,
    /// The time of the stage.
    pub at: Timestamp,
}

/// The stages of one event, in the order of their times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    stages: Vec<Stage>,
}

/// The event could not be looked up in the database.
#[derive(Debug, thiserror::Error)]
#[error("looking up event {id} in the database")]
pub struct TimelineError {
    id: Uuid,
    source: sqlx::Error,
}

impl Timeline {
    /// Reads the stages of an event from the database. `url` connects as the owner of the schema.
    ///
    /// An event without a captured change has no stages here. The database needs `track_commit_timestamp`. All times are
    /// those of this machine.
    pub async fn of(url: &str, id: Uuid) -> Result<Self, TimelineError> {
        let failed = |source| TimelineError { id, source };
        let mut connection = PgConnection::connect(url).await.map_err(failed)?;
        let row = sqlx::query(
            "select (extract(epoch from captured_at) * 1000000)::bigint as captured,
                (extract(epoch from pg_xact_commit_timestamp(xid::xid)) * 1000000)::bigint as committed,
                (extract(epoch from claimed_at) * 1000000)::bigint as claimed,
                (extract(epoch from settled_at) * 1000000)::bigint as settled
             from wagrun.event where id = $1",
        )
        .bind(id)
        .fetch_optional(&mut connection)
        .await
        .map_err(failed)?;
        connection.close().await.map_err(failed)?;

        let mut timeline = Self { stages: Vec::new() };
        let Some(row) = row else {
            return Ok(timeline);
        };
        for (what, column) in [
            ("captured in the editor's transaction", "captured"),
            ("committed", "committed"),
            ("doorbell answered: content-events claims it", "claimed"),
            ("drained: SNS has taken it, and it is settled", "settled"),
        ] {
            let micros: Option<i64> = row.try_get(column).map_err(failed)?;
            if let Some(at) = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()) {
                timeline.add(what, at);
            }
        }
        Ok(timeline)
    }

    /// Adds a stage that the database does not know.
    pub fn add(&mut self, what: impl Into<String>, at: Timestamp) {
        // A stage goes after those with the same time.
        let index = self.stages.partition_point(|stage| stage.at <= at);
        let what = what.into();
        self.stages.insert(index, Stage { what, at });
    }

    /// Returns the stages, each with the milliseconds since the first.
    pub fn stages(&self) -> impl Iterator<Item = (f64, &str)> + '_ {
        let first = self.stages.first().map(|stage| stage.at);
        self.stages.iter().map(move |stage| {
            let since = first.map_or(0.0, |first| {
                stage.at.duration_since(first).as_secs_f64() * 1000.0
            });
            (since, &*stage.what)
        })
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = 0.0;
        for (since, what) in self.stages() {
            writeln!(
                formatter,
                "{since:>9.1} ms  {:>9}  {what}",
                format!("+{:.1}", since - before)
            )?;
            before = since;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_stand_in_order_with_their_distances() {
        let at = |millis: i64| Timestamp::from_millisecond(1_000_000 + millis).unwrap();
        let mut timeline = Timeline { stages: Vec::new() };
        timeline.add("committed", at(20));
        timeline.add("received", at(95));
        timeline.add("clicked", at(0));
        timeline.add("verified", at(95));
        assert_eq!(
            timeline.to_string(),
            "      0.0 ms       +0.0  clicked\n     20.0 ms      +20.0  committed\n     95.0 ms      +75.0  received\n     95.0 ms       +0.0  verified\n"
        );
    }
}
