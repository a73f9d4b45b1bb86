use testing::replay::Replay;

use super::*;

fn message(bytes: usize) -> Message {
    Message {
        subscriber: "cdn".into(),
        fifo: None,
        body: "x".repeat(bytes),
    }
}

#[test]
fn batches_keep_to_count_and_size() {
    let kib = 1024;
    let cases = [
        (vec![], vec![]),
        (vec![1; 10], vec![10]),
        (vec![1; 21], vec![10, 10, 1]),
        (vec![128 * kib; 3], vec![2, 1]),
        (vec![1, 300 * kib, 1], vec![1, 1, 1]),
        // Small ones count as well.
        (vec![1, 128 * kib, 128 * kib], vec![2, 1]),
        (vec![100 * kib, 100 * kib, 100 * kib, 1], vec![2, 2]),
    ];
    for (sizes, expected) in cases {
        let messages = sizes.iter().map(|&bytes| message(bytes)).collect();
        let lengths: Vec<_> = batches(vec![messages]).iter().map(Vec::len).collect();
        assert_eq!(lengths, expected, "{sizes:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_sqs_and_silence_is_one_too() {
    let answer = r#"{"Successful": [{"Id": "1", "MessageId": "m", "MD5OfMessageBody": ""}], "Failed": [
        {"Id": "3", "Code": "InternalError", "SenderFault": false, "Message": "later"},
        {"Id": "2", "Code": "InvalidMessageContents", "SenderFault": true, "Message": "a character"}
    ]}"#;
    let first_missing = ["a", "sent", "c", "d"];
    let first_refused = ["sent", "sent", "c", "d"];
    for (names, expected) in [
        (
            first_missing,
            "the delivery queue refused 3, the first for a (not answered): ",
        ),
        (
            first_refused,
            "the delivery queue refused 2, the first for c (InvalidMessageContents): a character",
        ),
    ] {
        let answer = match names[0] {
            "sent" => answer.replacen(
                r#"[{"Id": "1""#,
                r#"[{"Id": "0", "MessageId": "n", "MD5OfMessageBody": ""}, {"Id": "1""#,
                1,
            ),
            _ => answer.to_owned(),
        };
        let replay = Replay::new([(200, answer)]);
        let queue = DeliveryQueue::deliveries(Client::new(&replay.config()), "https://sqs/".into());
        let messages = names.map(|name| Message {
            subscriber: name.to_owned(),
            ..message(1)
        });
        let error = queue.send(messages.into()).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

fn lane(name: &str) -> Message {
    Message {
        subscriber: name.to_owned(),
        ..message(1)
    }
}

/// Returns an answer that takes the first `count` entries.
fn taken(count: usize) -> String {
    let entries = (0..count)
        .map(|id| format!(r#"{{"Id": "{id}", "MessageId": "m", "MD5OfMessageBody": ""}}"#));
    let entries: Vec<_> = entries.collect();
    format!(r#"{{"Successful": [{}]}}"#, entries.join(", "))
}

/// Sends three events of two, one and one messages. Returns their errors, and the number of calls.
async fn sent_together(answers: Vec<(u16, String)>) -> (Vec<Option<String>>, usize) {
    let replay = Replay::new(answers);
    let queue = DeliveryQueue::deliveries(Client::new(&replay.config()), "https://sqs/".into());
    let events = vec![vec![lane("a"), lane("b")], vec![lane("a")], vec![lane("c")]];
    let results = queue.send_together(events).await;
    let errors = results
        .into_iter()
        .map(|result| Some(result.err()?.to_string()));
    (errors.collect(), replay.requests().len())
}

#[tokio::test]
async fn events_share_a_call_and_each_has_its_own_result() {
    let (errors, calls) = sent_together(vec![(200, taken(4))]).await;
    assert_eq!((errors, calls), (vec![None, None, None], 1));
    // The third entry is that of the second event.
    let refused = taken(4).replace(r#""Id": "2""#, r#""Id": "other""#);
    let (errors, calls) = sent_together(vec![(200, refused)]).await;
    let expected = "the delivery queue refused 1, the first for a (not answered): ";
    assert_eq!(
        (errors, calls),
        (vec![None, Some(expected.to_owned()), None], 1)
    );
}

#[tokio::test]
async fn a_call_that_is_refused_as_a_whole_is_made_again_for_each_event() {
    let invalid = (
        400,
        r#"{"__type": "com.amazonaws.sqs#InvalidMessageContents", "message": "a character"}"#
            .to_owned(),
    );
    let answers = vec![invalid.clone(), (200, taken(2)), invalid, (200, taken(1))];
    let (errors, calls) = sent_together(answers).await;
    let expected = "cannot send to the delivery queue".to_owned();
    assert_eq!((errors, calls), (vec![None, Some(expected), None], 4));
}

#[tokio::test]
async fn after_a_failure_of_sqs_nothing_more_is_sent() {
    let replay = Replay::new([(503, "{}")]);
    let queue = DeliveryQueue::deliveries(Client::new(&replay.config()), "https://sqs/".into());
    // Two calls.
    let events = (0..15).map(|_| vec![lane("a")]).collect();
    let results = queue.send_together(events).await;
    assert_eq!(results.len(), 15);
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert_eq!(replay.requests().len(), 1);
}
