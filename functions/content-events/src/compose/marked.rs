//! Composes the event of a marked change, which an operator makes to see the way of an event.

use serde_json::Map;
use wagrun_database::outbox::CapturedChange;
use wagrun_event::{Event, NewEvent};

/// The type of the events of marked changes.
const TYPE: &str = "wagrun.marked";

/// Composes the event of a marked change, for the subscriber that the change names and for no other.
pub(super) fn event(change: &CapturedChange, source: &str) -> Option<Event> {
    let subscriber = change.key.as_str()?;
    let mut event = Event::new(NewEvent {
        id: change.id,
        source,
        kind: TYPE.to_owned(),
        subject: change.object.clone(),
        time: change.time.clone(),
        sequence: change.sequence,
        data: Map::new(),
    });
    event.subscriber = Some(subscriber.to_owned());
    Some(event)
}
