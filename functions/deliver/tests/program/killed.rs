//! Tests that kill deliver at each step of a delivery, as when its machine fails. Nothing is lost, nothing overtakes, and a
//! kill repeats at most the request that the receiver had.

use std::collections::VecDeque;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::lambda::{Lambda, SECRET, Step};

/// The step at which the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    /// It has the message, and has not called the receiver.
    BeforeTheCall,
    /// The receiver has the whole request, and has not answered.
    WhileTheReceiverHoldsIt,
    /// The receiver has answered 2xx, and the success is being noted.
    WhileNoting,
    /// The receiver has answered 2xx, and Lambda is not answered.
    BeforeTheAnswer,
    /// The receiver has answered 5xx, and the next try's time is being set.
    WhileHiding,
}

impl Kill {
    fn is_at(self, step: &Step) -> bool {
        match self {
            Self::BeforeTheCall => *step == Step::Subscribers,
            Self::WhileTheReceiverHoldsIt => matches!(step, Step::Webhook(..)),
            Self::WhileNoting => *step == Step::Note,
            Self::BeforeTheAnswer => matches!(step, Step::Answer(_)),
            Self::WhileHiding => *step == Step::Hide,
        }
    }

    /// Returns true when the receiver has been called by then.
    fn is_after_the_call(self) -> bool {
        self != Self::BeforeTheCall
    }
}

fn event(number: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{}","source":"/wagrun/test","type":"wagtail.page.updated","subject":"page/4","time":"2026-11-21T21:46:46.426651Z","datacontenttype":"application/json","partitionkey":"page/4","sequence":"{number:016}","data":{{"id":4}}}}"#,
        id(number)
    )
}

fn id(number: usize) -> String {
    format!("0f2c8f6e-7d1b-4c8e-9a53-{number:012}")
}

/// The requests of the receiver, each with its answer.
type Received = Vec<(HeaderMap, Bytes, StatusCode)>;

/// One lane of the queue with three messages, the first of which is received again until Lambda reports it as done. Each message
/// is killed at each step once, at its first receives. Before that the receiver fails so many times.
async fn deliver_three(
    subscriber: impl Fn(usize) -> Value,
    kills: &[Kill],
    failures: usize,
) -> Received {
    let mut lambda = Lambda::new(subscriber(0)).await;
    let mut received = Received::new();
    for number in 1..=3 {
        lambda.set_subscriber(&subscriber(number));
        let mut kills: VecDeque<Kill> = kills.iter().copied().collect();
        let mut failures = failures;
        let mut receives = 0;
        let mut is_done = false;
        while !is_done {
            receives += 1;
            let body = format!(r#"{{"subscriber":"cdn","event":{}}}"#, event(number));
            let attributes = json!({"MessageGroupId": "cdn|page/4", "ApproximateReceiveCount": receives.to_string()});
            let message = json!({"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes});
            lambda.invoke(message).await;
            loop {
                let asked = lambda.next().await;
                let is_fatal = kills.front().is_some_and(|kill| kill.is_at(&asked.step));
                let mut status = StatusCode::NO_CONTENT;
                if let Step::Webhook(headers, body) = &asked.step {
                    if failures > 0 && !is_fatal {
                        failures -= 1;
                        status = StatusCode::INTERNAL_SERVER_ERROR;
                    }
                    received.push((headers.clone(), body.clone(), status));
                }
                if is_fatal {
                    kills.pop_front();
                    lambda.kill(asked).await;
                    break;
                }
                let answer = match &asked.step {
                    Step::Answer(answer) => Some(answer.clone()),
                    _ => None,
                };
                lambda.answer(asked, status);
                if let Some(answer) = answer {
                    is_done = answer == json!({"batchItemFailures": []});
                    break;
                }
            }
        }
        assert!(
            kills.is_empty(),
            "message {number} did not get to {kills:?}"
        );
    }
    received
}

/// Returns the numbers of the events in the order in which they came. Each request is verified.
fn numbers(received: &Received) -> Vec<usize> {
    let verifier = Webhook::new(SECRET).unwrap();
    received
        .iter()
        .map(|(headers, body, _)| {
            verifier.verify(body, headers).unwrap();
            let number = (1..=3).find(|number| headers["webhook-id"] == *id(*number));
            let number = number.unwrap();
            assert_eq!(body, &event(number), "byte for byte, each time");
            number
        })
        .collect()
}

/// A subscriber that failed for a while before each message, so that each success writes its parameter.
fn failing(number: usize) -> Value {
    json!({"failing_since": format!("2026-11-20T00:00:0{number}Z")})
}

fn healthy(_number: usize) -> Value {
    json!({})
}

#[tokio::test]
async fn without_a_kill_each_comes_once() {
    let received = deliver_three(healthy, &[], 0).await;
    assert_eq!(numbers(&received), [1, 2, 3]);
}

#[tokio::test]
async fn killed_at_one_step_there_is_at_most_one_repetition() {
    for kill in [
        Kill::BeforeTheCall,
        Kill::WhileTheReceiverHoldsIt,
        Kill::WhileNoting,
        Kill::BeforeTheAnswer,
    ] {
        let received = deliver_three(failing, &[kill], 0).await;
        let expected: &[usize] = match kill.is_after_the_call() {
            false => &[1, 2, 3],
            true => &[1, 1, 2, 2, 3, 3],
        };
        assert_eq!(numbers(&received), expected, "{kill:?}");
    }
}

#[tokio::test]
async fn killed_at_every_step_in_turn_nothing_is_lost_and_nothing_overtakes() {
    let kills = [
        Kill::BeforeTheCall,
        Kill::WhileTheReceiverHoldsIt,
        Kill::WhileNoting,
        Kill::BeforeTheAnswer,
    ];
    let received = deliver_three(failing, &kills, 0).await;
    // Three of the kills came after a call, and each cost one repetition.
    assert_eq!(numbers(&received), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
}

#[tokio::test]
async fn killed_while_a_failure_is_put_off_the_delivery_comes_again_and_nothing_overtakes() {
    let received = deliver_three(healthy, &[Kill::WhileHiding], 2).await;
    assert_eq!(numbers(&received), [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    let statuses: Vec<u16> = received
        .iter()
        .map(|(.., status)| status.as_u16())
        .collect();
    assert_eq!(statuses, [500, 500, 204].repeat(3));
}
