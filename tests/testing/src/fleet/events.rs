//! Creates events as content-events publishes them.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use wagrun_event::{Event, NewEvent};

/// The source of the events.
pub const SOURCE: &str = "/wagrun/fleet";
/// The size of an event, in bytes of JSON.
pub const EVENT_SIZE: usize = 2048;

/// Returns `count` events, spread evenly over `pages` pages. Those of one page are in order.
pub fn events(count: usize, pages: usize) -> Vec<Event> {
    let numbers = 1..=i64::try_from(count).unwrap_or(i64::MAX);
    numbers
        .zip((0..pages).cycle())
        .map(|(sequence, page)| event(sequence, page))
        .collect()
}

fn event(sequence: i64, page: usize) -> Event {
    let mut data = Map::new();
    for (field, value) in [
        ("id", json!(page)),
        ("content_type", json!("blog.blogpage")),
        ("locale", json!("en")),
        ("title", json!("A page of a benchmark")),
        ("url", json!(format!("https://example.org/blog/{page}/"))),
        ("url_path", json!(format!("/home/blog/{page}/"))),
        ("changed", json!(["title", "body"])),
        ("body", json!("")),
    ] {
        data.insert(field.to_owned(), value);
    }
    let mut event = Event::new(NewEvent {
        id: Uuid::from_u128(sequence.unsigned_abs().into()),
        source: SOURCE,
        kind: "wagtail.page.published".to_owned(),
        subject: format!("page/{page}"),
        time: "2026-11-21T21:46:46.426651Z".to_owned(),
        sequence,
        data,
    });
    let bytes = serde_json::to_string(&event).map_or(0, |json| json.len());
    let filler = "x".repeat(EVENT_SIZE.saturating_sub(bytes));
    event.data.insert("body".to_owned(), Value::String(filler));
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_the_stated_size_and_are_ordered_within_their_page() {
        let events = events(5, 2);
        for event in &events {
            assert_eq!(serde_json::to_string(event).unwrap().len(), EVENT_SIZE);
        }
        let lanes: Vec<_> = events
            .iter()
            .map(|event| (event.subject.as_str(), event.sequence[15..].to_owned()))
            .collect();
        let numbered = [(0, 1), (1, 2), (0, 3), (1, 4), (0, 5)];
        let expected = numbered.map(|(page, number)| (format!("page/{page}"), number.to_string()));
        assert_eq!(
            lanes,
            expected
                .each_ref()
                .map(|(page, number)| (page.as_str(), number.clone()))
        );
    }
}
