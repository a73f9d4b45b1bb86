//! The history of one object in a local stack, by event and by subscriber. On AWS the saved query shows the same.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::{Connection as _, PgConnection, Row as _};
use uuid::Uuid;

use crate::deployment::{Deployment, DeploymentError};
use crate::log::{EventLine, FUNCTIONS};

/// The history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The log of a function could not be read.
    #[error("reading the functions' logs")]
    Logs(#[from] DeploymentError),
    /// The database could not be read.
    #[error("asking the database for the events of {object}")]
    Outbox {
        /// The object, such as `page/42`.
        object: String,
        /// The cause.
        source: sqlx::Error,
    },
}

/// The events of one object, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    object: String,
    events: Vec<EventHistory>,
}

/// One event: its row in the database, and the log lines of the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EventHistory {
    id: Uuid,
    captured: Option<Timestamp>,
    settled: Option<Timestamp>,
    /// The value `published` or `nothing`, once the event is settled.
    outcome: Option<String>,
    lines: Vec<EventLine>,
}

impl History {
    /// Reads the log lines about an object (`page/42`), and its events in the database at `url`.
    pub async fn of(
        deployment: &Deployment,
        url: &str,
        object: &str,
    ) -> Result<Self, HistoryError> {
        let mut lines = Vec::new();
        for function in FUNCTIONS {
            let log = deployment.function_logs(function, 0).await?;
            lines.extend(
                log.iter()
                    .filter_map(|line| EventLine::parse(function, line)),
            );
        }
        let captured = captured(url, object).await;
        let captured = captured.map_err(|source| HistoryError::Outbox {
            object: object.to_owned(),
            source,
        })?;
        Ok(Self::from(object, captured, lines))
    }

    /// Combines events and lines. Events without a captured change (`subscriber.disabled`) are last.
    fn from(object: &str, captured: Vec<EventHistory>, mut lines: Vec<EventLine>) -> Self {
        let mut events = captured;
        // A line has the time at which its invocation ended, so one of content-events can be later than one of deliver.
        lines.sort_by_key(|line| {
            let place = FUNCTIONS.iter().position(|one| *one == line.function);
            (place, line.at)
        });
        for line in lines {
            let Some(id) = line.event_id else { continue };
            if line.subject.as_deref() != Some(object) {
                continue;
            }
            match events.iter_mut().find(|event| event.id == id) {
                Some(event) => event.lines.push(line),
                None => events.push(EventHistory {
                    id,
                    captured: None,
                    settled: None,
                    outcome: None,
                    lines: vec![line],
                }),
            }
        }
        Self {
            object: object.to_owned(),
            events,
        }
    }
}

/// Reads the captured events of an object.
async fn captured(url: &str, object: &str) -> sqlx::Result<Vec<EventHistory>> {
    let mut connection = PgConnection::connect(url).await?;
    let rows = sqlx::query(
        "select id, (extract(epoch from captured_at) * 1000000)::bigint as captured,
            (extract(epoch from settled_at) * 1000000)::bigint as settled, outcome
         from wagrun.event where object = $1 order by sequence",
    )
    .bind(object)
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    rows.iter()
        .map(|row| {
            let at = |column| {
                let micros: Option<i64> = row.try_get(column)?;
                Ok::<_, sqlx::Error>(micros.and_then(|at| Timestamp::from_microsecond(at).ok()))
            };
            Ok(EventHistory {
                id: row.try_get("id")?,
                captured: at("captured")?,
                settled: at("settled")?,
                outcome: row.try_get("outcome")?,
                lines: Vec::new(),
            })
        })
        .collect()
}

impl fmt::Display for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            return writeln!(formatter, "Nothing has happened to {}.", self.object);
        }
        for event in &self.events {
            event.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for EventHistory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.lines.iter().find_map(|line| line.kind.as_deref());
        let kind = match (kind, self.outcome.as_deref()) {
            (Some(kind), _) => kind,
            (None, Some("nothing")) => "(a change that is no event)",
            (None, _) => "(not published yet)",
        };
        writeln!(formatter, "{kind}  {}", self.id)?;
        if let Some(at) = self.captured {
            writeln!(formatter, "  {}  captured", clock(at))?;
        }
        let published = self.outcome.as_deref() == Some("published");
        if let (true, Some(at)) = (published, self.settled) {
            writeln!(formatter, "  {}  published", clock(at))?;
        }
        let general = self.lines.iter().filter(|line| line.subscriber.is_none());
        // The database has the exact time of publication, the log only that of the end of the invocation.
        let general = general.filter(|line| !(published && line.message == "published"));
        for line in general {
            write!(formatter, "  {}  {}", clock(line.at), line.message)?;
            match line.deliveries {
                Some(count) => writeln!(formatter, " to {count} subscribers")?,
                None => writeln!(formatter)?,
            }
        }
        let mut subscribers: BTreeMap<&str, Vec<&EventLine>> = BTreeMap::new();
        for line in &self.lines {
            if let Some(name) = &line.subscriber {
                subscribers.entry(name).or_default().push(line);
            }
        }
        for (name, lines) in subscribers {
            writeln!(formatter, "  {name}")?;
            for line in lines {
                attempt(formatter, line)?;
            }
        }
        Ok(())
    }
}

/// Writes `  03:20:01.123    attempt 2  refused  500  12 ms`.
fn attempt(formatter: &mut fmt::Formatter<'_>, line: &EventLine) -> fmt::Result {
    write!(formatter, "  {}    ", clock(line.at))?;
    if let Some(attempt) = line.attempt {
        write!(formatter, "attempt {attempt}  ")?;
    }
    write!(
        formatter,
        "{}",
        line.outcome.as_deref().unwrap_or(&line.message)
    )?;
    if let Some(status) = line.status {
        write!(formatter, "  {status}")?;
    }
    if let Some(duration) = line.duration_ms {
        write!(formatter, "  {duration} ms")?;
    }
    writeln!(formatter)
}

/// Formats a time of day in UTC, with milliseconds.
fn clock(at: Timestamp) -> impl fmt::Display {
    at.to_zoned(TimeZone::UTC)
        .strftime("%H:%M:%S%.3f")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::LogLine;
    use serde_json::{Value, json};

    const ID: &str = "0f2c8f6e-7d1b-4c8e-9a53-6f0a4a1f7f10";

    fn line(function: &'static str, ms: i64, fields: Value) -> EventLine {
        let mut all = json!({
            "event.id": ID, "event.type": "wagtail.page.published", "event.subject": "page/42",
        });
        let all_fields = all.as_object_mut().unwrap();
        all_fields.extend(fields.as_object().unwrap().clone());
        let line = LogLine {
            written_ms: 1_795_297_606_000 + ms,
            message: all.to_string(),
        };
        EventLine::parse(function, &line).unwrap()
    }

    #[test]
    fn each_subscriber_has_its_attempts_in_order() {
        let tried = |subscriber: &str, attempt: u32, outcome: &str, status: u16| {
            json!({"message": "delivery attempted", "subscriber": subscriber, "attempt": attempt,
                   "outcome": outcome, "status": status, "duration_ms": 12})
        };
        let lines = vec![
            line("deliver", 5100, tried("search", 2, "delivered", 204)),
            line("deliver", 80, tried("cdn", 1, "delivered", 200)),
            line("deliver", 90, tried("search", 1, "refused", 500)),
            line(
                "fan-out",
                50,
                json!({"message": "fanned out", "deliveries": 2}),
            ),
            line("content-events", 60, json!({"message": "published"})),
            line(
                "deliver",
                95,
                json!({"message": "published", "event.subject": "page/421"}),
            ),
        ];
        let captured = vec![
            EventHistory {
                id: Uuid::nil(),
                captured: Some("2026-11-21T21:46:45.5Z".parse().unwrap()),
                settled: Some("2026-11-21T21:46:45.6Z".parse().unwrap()),
                outcome: Some("nothing".into()),
                lines: Vec::new(),
            },
            EventHistory {
                id: ID.parse().unwrap(),
                captured: Some("2026-11-21T21:46:46Z".parse().unwrap()),
                settled: Some("2026-11-21T21:46:46.04Z".parse().unwrap()),
                outcome: Some("published".into()),
                lines: Vec::new(),
            },
        ];
        assert_eq!(
            History::from("page/42", captured, lines).to_string(),
            "\
(a change that is no event)  00000000-0000-0000-0000-000000000000
  21:46:45.500  captured
wagtail.page.published  0f2c8f6e-7d1b-4c8e-9a53-6f0a4a1f7f10
  21:46:46.000  captured
  21:46:46.040  published
  21:46:46.050  fanned out to 2 subscribers
  cdn
  21:46:46.080    attempt 1  delivered  200  12 ms
  search
  21:46:46.090    attempt 1  refused  500  12 ms
  21:46:51.100    attempt 2  delivered  204  12 ms
"
        );
        let nothing = History::from("page/42", Vec::new(), Vec::new());
        assert_eq!(nothing.to_string(), "Nothing has happened to page/42.\n");
    }
}
