use super::*;

const SETTINGS: QueueSettings = QueueSettings {
    visibility_timeout: Duration::from_secs(30),
    max_receive_count: 2,
    window: QueueSettings::DEFAULT_WINDOW,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Returns a queue with these messages. The first letter of each names its group.
fn queue(settings: QueueSettings, bodies: &[&str]) -> FifoQueue {
    let mut queue = FifoQueue::new(settings);
    for body in bodies {
        queue.send(message(body), at(0));
    }
    queue
}

fn message(body: &str) -> NewMessage {
    NewMessage {
        group: body[..1].to_owned(),
        deduplication_id: body.to_owned(),
        body: body.to_owned(),
    }
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|one| one.body.as_str()).collect()
}

/// Receives messages, and returns their bodies and receipts.
fn receive(queue: &mut FifoQueue, max: usize, second: i64) -> (Vec<String>, Vec<u64>) {
    let messages = queue.receive(max, at(second));
    let bodies = messages.iter().map(|one| one.body.clone()).collect();
    let receipts = messages.iter().filter_map(|one| one.receipt).collect();
    (bodies, receipts)
}

#[test]
fn only_a_group_with_a_message_in_flight_waits() {
    let mut queue = queue(SETTINGS, &["a1", "a2", "b1"]);
    let (first, receipts) = receive(&mut queue, 1, 0);
    assert_eq!(first, ["a1"]);
    assert_eq!(receive(&mut queue, 10, 1).0, ["b1"]);
    assert_eq!(receive(&mut queue, 10, 2).0, [""; 0]);
    assert!(queue.delete(receipts[0]));
    assert_eq!(receive(&mut queue, 10, 3).0, ["a2"]);
}

#[test]
fn a_group_waits_until_the_last_message_of_a_batch_is_no_longer_in_flight() {
    let mut queue = queue(SETTINGS, &["a1", "b1", "a2", "a3"]);
    let (batch, receipts) = receive(&mut queue, 3, 0);
    assert_eq!(batch, ["a1", "a2", "a3"]);
    queue.delete(receipts[0]);
    queue.change_visibility(receipts[1], Duration::from_secs(1), at(0));
    assert_eq!(receive(&mut queue, 3, 1).0, ["b1"]);
    queue.change_visibility(receipts[2], Duration::ZERO, at(1));
    assert_eq!(receive(&mut queue, 3, 1).0, ["a2", "a3"]);
}

#[test]
fn a_message_that_is_not_deleted_returns_first_and_becomes_a_dead_letter() {
    let mut queue = queue(SETTINGS, &["a1", "a2"]);
    let (_, old) = receive(&mut queue, 1, 0);
    assert_eq!(queue.next_return(), Some(at(30)));
    assert_eq!(receive(&mut queue, 1, 29).0, [""; 0]);
    let (again, receipts) = receive(&mut queue, 1, 30);
    assert_eq!(again, ["a1"]);
    assert!(!queue.delete(old[0]), "the receipt is not the last one");
    assert!(queue.change_visibility(receipts[0], Duration::from_secs(5), at(31)));
    assert_eq!(receive(&mut queue, 1, 35).0, [""; 0]);
    assert_eq!(receive(&mut queue, 1, 36).0, ["a2"]);
    assert_eq!(bodies(queue.dead_letters()), ["a1"]);
    assert_eq!((queue.len(), queue.in_flight()), (1, 1));
}

#[test]
fn a_repeated_message_is_dropped_for_five_minutes() {
    let mut queue = queue(SETTINGS, &["a1"]);
    let (_, receipts) = receive(&mut queue, 1, 0);
    queue.delete(receipts[0]);
    queue.send(message("a1"), at(299));
    assert!(queue.is_empty());
    queue.send(message("a1"), at(300));
    assert_eq!(queue.len(), 1);
}

#[test]
fn messages_behind_the_window_are_not_received() {
    let settings = QueueSettings {
        window: 2,
        ..SETTINGS
    };
    let mut queue = queue(settings, &["a1", "a2", "b1"]);
    let (_, receipts) = receive(&mut queue, 1, 0);
    assert_eq!(receive(&mut queue, 1, 0).0, [""; 0]);
    queue.delete(receipts[0]);
    assert_eq!(receive(&mut queue, 9, 0).0, ["a2", "b1"]);
}
