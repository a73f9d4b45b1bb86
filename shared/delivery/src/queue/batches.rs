//! Splits messages into calls of SQS.

use super::message::Message;

/// Number of entries that SQS accepts in one call.
pub(super) const MAX_ENTRIES: usize = 10;
/// Size of one call in bytes. SQS accepts 1 MiB, but older endpoints only this; an event is smaller.
const MAX_BYTES: usize = 256 * 1024;

/// A message of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The index of the event that the message belongs to.
    pub event: usize,
    /// The message.
    pub message: Message,
}

/// Splits the messages of events by count and size, in order. One that is too large by itself goes alone, and SQS refuses it.
pub(super) fn batches(events: Vec<Vec<Message>>) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    let events = events.into_iter().enumerate();
    let entries = events.flat_map(|(event, messages)| {
        messages
            .into_iter()
            .map(move |message| Entry { event, message })
    });
    for entry in entries {
        let size = entry.message.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_ENTRIES && bytes + size <= MAX_BYTES => {
                bytes += size;
                batch.push(entry);
            }
            _ => {
                bytes = size;
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

/// Splits a call into one for each event.
pub(super) fn by_event(batch: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut parts: Vec<Vec<Entry>> = Vec::new();
    for entry in batch {
        match parts.last_mut() {
            Some(part) if part[0].event == entry.event => part.push(entry),
            _ => parts.push(vec![entry]),
        }
    }
    parts
}
