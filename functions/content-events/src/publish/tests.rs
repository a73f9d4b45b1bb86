use std::time::Duration;

use aws_sdk_sns::Client;
use serde_json::json;
use testing::replay::Replay;

use super::*;
use crate::classify::decide;
use crate::compose::compose;
use crate::fixtures;

/// Returns the event at `position` of `object`, with a text of `bytes` bytes.
fn outgoing(position: i64, object: &str, bytes: usize) -> OutgoingEvent {
    let mut change = fixtures::change(json!(null), fixtures::page(json!({})), &[]);
    change.sequence = position;
    change.object = object.to_owned();
    let event = compose(
        &change,
        &decide(&change, &change.said, &fixtures::rules()),
        "/wagrun/test",
    )
    .unwrap();
    let json = format!(
        "{{\"position\":{position},\"text\":\"{}\"}}",
        "x".repeat(bytes)
    );
    OutgoingEvent {
        sequence: position,
        event,
        json,
    }
}

fn answer(successful: &[usize], failed: &[usize]) -> (u16, String) {
    let taken: String = successful
        .iter()
        .map(|id| format!("<member><Id>{id}</Id><MessageId>m</MessageId></member>"))
        .collect();
    let refused: String = failed
        .iter()
        .map(|id| {
            format!(
                "<member><Id>{id}</Id><Code>InvalidParameter</Code><Message>too bad</Message><SenderFault>true</SenderFault></member>"
            )
        })
        .collect();
    let body = format!(
        "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult>\
         <Successful>{taken}</Successful><Failed>{refused}</Failed></PublishBatchResult></PublishBatchResponse>"
    );
    (200, body)
}

async fn publish(replay: &Replay, events: Vec<OutgoingEvent>) -> publication::PublicationResults {
    let arn = "arn:aws:sns:eu-central-1:123456789012:t.fifo".to_owned();
    let topic = Topic::new(Client::new(&replay.config()), arn);
    Publication::start(&topic, events).all().await
}

/// Returns the positions of the events in each call.
fn calls(replay: &Replay) -> Vec<Vec<i64>> {
    replay
        .requests()
        .iter()
        .map(|request| {
            request
                .body
                .split("%22position%22%3A")
                .skip(1)
                .map(|rest| rest.split("%2C").next().unwrap().parse().unwrap())
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn objects_share_a_call_and_an_object_waits_for_itself() {
    let replay = Replay::new([answer(&[0, 1], &[]), answer(&[0], &[])]);
    let published = publish(
        &replay,
        vec![
            outgoing(1, "page/1", 0),
            outgoing(2, "page/1", 0),
            outgoing(3, "page/2", 0),
        ],
    )
    .await;
    assert_eq!(calls(&replay), [vec![1, 3], vec![2]]);
    assert_eq!(published.sequences, [1, 3, 2]);
    assert_eq!(published.refusals, []);
}

#[tokio::test]
async fn the_next_event_of_an_object_waits_until_the_one_before_it_is_settled() {
    let replay = Replay::new([answer(&[0], &[]), answer(&[0], &[])]);
    let arn = "arn:aws:sns:eu-central-1:123456789012:t.fifo".to_owned();
    let topic = Topic::new(Client::new(&replay.config()), arn);
    let events = vec![outgoing(1, "page/1", 0), outgoing(2, "page/1", 0)];
    let mut publication = Publication::start(&topic, events);
    assert_eq!(publication.next().await.unwrap().sequences, [1]);
    assert!(publication.waits_for_settlement());
    assert!(publication.next().await.is_none());
    publication.release();
    assert!(!publication.waits_for_settlement());
    assert_eq!(publication.next().await.unwrap().sequences, [2]);
    assert!(!publication.waits_for_settlement());
    assert_eq!(calls(&replay), [vec![1], vec![2]]);
}

#[tokio::test]
async fn calls_go_on_during_other_work_and_what_they_accept_is_not_settled_by_it() {
    let replay = Replay::new([answer(&[0], &[]), answer(&[0], &[])]);
    let arn = "arn:aws:sns:eu-central-1:123456789012:t.fifo".to_owned();
    let topic = Topic::new(Client::new(&replay.config()), arn);
    let events = vec![outgoing(1, "page/1", 0), outgoing(2, "page/1", 0)];
    let mut publication = Publication::start(&topic, events);
    assert!(!publication.has_started_all());
    let work = async {
        while replay.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), publication.during(work))
        .await
        .unwrap();
    assert!(publication.has_started_all());
    // The work has settled only what was returned before it.
    publication.release();
    assert_eq!(publication.next().await.unwrap().sequences, [1]);
    assert!(publication.waits_for_settlement());
    assert!(publication.next().await.is_none());
    assert_eq!(calls(&replay), [vec![1]]);
    publication.release();
    assert_eq!(publication.next().await.unwrap().sequences, [2]);
}

#[tokio::test]
async fn a_refused_event_holds_back_its_own_object_only() {
    let replay = Replay::new([answer(&[1], &[0]), answer(&[0], &[])]);
    let published = publish(
        &replay,
        vec![
            outgoing(1, "page/1", 0),
            outgoing(2, "page/2", 0),
            outgoing(3, "page/1", 0),
            outgoing(4, "page/2", 0),
        ],
    )
    .await;
    assert_eq!(
        calls(&replay),
        [vec![1, 2], vec![4]],
        "event 3 must not overtake event 1"
    );
    assert_eq!(published.sequences, [2, 4]);
    assert_eq!(
        published.refusals,
        [Refusal {
            sequence: 1,
            object: "page/1".to_owned(),
            reason: "InvalidParameter: too bad".to_owned(),
            cause: RefusalCause::InvalidEvent,
        }]
    );
}

#[tokio::test]
async fn a_backfilled_event_has_a_deduplication_id_of_its_own_and_names_its_subscriber() {
    let replay = Replay::new([answer(&[0], &[])]);
    let mut event = outgoing(1, "page/1", 0).event;
    event.backfill = Some(uuid::Uuid::from_u128(7));
    event.subscriber = Some("search".to_owned());
    let published = publish(&replay, vec![OutgoingEvent::new(1, event).unwrap()]).await;
    assert_eq!(published.sequences, [1]);
    let body = &replay.requests()[0].body;
    assert!(
        body.contains(
            "MessageDeduplicationId=00000000-0000-0000-0000-000000000000%3A00000000-0000-0000-0000-000000000007"
        ),
        "{body}"
    );
    assert!(
        body.contains("Name=subscriber&") && body.contains("StringValue=search&"),
        "{body}"
    );
}

#[tokio::test]
async fn a_failed_call_refuses_every_event_in_it() {
    let replay = Replay::new([(500, String::new())]);
    let published = publish(
        &replay,
        vec![outgoing(1, "page/1", 0), outgoing(2, "page/2", 0)],
    )
    .await;
    assert_eq!(published.sequences, [0_i64; 0]);
    let refused: Vec<i64> = published
        .refusals
        .iter()
        .map(|refused| refused.sequence)
        .collect();
    assert_eq!(refused, [1, 2]);
}

#[tokio::test]
async fn an_entry_that_the_answer_leaves_out_is_refused() {
    let replay = Replay::new([answer(&[0], &[])]);
    let published = publish(
        &replay,
        vec![outgoing(1, "page/1", 0), outgoing(2, "page/2", 0)],
    )
    .await;
    assert_eq!(published.sequences, [1]);
    assert_eq!(
        published.refusals[0].reason,
        "SNS did not mention this entry"
    );
}

#[tokio::test]
async fn a_call_holds_ten_events_and_no_more_than_sns_takes() {
    let many: Vec<OutgoingEvent> = (1..=12)
        .map(|n| outgoing(n, &format!("page/{n}"), 0))
        .collect();
    let replay = Replay::new([
        answer(&(0..10).collect::<Vec<_>>(), &[]),
        answer(&[0, 1], &[]),
    ]);
    assert_eq!(publish(&replay, many).await.sequences.len(), 12);

    let large = vec![
        outgoing(1, "page/1", 130 * 1024),
        outgoing(2, "page/2", 130 * 1024),
    ];
    let replay = Replay::new([answer(&[0], &[]), answer(&[0], &[])]);
    assert_eq!(publish(&replay, large).await.sequences.len(), 2);
    assert_eq!(calls(&replay), [vec![1], vec![2]]);
}

#[tokio::test]
async fn events_that_just_fit_share_a_call() {
    let empty = outgoing(1, "page/1", 0).json.len();
    let half = 125 * 1024 - empty;
    for (more, expected) in [(0, vec![vec![1, 2]]), (1, vec![vec![1], vec![2]])] {
        let events = vec![
            outgoing(1, "page/1", half),
            outgoing(2, "page/2", half + more),
        ];
        let replay = Replay::new([answer(&[0, 1], &[]), answer(&[0], &[])]);
        publish(&replay, events).await;
        assert_eq!(calls(&replay), expected);
    }
}
