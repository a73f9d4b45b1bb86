//! The messages of the queues of fan-out and deliver, and what deliver reads again from its bucket and its records.
#![no_main]

use std::borrow::Cow;

use deliver::fuzzing::{AddressedEvent, Attempt, Backlog, Content, Lane, Recall};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use wagrun_delivery::{Delivery, deduplication_id, lane};
use wagrun_event::Event;
use wagrun_fuzz::{assert_readable, choice, is_fifo_id, is_sendable, text};

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = choice(data, 4) else {
        return;
    };
    let Some(body) = text(rest) else { return };
    match choice {
        0 => of_the_event_queue(body),
        1 => of_the_delivery_queue(body),
        2 => of_the_bucket(body),
        _ => of_a_record(body),
    }
});

/// fan-out: the event stays the text that it is.
fn of_the_event_queue(body: &str) {
    let Ok(raw) = serde_json::from_str::<&RawValue>(body) else {
        return;
    };
    let event: Event = match serde_json::from_str(raw.get()) {
        Ok(event) => event,
        Err(error) => return assert_readable(&error),
    };
    let json = event.to_json().unwrap();
    assert!(is_sendable(&json), "{json}");
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    for subscriber in ["cdn", "team/search"] {
        assert!(is_fifo_id(&lane(subscriber, &event.subject)));
        assert!(is_fifo_id(&deduplication_id(&event, subscriber)));
        let delivery = Delivery {
            subscriber: Cow::Borrowed(subscriber),
            event: raw,
            unfiltered: true,
        };
        let body = serde_json::to_string(&delivery).unwrap();
        let received = AddressedEvent::parse(&body).unwrap();
        assert_eq!(received.json, raw.get());
        assert_eq!(received.event, event);
        assert_eq!(
            received.lane,
            Lane {
                subscriber: subscriber.to_owned(),
                subject: event.subject.clone()
            }
        );
        assert!(received.is_unfiltered);
    }
}

fn of_the_delivery_queue(body: &str) {
    let attempt = Attempt {
        message_id: "m",
        body,
        receipt_handle: "r",
        number: 1,
        sequence_number: Some("1"),
        sent_at: Timestamp::UNIX_EPOCH,
        now: Timestamp::UNIX_EPOCH,
        jitter: 0.0,
    };
    match attempt.content() {
        Ok(Content::Delivery(addressed)) => is_sound(&addressed, body),
        Ok(Content::Recall(Recall { recall: lane, .. })) => returns(&lane),
        Err(error) => assert_readable(&error),
    }
}

fn of_the_bucket(body: &str) {
    match AddressedEvent::parse(body) {
        Ok(addressed) => is_sound(&addressed, body),
        Err(error) => assert_readable(&error),
    }
}

fn is_sound(addressed: &AddressedEvent<'_>, body: &str) {
    let begin = addressed.json.as_ptr().addr() - body.as_ptr().addr();
    assert_eq!(&body[begin..begin + addressed.json.len()], addressed.json);
    assert_eq!(
        serde_json::from_str::<Event>(addressed.json).unwrap(),
        addressed.event
    );
    assert!(is_fifo_id(&addressed.lane.group_id()));
    returns(&addressed.lane);
}

/// The recall of any lane is a message that SQS takes, and asks for that lane.
fn returns(lane: &Lane) {
    let message = lane.recall(Timestamp::UNIX_EPOCH);
    assert!(is_sendable(&message.body), "{}", message.body);
    let fifo = message.fifo.unwrap();
    assert!(is_fifo_id(&fifo.group_id) && is_fifo_id(&fifo.deduplication_id));
    assert_eq!(fifo.group_id, lane.group_id());
    let received: Recall = serde_json::from_str(&message.body).unwrap();
    assert_eq!(&received.recall, lane);
}

fn of_a_record(text: &str) {
    let Ok(record) = serde_json::from_str::<Backlog>(text) else {
        return;
    };
    let stored = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Backlog>(&stored).unwrap(), record);
}
