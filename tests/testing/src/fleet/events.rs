//! Events as content-events publishes them, in any number.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use wagrun_event::{Event, NewEvent};

/// What they come from.
pub const SOURCE: &str = "/wagrun/fleet";
/// The size of one, in bytes of JSON.
pub const BYTES: usize = 2048;

/// So many, spread evenly over so many pages, each page's in their order.
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
    let filler = "x".repeat(BYTES.saturating_sub(bytes));
    event.data.insert("body".to_owned(), Value::String(filler));
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_the_size_that_is_said_and_an_order_within_their_page() {
        let events = events(5, 2);
        for event in &events {
            assert_eq!(serde_json::to_string(event).unwrap().len(), BYTES);
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
