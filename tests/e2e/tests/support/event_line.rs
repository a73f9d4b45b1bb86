//! Short forms of events, for comparison with what a test expects.

use local_stack::admin::PageId;
use wagrun_event::Event;

/// The type and the subject of an event.
pub type EventLine = (String, String);

/// Returns the line of a page's event.
pub fn page(action: &str, page: PageId) -> EventLine {
    (format!("wagtail.page.{action}"), format!("page/{page}"))
}

/// Returns the line of the event of another object, such as `image.created` and `image/3`.
pub fn object(kind: &str, subject: &str) -> EventLine {
    (format!("wagtail.{kind}"), subject.to_owned())
}

/// Returns the line of this event.
pub fn line(event: &Event) -> EventLine {
    (event.kind.clone(), event.subject.clone())
}

/// Returns the lines as an indented text.
pub fn list(lines: &[EventLine]) -> String {
    lines
        .iter()
        .map(|(kind, subject)| format!("  {kind} {subject}\n"))
        .collect()
}

/// Returns the names of the changed fields of an event.
pub fn changed(event: &Event) -> Vec<&str> {
    let names = event.data["changed"].as_array().unwrap();
    names.iter().map(|name| name.as_str().unwrap()).collect()
}
