//! The event contract: CloudEvents 1.0 in JSON, one per commit and object.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// One content change, as it travels on the topic and to every subscriber.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// Decided when the change was captured; a repeated publication carries the same one.
    pub id: Uuid,
    /// `/wagrun/<stack>`.
    pub source: String,
    /// `wagtail.page.published`, `wagtail.image.created`, `wagtail.<model>.updated` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// The object: `page/4`, `image/2`, `document/7`, `blog.author/3`.
    pub subject: String,
    /// When the change was captured, RFC 3339 in UTC with microseconds.
    pub time: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The same as `subject`: events with one key arrive in order.
    pub partitionkey: String,
    /// Sixteen digits that grow for one `partitionkey` in commit order.
    pub sequence: String,
    /// Present, and true, only when an operator asked for the event again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// The object after the change, `changed` and `previous`.
    pub data: Map<String, Value>,
}

impl Event {
    /// `data.content_type`, such as `blog.blogpage`.
    pub fn content_type(&self) -> Option<&str> {
        self.text("content_type")
    }

    /// `data.locale`, such as `en`; absent for objects that are not translatable.
    pub fn locale(&self) -> Option<&str> {
        self.text("locale")
    }

    /// `data.url`, where visitors find the page; absent or null for what has no URL.
    pub fn url(&self) -> Option<&str> {
        self.text("url")
    }

    /// `data.previous.url`, where visitors found the page before; absent when that is no other place.
    pub fn previous_url(&self) -> Option<&str> {
        self.data.get("previous")?.get("url")?.as_str()
    }

    /// `data.url_path`, where the page is now, such as `/home/news/`; absent for what is no page.
    pub fn url_path(&self) -> Option<&str> {
        self.text("url_path")
    }

    /// `data.previous.url_path`, where the page was before a move; absent when it did not move.
    pub fn previous_url_path(&self) -> Option<&str> {
        self.data.get("previous")?.get("url_path")?.as_str()
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_events_are_events() {
        let mut count = 0;
        for block in include_str!("../../docs/webhooks.md")
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
