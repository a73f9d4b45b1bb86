//! Applies the subscription filter of `template.yaml`, and builds the payload that CloudWatch sends to content-events.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::LogExportError;
use crate::deployment::STACK;

const TEMPLATE: &str = include_str!("../../../../template.yaml");

/// The subscription filter on the log group of the server.
#[derive(Debug)]
pub struct Subscription {
    phrase: String,
    records: u64,
}

impl Subscription {
    /// Reads the filter `DoorbellLines` of the template. Only a pattern of one quoted phrase is supported.
    pub fn of_template() -> Result<Self, LogExportError> {
        let phrase = phrase(TEMPLATE).ok_or(LogExportError::Pattern)?;
        Ok(Self {
            phrase: phrase.to_owned(),
            records: 0,
        })
    }

    /// Returns the payload for these records, or `None` if no record matches.
    pub fn payload(&mut self, records: &[String]) -> Option<Value> {
        let matching = records.iter().filter(|one| one.contains(&self.phrase));
        let mut events = Vec::new();
        for record in matching {
            self.records += 1;
            events.push(json!({
                "id": format!("{:056}", self.records),
                "timestamp": Timestamp::now().as_millisecond(),
                "message": record,
            }));
        }
        if events.is_empty() {
            return None;
        }
        Some(envelope(&json!({
            "messageType": "DATA_MESSAGE",
            "owner": "000000000000",
            "logGroup": format!("/aws/rds/cluster/{STACK}/postgresql"),
            "logStream": format!("{STACK}.0"),
            "subscriptionFilters": [format!("{STACK}-DoorbellLines")],
            "logEvents": events,
        })))
    }
}

/// Returns the phrase of the pattern. In the template it is quoted for CloudWatch, and again for YAML.
fn phrase(template: &str) -> Option<&str> {
    let (_, resource) = template.split_once("\n  DoorbellLines:\n")?;
    let (_, pattern) = resource.split_once("FilterPattern: '\"")?;
    let (phrase, _) = pattern.split_once("\"'\n")?;
    (!phrase.contains('\n')).then_some(phrase)
}

/// Compresses the data with gzip, and encodes it in base64.
fn envelope(data: &Value) -> Value {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = gzip.write_all(data.to_string().as_bytes());
    let packed = gzip.finish().unwrap_or_default();
    json!({"awslogs": {"data": STANDARD.encode(packed)}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lambda_events::event::cloudwatch_logs::LogsEvent;

    const RING: &str = "…:LOG:  wagrun doorbell {\"xid\":\"901\"} by log";

    #[test]
    fn it_sends_the_records_that_match_and_no_other() {
        let records = [RING, "…:LOG:  wagrun doorbell", "…:LOG:  checkpoint", RING];
        let mut subscription = Subscription::of_template().unwrap();
        let payload = subscription.payload(&records.map(str::to_owned)).unwrap();
        let event: LogsEvent = serde_json::from_str(&payload.to_string()).unwrap();
        let data = event.aws_logs.data;
        assert_eq!(data.message_type, "DATA_MESSAGE");
        assert_eq!(data.log_group, "/aws/rds/cluster/wagrun-local/postgresql");
        let messages: Vec<&str> = data.log_events.iter().map(|one| &*one.message).collect();
        assert_eq!(messages, [RING, RING]);
        assert_ne!(data.log_events[0].id, data.log_events[1].id);
    }

    #[test]
    fn it_sends_nothing_when_nothing_matches() {
        let mut subscription = Subscription::of_template().unwrap();
        assert_eq!(subscription.payload(&[]), None);
        assert_eq!(
            subscription.payload(&["…:LOG:  checkpoint".to_owned()]),
            None
        );
    }

    #[test]
    fn only_the_pattern_of_the_doorbell_s_filter_is_taken() {
        let template = |pattern: &str| {
            format!(
                "\n  Other:\n    FilterPattern: '\"x\"'\n  DoorbellLines:\n    FilterPattern: {pattern}\n"
            )
        };
        assert_eq!(phrase(&template("'\"ring {\"'")), Some("ring {"));
        assert_eq!(phrase(&template("ring")), None);
    }
}
