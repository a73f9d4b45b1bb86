//! A sweep against replayed answers of CloudWatch, and the decision on cases one by one.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::PgConnectOptions;
use tokio::time::Instant;
use wagrun::database::DatabaseConfig;
use wagrun::metric::Metrics;
use wagrun::replay::Replay;

use super::*;
use crate::config::Config;
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
            metrics: Metrics::new("wagrun/test"),
        };
        let drainer = Drainer::new(config, &replay.config());
        Self { drainer, listener }
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
    assert!(!Stage::new(&replay).connects().await);
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
    assert!(Stage::new(&replay).connects().await);
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
        assert!(Stage::new(&replay).connects().await);
        assert_eq!(replay.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_database_that_nobody_has_looked_at_for_a_week_is_looked_at() {
    let now = now();
    let paused = || answer(&[(now - 3, &[("Maximum", 0.0)])]);
    let look = answer(&[(now - 9_000, &[("Minimum", 0.0), ("SampleCount", 1.0)])]);
    let replay = Replay::new([paused(), answer(&[]), answer(&[]), look]);
    assert!(!Stage::new(&replay).connects().await);
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

/// A database that paused at minute 0 and is paused until minute 3000, but for these minutes.
fn history(awake: &[std::ops::Range<Minute>], looks: &[Minute], wakes: &[Minute]) -> History {
    let capacity = (0..3000).map(|minute| {
        let awake = awake.iter().any(|it| it.contains(&minute));
        (minute, if awake { 2.0 } else { 0.0 })
    });
    let look = Looks {
        count: 1.0,
        pending_seconds: 0.0,
    };
    History {
        pause: Duration::from_secs(300),
        step: 1,
        capacity: capacity.collect(),
        looks: looks.iter().map(|minute| (*minute, look)).collect(),
        wakes: wakes.iter().copied().collect(),
        looked_this_week: true,
    }
}

#[test]
fn each_trace_has_its_reason() {
    let an_hour_later = 1060;
    let a_day_later = 1000 + 18 * 60;
    let leave = Decision::LeaveAlone;
    #[rustfmt::skip]
    let table = [
        ("nobody, ever", history(&[], &[], &[]), leave, leave),
        ("somebody, no look", history(&[1000..1006], &[], &[]), Decision::Look(Reason::NeverLooked), Decision::Look(Reason::NeverLooked)),
        ("a ring and its look", history(&[990..1006], &[1000], &[]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a pause at the latest", history(&[990..1008], &[1000], &[]), leave, Decision::Look(Reason::Unconfirmed)),
        ("somebody stayed", history(&[990..1009], &[1000], &[]), Decision::Look(Reason::PausedLate), Decision::Look(Reason::PausedLate)),
        ("somebody came again", history(&[990..1006, 1040..1046], &[1000], &[]), Decision::Look(Reason::Woken), Decision::Look(Reason::Woken)),
        ("a sweep's wake", history(&[1000..1007], &[1001], &[1000]), leave, leave),
        ("a sweep's wake, a late pause", history(&[1000..1016], &[1001], &[1000]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a sweep's wake, somebody stayed", history(&[1000..1017], &[1001], &[1000]), Decision::Look(Reason::PausedLate), Decision::Look(Reason::PausedLate)),
        ("a sweep that found somebody", history(&[999..1007], &[1001], &[1000]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a ring after a sweep's wake", history(&[1000..1008], &[1001, 1002], &[1000]), leave, Decision::Look(Reason::Unconfirmed)),
        ("a zero too early", history(&[1000..1001, 1003..1008], &[1001], &[1000]), leave, leave),
        ("a look newer than the capacity", history(&[], &[2999], &[]), leave, leave),
    ];
    for (case, history, soon, later) in table {
        let until = |end| History {
            capacity: history.capacity.range(..end - 2).map(copied).collect(),
            ..history.clone()
        };
        assert_eq!(until(an_hour_later).decide(an_hour_later), soon, "{case}");
        assert_eq!(
            until(a_day_later + 5).decide(a_day_later + 5),
            later,
            "{case}, later"
        );
    }
}

fn copied((minute, capacity): (&Minute, &f64)) -> (Minute, f64) {
    (*minute, *capacity)
}

#[test]
fn what_a_look_has_left_pending_is_looked_at_again() {
    let mut history = history(&[2900..2906], &[2900], &[2899]);
    assert_eq!(history.decide(2999), Decision::LeaveAlone);
    history.looks.get_mut(&2900).unwrap().pending_seconds = 0.1;
    assert_eq!(history.decide(2999), Decision::Look(Reason::LeftPending));
}

#[test]
fn a_look_an_hour_does_not_keep_a_database_with_a_long_time_out_awake() {
    let hours = |pause: u64, look: Minute| {
        let mut history = history(&[2000..3000], &[look], &[]);
        history.pause = Duration::from_secs(pause * 3600);
        history.decide(3000)
    };
    assert_eq!(hours(2, 2870), Decision::LeaveAlone);
    assert_eq!(hours(2, 2869), Decision::Look(Reason::Awake));
    assert_eq!(hours(0, 2999), Decision::Look(Reason::Awake));
}

#[test]
fn datapoints_of_five_minutes_decide_the_same() {
    let mut history = history(&[1000..1310], &[1000], &[1000]);
    history.pause = Duration::from_secs(5 * 3600);
    history.step = 5;
    let fives = |map: BTreeMap<Minute, f64>| map.into_iter().filter(|it| it.0 % 5 == 0).collect();
    history.capacity = fives(history.capacity);
    assert_eq!(history.decide(2999), Decision::LeaveAlone);
    history.wakes.clear();
    assert_eq!(history.decide(2999), Decision::Look(Reason::Unconfirmed));
    history.capacity.extend([(1310, 2.0), (1315, 2.0)]);
    assert_eq!(history.decide(2999), Decision::Look(Reason::PausedLate));
}
