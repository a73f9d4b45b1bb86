//! Runs of a sweep with replayed answers of CloudWatch.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use testing::replay::Replay;
use wagrun_database::connection::DatabaseConfig;
use wagrun_lambda::metric::Metrics;

use super::*;
use crate::config::ScheduleConfig;

/// Minutes since 1970.
type Minute = i64;

/// The minute of every sweep in these tests.
const NOW: Minute = 29_600_000;

/// A datapoint: its minute, and its statistics by name.
type Point<'a> = (Minute, &'a [(&'a str, f64)]);

/// Returns CloudWatch's answer with these datapoints, in CBOR.
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

fn clock() -> Timestamp {
    Timestamp::from_second(NOW * 60 + 17).unwrap()
}

/// A drainer, and the listener of a database that accepts connections and never answers.
struct Fixture {
    drainer: Drainer,
    listener: std::net::TcpListener,
}

impl Fixture {
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
            decision_delay: Duration::from_secs(5),
            schedules: None,
            metrics: Metrics::recording("wagrun/test"),
        };
        let drainer = Drainer::new(config, &replay.config()).with_clock(clock);
        Self { drainer, listener }
    }

    /// Returns the same for a stack that publishes at due times.
    fn with_schedules(replay: &Replay) -> Self {
        let Self { drainer, listener } = Self::new(replay);
        let mut config = drainer.config;
        config.schedules = Some(ScheduleConfig {
            group: "wagrun-publishing".to_owned(),
            function_arn: "function".to_owned(),
            role_arn: "role".to_owned(),
            dead_letter_queue_arn: "queue".to_owned(),
        });
        let drainer = Drainer::new(config, &replay.config()).with_clock(clock);
        Self { drainer, listener }
    }

    /// Returns the number of metrics by which sweeps have marked that they wake the database.
    fn wakes(&self) -> usize {
        let lines = self.drainer.config.metrics.written();
        lines.iter().filter(|it| it["SweepWakes"] == 1.0).count()
    }

    /// Runs a sweep, and returns true when it has opened a connection.
    async fn connects(&self) -> bool {
        let run = self.drainer.run(&Invocation::Sweep, Instant::now());
        let listener = self.listener.try_clone().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        // Nobody answers on the connection, so a run that opens one does not end.
        tokio::select! {
            report = run => {
                assert!(report.unwrap().left_asleep);
                false
            }
            connection = listener.accept() => connection.is_ok(),
        }
    }
}

#[tokio::test]
async fn a_sweep_of_an_unused_database_opens_no_connection() {
    let replay = Replay::new([
        answer(&[
            (NOW - 3, &[("Maximum", 0.0)]),
            (NOW - 53, &[("Maximum", 0.0)]),
        ]),
        answer(&[(NOW - 60, &[("Minimum", 0.0), ("SampleCount", 1.0)])]),
        answer(&[]),
    ]);
    let fixture = Fixture::new(&replay);
    assert!(!fixture.connects().await);
    assert_eq!(fixture.wakes(), 0);
    let requests = replay.requests();
    assert_eq!(requests.len(), 3);
    for (request, texts) in requests.iter().zip([
        ["AWS/RDS", "ServerlessDatabaseCapacity", "wagrun-1"],
        ["wagrun/test", "OldestPendingSeconds", "SampleCount"],
        ["wagrun/test", "SweepWakes", "SampleCount"],
    ]) {
        for text in texts {
            assert!(request.body.contains(text), "{text} is in {request:?}");
        }
    }
}

#[tokio::test]
async fn a_sweep_connects_when_others_have_woken_the_database_since_the_last_check() {
    let replay = Replay::new([
        answer(&[
            (NOW - 3, &[("Maximum", 0.0)]),
            (NOW - 20, &[("Maximum", 2.0)]),
            (NOW - 53, &[("Maximum", 0.0)]),
        ]),
        answer(&[(NOW - 60, &[("Minimum", 0.0), ("SampleCount", 1.0)])]),
        answer(&[]),
    ]);
    let fixture = Fixture::new(&replay);
    assert!(fixture.connects().await);
    assert_eq!(fixture.wakes(), 1);
}

#[tokio::test]
async fn a_missed_schedule_wakes_the_database() {
    for (schedule, wakes) in [
        ("publish-20200101T0000Z", true),
        ("publish-20990101T0000Z", false),
    ] {
        let listed = format!(r#"{{"Schedules":[{{"Name":"{schedule}"}}]}}"#);
        let replay = Replay::new([
            answer(&[(NOW - 3, &[("Maximum", 0.0)])]),
            answer(&[(NOW - 9, &[("Minimum", 0.0), ("SampleCount", 1.0)])]),
            answer(&[]),
            (200, listed.into_bytes()),
        ]);
        let fixture = Fixture::with_schedules(&replay);
        assert_eq!(fixture.connects().await, wakes);
        assert_eq!(fixture.wakes() == 1, wakes);
    }
}

#[tokio::test]
async fn the_capacity_alone_shows_that_a_database_is_awake_or_its_state_unknown() {
    for points in [
        vec![(NOW - 3, 2.0), (NOW - 4, 0.0)],
        vec![(NOW - 17, 0.0)],
        vec![],
    ] {
        let maxima: Vec<[(&str, f64); 1]> = points.iter().map(|it| [("Maximum", it.1)]).collect();
        let points: Vec<Point> = points
            .iter()
            .zip(&maxima)
            .map(|(point, maximum)| (point.0, maximum.as_slice()))
            .collect();
        let replay = Replay::new([answer(&points)]);
        let fixture = Fixture::new(&replay);
        assert!(fixture.connects().await);
        assert_eq!((replay.requests().len(), fixture.wakes()), (1, 0));
    }
}

#[tokio::test]
async fn a_database_without_a_check_for_a_week_is_checked() {
    let paused = || answer(&[(NOW - 3, &[("Maximum", 0.0)])]);
    let check = answer(&[(NOW - 9_000, &[("Minimum", 0.0), ("SampleCount", 1.0)])]);
    let replay = Replay::new([paused(), answer(&[]), answer(&[]), check]);
    assert!(!Fixture::new(&replay).connects().await);
    // In CBOR, an hour of seconds.
    let hours = "Period\u{19}\u{e}\u{10}";
    assert!(replay.requests()[3].body.contains(hours));
    let replay = Replay::new([paused(), answer(&[]), answer(&[]), answer(&[])]);
    assert!(Fixture::new(&replay).connects().await);
}

#[tokio::test]
async fn a_metric_that_cloudwatch_refuses_is_named_in_the_error() {
    let paused = answer(&[(NOW - 3, &[("Maximum", 0.0)])]);
    let refused = || (403, Vec::new());
    for (answers, message) in [
        (
            vec![refused()],
            "cannot read ServerlessDatabaseCapacity of database instance wagrun-1: ",
        ),
        (
            vec![paused, refused()],
            "cannot read OldestPendingSeconds of wagrun/test: ",
        ),
    ] {
        let replay = Replay::new(answers);
        let fixture = Fixture::new(&replay);
        let error = fixture
            .drainer
            .run(&Invocation::Sweep, Instant::now())
            .await;
        let error = wagrun_lambda::telemetry::chain(&error.unwrap_err());
        assert!(error.starts_with(message), "{error}");
        assert!(fixture.listener.accept().is_err());
    }
}
