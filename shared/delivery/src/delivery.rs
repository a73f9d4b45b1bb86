//! A delivery: one event for one subscriber, as it waits in the delivery queue.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use wagrun_event::Event;
use wagrun_event::fifo::fifo_id;

/// The body of a message in the delivery queue.
///
/// The event stays the text that was published. So the subscriber receives, and deliver signs, exactly that text.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delivery<'a> {
    /// The subscriber's name, see [`Subscriber::name`](crate::subscriber::Subscriber::name).
    #[serde(borrow)]
    pub subscriber: Cow<'a, str>,
    /// The event's JSON.
    #[serde(borrow)]
    pub event: &'a RawValue,
    /// True when the subscriber's filter is still to be applied, because its parameter could not be used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfiltered: bool,
}

impl Delivery<'_> {
    /// Parses the event. An error means that the JSON is not an event.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        serde_json::from_str(self.event.get())
    }
}

/// Returns the message group of a delivery: one subscriber and one object. So a dead receiver delays only itself, and every
/// receiver gets the events of an object in order.
pub fn lane(subscriber: &str, subject: &str) -> String {
    fifo_id(&format!("{subscriber}|{subject}"))
}

/// Returns the deduplication id of a delivery. For five minutes SQS drops a second delivery of the same event to the same
/// subscriber, except a replayed one.
pub fn deduplication_id(event: &Event, subscriber: &str) -> String {
    fifo_id(&format!("{}:{subscriber}", event.deduplication_id()))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const EVENT: &str = r#"{ "specversion":"1.0","id":"0f2c8f6e-7d1b-4c8e-9a53-000000000001","source":"/wagrun/test","type":"wagtail.page.published","subject":"page/4","time":"2026-11-21T21:46:46.426651Z","datacontenttype":"application/json","partitionkey":"page/4","sequence":"0000000000001106","data":{"title":"Z\u00fcrich","id":4} }"#;

    #[test]
    fn the_event_passes_through_byte_for_byte() {
        let delivery = Delivery {
            subscriber: Cow::Borrowed("cdn"),
            event: serde_json::from_str(EVENT).unwrap(),
            unfiltered: false,
        };
        let body = serde_json::to_string(&delivery).unwrap();
        assert!(!body.contains("unfiltered"), "{body}");
        let received: Delivery<'_> = serde_json::from_str(&body).unwrap();
        assert_eq!(received.subscriber, "cdn");
        assert_eq!(received.event.get(), EVENT);
        assert_eq!(received.event().unwrap().subject, "page/4");
    }

    #[test]
    fn a_text_that_is_not_an_event_is_refused() {
        let delivery: Delivery<'_> =
            serde_json::from_str(r#"{"subscriber":"cdn","event":{"id":1}}"#).unwrap();
        assert!(delivery.event().is_err());
    }

    #[test]
    fn lanes_and_ids_are_readable_where_sqs_takes_them() {
        let mut event: Event = serde_json::from_str(EVENT).unwrap();
        assert_eq!(lane("cdn", "page/4"), "cdn|page/4");
        assert_eq!(
            deduplication_id(&event, "team/cdn"),
            "0f2c8f6e-7d1b-4c8e-9a53-000000000001:team/cdn"
        );
        assert_eq!(lane("cdn", "shop.product/a b").len(), 64);
        assert_eq!(deduplication_id(&event, &"n".repeat(92)).len(), 64);
        assert_eq!(deduplication_id(&event, &"n".repeat(91)).len(), 128);
        event.backfill = Some(Uuid::from_u128(7));
        assert_eq!(
            deduplication_id(&event, "cdn"),
            "0f2c8f6e-7d1b-4c8e-9a53-000000000001:00000000-0000-0000-0000-000000000007:cdn"
        );
    }
}
