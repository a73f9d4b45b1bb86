//! Tests of deliveries that are set aside because their subscriber accepts nothing, and come back in order.

mod directory;
mod missing;
mod pacing;
mod returning;
mod set_aside;
mod sweeps;
mod unusable;

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{http::StatusCode, response::IntoResponse};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::world::{World, delivery_of, now, parameter, parameters, subscriber, written};
use crate::Answer;

thread_local! {
    /// Seconds since the test began.
    static PASSED: Cell<i64> = const { Cell::new(0) };
}

fn clock() -> Timestamp {
    now() + SignedDuration::from_secs(PASSED.get())
}

fn pass(seconds: i64) {
    PASSED.set(PASSED.get() + seconds);
}

/// Seconds after which every copy of the function knows of a backlog.
const SETTLING_SECONDS: i64 = 121;
const QUARTER_HOUR_SECONDS: i64 = 15 * 60;

struct Story {
    world: World,
    receiver: Receiver,
    status: Arc<AtomicU16>,
    numbered: u64,
}

impl Story {
    /// Creates the subscriber `cdn` with these fields. Its receiver answers with this status.
    async fn new(status: u16, fields: Value) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let answer = Arc::clone(&status);
        let receiver = Receiver::answering(move || {
            let status = StatusCode::from_u16(answer.load(Ordering::Relaxed)).unwrap();
            status.into_response()
        })
        .await;
        let value = subscriber(&receiver.origin, fields);
        // As often as anybody may look.
        let ssm = vec![parameters(&[("cdn", value)]); 50];
        let mut world = World::new(ssm);
        world.handler.deliverer.clock = clock;
        Self {
            world,
            receiver,
            status,
            numbered: 0,
        }
    }

    /// Creates a subscriber that has accepted nothing for forty minutes.
    async fn dead() -> Self {
        let since = now() - SignedDuration::from_mins(40);
        let mut story = Self::new(500, json!({"failing_since": since.to_string()})).await;
        // Every success would want to take that back, which is told elsewhere.
        story.world.forget_health();
        story
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Receives a new delivery for the first time. Returns true when it stays in the queue.
    async fn stays(&mut self, subject: &str, number: u32) -> bool {
        self.numbered += 1;
        let body = delivery_of("cdn", subject, number);
        self.world.fails_numbered(&body, 1, self.numbered).await
    }

    /// Puts a delivery into the bucket.
    fn put_aside(&self, subject: &str, number: u32) {
        let subject_of_the_key = subject.replace('/', "%2F");
        let key = format!("cdn/{subject_of_the_key}/{number:039}");
        let body = delivery_of("cdn", subject, number);
        self.world.cloud.state().bucket.objects.insert(key, body);
    }

    /// Lets the backlog return since this time.
    fn returns_since(&self, returning_since: Timestamp) -> Value {
        let backlog =
            json!({"since": now().to_string(), "returning_since": returning_since.to_string()});
        let backlogs = &mut self.world.cloud.state().backlogs;
        backlogs.insert("cdn".into(), backlog.clone());
        backlog
    }

    /// Receives the recalls that were sent, in order. Returns those that stay in the queue.
    async fn receive_recalls(&self, attempt: u32) -> Vec<Value> {
        let recalls = self.world.cloud.state().sent_to("deliveries.fifo");
        self.world
            .cloud
            .state()
            .sent
            .retain(|(queue, _)| queue != "deliveries.fifo");
        let mut stay = Vec::new();
        for recall in recalls {
            if self
                .world
                .fails_numbered(&recall.to_string(), attempt, 0)
                .await
            {
                stay.push(recall);
            }
        }
        stay
    }

    async fn look(&self) -> Vec<Value> {
        let answer = self.world.ask(&json!({"sweep": "backlogs"})).await;
        let Answer::Backlogs(_) = &answer else {
            panic!("{answer:?}");
        };
        serde_json::to_value(answer)
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    }

    /// Returns subject and number of each event that the receiver got, without the first `skip`.
    fn received(&self, skip: usize) -> Vec<String> {
        let received = self.receiver.received().into_iter().skip(skip);
        received
            .map(|(_, _, body)| {
                let event: Value = serde_json::from_slice(&body).unwrap();
                format!(
                    "{} {}",
                    event["subject"].as_str().unwrap(),
                    event["data"]["number"]
                )
            })
            .collect()
    }

    fn aside(&self) -> usize {
        self.world.cloud.state().bucket.objects.len()
    }

    fn backlog(&self) -> Option<Value> {
        self.world.cloud.state().backlogs.get("cdn").cloned()
    }

    /// Creates a subscriber with a backlog that is settled.
    async fn settled() -> Self {
        let mut story = Self::dead().await;
        assert!(story.stays("page/1", 0).await);
        assert!(story.backlog().is_some());
        pass(SETTLING_SECONDS);
        story
    }
}
