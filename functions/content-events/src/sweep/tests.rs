//! A sweep against replayed answers of CloudWatch.

use crate::Drainer;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::PgConnectOptions;
use testing::replay::Replay;
use tokio::time::Instant;
use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::metric::Metrics;

use super::*;
use crate::config::{Config, Publishing};
use crate::wake::Wake;

/// A datapoint: its minute, and its statistics by name.
type Point<'a> = (Minute, &'a [(&'a str, f64)]);

/// CloudWatch's answer with these datapoints, in the CBOR that it speaks.
fn answer(points: &[Point]) -> (u16, Vec<u8>) {
    let mut body = vec![0xa1];
    text(&mut body, "Datapoints");
    body.push(0x99);
    body.extend_from_slice(&u16::try_from(points.len()).unwrap().to_be_bytes());
    for (minute, statistics) in points {
        body.push(0xa0 | u8::try_from(statistics.len() + 1).unwrap());
        text(&mut body, "Timestamp");
        body.push(0xc1);
        #[expect(clippy::cast_precision_loss, reason = "a time of this century")]
        double(&mut body, (minute * 60) as f64);
        for (name, value) in *statistics {
            text(&mut body, name);
            double(&mut body, *value);
        }
    }
    (200, body)
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.push(0x60 | u8::try_from(text.len()).unwrap());
    body.extend_from_slice(text.as_bytes());
}

fn double(body: &mut Vec<u8>, value: f64) {
    body.push(0xfb);
    body.extend_from_slice(&value.to_be_bytes());
}

fn now() -> Minute {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Minute::try_from(since.as_secs() / 60).unwrap()
}

/// A drainer of a database that takes connections and says nothing, and what has connected to it.
struct Stage {
    drainer: Drainer,
    listener: std::net::TcpListener,
}

impl Stage {
    fn new(replay: &Replay) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(listener.local_addr().unwrap().port());
        let config = Config {
            database: DatabaseConfig::trusted(options),
            database_instance: Some("wagrun-1".to_owned()),
            database_pause: Duration::from_secs(300),
            topic_arn: "arn:aws:sns:eu-central-1:123456789012:t.fifo".to_owned(),
            source: "/wagrun/test".to_owned(),
            history_days: 30,
            publishing: None,
            metrics: Metrics::recording("wagrun/test"),
        };
        let drainer = Drainer::new(config, &replay.config());
        Self { drainer, listener }
    }

    /// The same, in a stack that publishes what is due.
    fn publishing(replay: &Replay) -> Self {
        let Self { drainer, listener } = Self::new(replay);
        let mut config = drainer.config;
        config.publishing = Some(Publishing {
            group: "wagrun-publishing".to_owned(),
            function_arn: "function".to_owned(),
            role_arn: "role".to_owned(),
            dead_letter_queue_arn: "queue".to_owned(),
        });
        let drainer = Drainer::new(config, &replay.config());
        Self { drainer, listener }
    }

    /// The times that a sweep has said that it wakes the database.
    fn wakes(&self) -> usize {
        let lines = self.drainer.config.metrics.written();
        lines.iter().filter(|it| it[WAKES] == 1.0).count()
    }

    /// Whether the sweep has opened a connection.
    async fn connects(&self) -> bool {
        let run = self.drainer.run(&Wake::Sweep, Instant::now());
        let answer = tokio::time::timeout(Duration::from_millis(300), run).await;
        let left_alone = answer.is_ok_and(|answer| answer.unwrap().asleep);
        let connected = self.listener.accept().is_ok();
        assert_ne!(left_alone, connected);
        connected
    }
}

#[tokio::test]
async fn a_sweep_of_a_database_that_nobody_has_used_opens_no_connection() {
    let now = now();
    let replay = Replay::new([
        answer(&[
            (now - 3, &[("Maximum", 0.0)]),
            (now - 53, &[("Maximum", 0.0)]),
        ]),
        answer(&[(now - 60, &[("Minimum", 0.0), ("SampleCount", 1.0)])]),
        answer(&[]),
    ]);
    let stage = Stage::new(&replay);
    assert!(!stage.connects().await);
    assert_eq!(stage.wakes(), 0);
    let requests = replay.requests();
    assert_eq!(requests.len(), 3);
    for (request, words) in requests.iter().zip([
        ["AWS/RDS", "ServerlessDatabaseCapacity", "wagrun-1"],
        ["wagrun/test", "OldestPendingSeconds", "SampleCount"],
        ["wagrun/test", "SweepWakes", "SampleCount"],
    ]) {
        for word in words {
            assert!(request.body.contains(word), "{word} is in {request:?}");
        }
    }
}

#[tokio::test]
async fn a_sweep_connects_when_somebody_has_woken_the_database_since_the_last_look() {
    let now = now();
    let replay = Replay::new([
        answer(&[
            (now - 3, &[("Maximum", 0.0)]),
            (now - 20, &[("Maximum", 2.0)]),
            (now - 53, &[("Maximum", 0.0)]),
        ]),
        answer(&[(now - 60, &[("Minimum", 0.0), ("SampleCount", 1.0)])]),
        answer(&[]),
    ]);
    let stage = Stage::new(&replay);
    assert!(stage.connects().await);
    assert_eq!(stage.wakes(), 1);
}

#[tokio::test]
async fn a_schedule_that_did_not_do_its_work_wakes_the_database_too() {
    for (schedule, wakes) in [
        ("publish-20200101T0000Z", true),
        ("publish-20990101T0000Z", false),
    ] {
        let now = now();
        let listed = format!(r#"{{"Schedules":[{{"Name":"{schedule}"}}]}}"#);
        let replay = Replay::new([
            answer(&[(now - 3, &[("Maximum", 0.0)])]),
            answer(&[(now - 9, &[("Minimum", 0.0), ("SampleCount", 1.0)])]),
            answer(&[]),
            (200, listed.into_bytes()),
        ]);
        let stage = Stage::publishing(&replay);
        assert_eq!(stage.connects().await, wakes);
        assert_eq!(stage.wakes() == 1, wakes);
    }
}

#[tokio::test]
async fn awake_or_unknown_is_asked_of_the_capacity_alone() {
    let now = now();
    for points in [
        vec![(now - 3, 2.0), (now - 4, 0.0)],
        vec![(now - 17, 0.0)],
        vec![],
    ] {
        let maxima: Vec<[(&str, f64); 1]> = points.iter().map(|it| [("Maximum", it.1)]).collect();
        let points: Vec<Point> = points
            .iter()
            .zip(&maxima)
            .map(|(point, maximum)| (point.0, maximum.as_slice()))
            .collect();
        let replay = Replay::new([answer(&points)]);
        let stage = Stage::new(&replay);
        assert!(stage.connects().await);
        assert_eq!((replay.requests().len(), stage.wakes()), (1, 0));
    }
}

#[tokio::test]
async fn a_database_that_nobody_has_looked_at_for_a_week_is_looked_at() {
    let now = now();
    let paused = || answer(&[(now - 3, &[("Maximum", 0.0)])]);
    let look = answer(&[(now - 9_000, &[("Minimum", 0.0), ("SampleCount", 1.0)])]);
    let replay = Replay::new([paused(), answer(&[]), answer(&[]), look]);
    assert!(!Stage::new(&replay).connects().await);
    // In CBOR, an hour of seconds.
    let hours = "Period\u{19}\u{e}\u{10}";
    assert!(replay.requests()[3].body.contains(hours));
    let replay = Replay::new([paused(), answer(&[]), answer(&[]), answer(&[])]);
    assert!(Stage::new(&replay).connects().await);
}

#[tokio::test]
async fn what_cloudwatch_refuses_is_an_error_that_names_it() {
    let paused = answer(&[(now() - 3, &[("Maximum", 0.0)])]);
    let refused = || (403, Vec::new());
    for (answers, message) in [
        (
            vec![refused()],
            "can't read ServerlessDatabaseCapacity of database instance wagrun-1: ",
        ),
        (
            vec![paused, refused()],
            "can't read OldestPendingSeconds of wagrun/test: ",
        ),
    ] {
        let replay = Replay::new(answers);
        let stage = Stage::new(&replay);
        let error = stage.drainer.run(&Wake::Sweep, Instant::now()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
        assert!(stage.listener.accept().is_err());
    }
}
