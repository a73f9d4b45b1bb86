//! The event contract: CloudEvents 1.0 in JSON, one per commit and object.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::sendable::sendable_json;

/// The end of a snapshot's type. A snapshot shows an object as it is, without a change.
pub const SNAPSHOT: &str = ".snapshot";

/// The fields that differ from event to event, for [`Event::new`].
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    /// The id, which stays the same in a repeated publication.
    pub id: Uuid,
    /// The source, `/wagrun/<stack>`.
    pub source: &'a str,
    /// The type.
    pub kind: String,
    /// The object.
    pub subject: String,
    /// The time, RFC 3339 in UTC.
    pub time: String,
    /// A number that grows for one subject, of sixteen digits at most.
    pub sequence: i64,
    /// The content.
    pub data: Map<String, Value>,
}

/// One content change, as it travels on the topic and to every subscriber.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// The id, which stays the same in a repeated publication and in a replay.
    pub id: Uuid,
    /// The source, `/wagrun/<stack>`.
    pub source: String,
    /// The type: `wagtail.page.published`, `wagtail.image.created`, `wagtail.<model>.updated` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// The object: `page/4`, `image/2`, `document/7`, `blog.author/3`.
    pub subject: String,
    /// The time of the capture, RFC 3339 in UTC with microseconds.
    pub time: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The same as `subject`. Events with one key arrive in order.
    pub partitionkey: String,
    /// Sixteen digits that grow for one `partitionkey` in commit order.
    pub sequence: String,
    /// Present, and true, only when an operator asked for the event again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// Present only when the event is for one subscriber: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriber: Option<String>,
    /// Present only in a replay or a snapshot: the id of the run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Uuid>,
    /// The object after the change, `changed` and `previous`.
    pub data: Map<String, Value>,
}

impl Event {
    /// Creates an event for all subscribers that is not a replay.
    pub fn new(new: NewEvent<'_>) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: new.id,
            source: new.source.to_owned(),
            kind: new.kind,
            partitionkey: new.subject.clone(),
            subject: new.subject,
            time: new.time,
            datacontenttype: "application/json".to_owned(),
            sequence: format!("{:016}", new.sequence),
            replayed: false,
            subscriber: None,
            backfill: None,
            data: new.data,
        }
    }

    /// Returns the event's JSON as it is published, in characters that SNS and SQS accept.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(sendable_json)
    }

    /// Returns `data.content_type`, such as `blog.blogpage`.
    pub fn content_type(&self) -> Option<&str> {
        self.text("content_type")
    }

    /// Returns `data.locale`, such as `en`; none for objects that are not translatable.
    pub fn locale(&self) -> Option<&str> {
        self.text("locale")
    }

    /// Returns `data.url`, the page's address for visitors; none for an object without a URL.
    pub fn url(&self) -> Option<&str> {
        self.text("url")
    }

    /// Returns `data.previous.url`, the page's address before the change; none when it is the same.
    pub fn previous_url(&self) -> Option<&str> {
        self.data.get("previous")?.get("url")?.as_str()
    }

    /// Returns every address at which the page was seen before or after the change. Some may be the same.
    pub fn all_urls(&self) -> impl Iterator<Item = &str> {
        let previous = self.data.get("previous").and_then(Value::as_object);
        let states = [Some(&self.data), previous].into_iter().flatten();
        states.flat_map(urls_of)
    }

    /// Returns `data.url_path`, the page's path in the tree, such as `/home/news/`; none for other objects.
    pub fn url_path(&self) -> Option<&str> {
        self.text("url_path")
    }

    /// Returns `data.previous.url_path`, the page's path before a move; none when it did not move.
    pub fn previous_url_path(&self) -> Option<&str> {
        self.data.get("previous")?.get("url_path")?.as_str()
    }

    /// Returns true for a snapshot.
    pub fn is_snapshot(&self) -> bool {
        self.kind.ends_with(SNAPSHOT)
    }

    /// Returns the deduplication id for SNS and SQS: the event's id, and in a backfill also the run's. An operator who asks for an
    /// event again wants it even right after the first time.
    pub fn deduplication_id(&self) -> String {
        match self.backfill {
            Some(run) => format!("{}:{run}", self.id),
            None => self.id.to_string(),
        }
    }

    /// Returns the time at which the event was requested, taken from its run's id; none for a live event.
    pub fn requested_at(&self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.backfill?.get_timestamp()?.to_unix();
        let seconds = i64::try_from(seconds).ok()?;
        Timestamp::new(seconds, nanoseconds.cast_signed()).ok()
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field)?.as_str()
    }
}

/// Returns the URLs in a page's `data`, or in its `previous`.
pub(crate) fn urls_of(page: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let urls = page.get("urls").and_then(Value::as_array);
    let urls = urls.into_iter().flatten();
    page.get("url")
        .into_iter()
        .chain(urls)
        .filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(more: Value) -> Event {
        let mut event = json!({
            "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
            "type": "wagtail.page.published", "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
            "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
            "data": {},
        });
        let fields = more.as_object().unwrap().clone();
        event.as_object_mut().unwrap().extend(fields);
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_live_event_says_nothing_of_backfills() {
        let live = event(json!({}));
        let json = serde_json::to_value(&live).unwrap();
        for absent in ["replayed", "subscriber", "backfill"] {
            assert_eq!(json.get(absent), None, "{absent}");
        }
        assert_eq!(live.deduplication_id(), live.id.to_string());
        assert_eq!(live.requested_at(), None);
    }

    #[test]
    fn a_run_tells_its_events_apart_and_says_when_it_was_asked_for() {
        // The first 48 bits are milliseconds.
        let run = "019ae000-0000-7000-8000-000000000000";
        let replayed = event(json!({"replayed": true, "subscriber": "search", "backfill": run}));
        assert_eq!(
            replayed.deduplication_id(),
            format!("0f2c8f6e-7d1b-4c8e-9a53-000000000001:{run}")
        );
        assert_eq!(
            replayed.requested_at(),
            Some(Timestamp::from_millisecond(0x019a_e000_0000).unwrap())
        );
    }

    #[test]
    fn the_documented_events_are_events() {
        let mut count = 0;
        for block in include_str!("../../../docs/webhooks.md")
            .split("```json\n")
            .skip(1)
        {
            let json = block.split("```").next().unwrap();
            let event: Event =
                serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
            assert_eq!(event.subject, event.partitionkey);
            assert_eq!(event.sequence.len(), 16);
            assert!(event.time.parse::<jiff::Timestamp>().is_ok());
            // Nothing is there that an event does not have.
            let written: Value = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_value(&event).unwrap(), written);
            count += 1;
        }
        assert_eq!(count, 5);
    }
}
