//! A fake AWS with log groups. It answers HTTP requests and has a virtual clock: a call takes the configured latency, and a sleep
//! takes no real time. Calls beyond the quotas are throttled.

mod api;
mod clock;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::infallible_client_fn;
use jiff::Timestamp;
use testing::replay::recorded;

pub use api::{Group, State};
use clock::VirtualClock;

use crate::answer::Answer;
use crate::config::Config;
use crate::request::{Options, Request};
use crate::run::{Incomplete, LogRetention};
use crate::selection::Selection;

/// The time at which the tests begin.
pub const NOW: &str = "2026-11-21T12:00:00Z";

#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<State>>);

impl World {
    pub fn new() -> Self {
        let state = State {
            now: Duration::try_from(time(NOW).duration_since(Timestamp::UNIX_EPOCH)).unwrap(),
            latency: Duration::from_millis(50),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Adds a log group that was created a year ago.
    pub fn group(&self, name: &str, change: impl FnOnce(&mut Group)) {
        let mut group = Group {
            created: time("2025-11-21T12:00:00Z").as_millisecond(),
            ..Group::default()
        };
        change(&mut group);
        self.state().groups.insert(name.to_owned(), group);
    }

    /// Runs log-retention for the stack `wagrun`, with a quarter of an hour.
    pub async fn run(&self, options: Options) -> Result<Answer, Box<Incomplete>> {
        self.run_as(&self.config(""), &Request::AllLogGroups(options))
            .await
    }

    pub async fn run_as(
        &self,
        config: &Config,
        request: &Request,
    ) -> Result<Answer, Box<Incomplete>> {
        let stop_at = UNIX_EPOCH + self.state().now + Duration::from_secs(880);
        self.function(config).run(request, stop_at).await
    }

    pub fn function(&self, config: &Config) -> LogRetention {
        LogRetention::new(config.clone(), &self.sdk())
    }

    pub fn config(&self, extra_prefixes: &str) -> Config {
        Config {
            selection: Selection::new("wagrun", extra_prefixes).unwrap(),
            retention: "30".parse().unwrap(),
            by_tag: false,
        }
    }

    /// Lets a minute pass without a call.
    pub fn rest(&self) {
        self.state().now += Duration::from_secs(60);
    }

    /// Returns the seconds since the beginning of the test.
    pub fn seconds(&self) -> f64 {
        let begin = time(NOW).as_millisecond();
        let now = i64::try_from(self.state().now.as_millis()).unwrap();
        (now - begin) as f64 / 1000.0
    }

    /// Returns the number of calls of an operation.
    pub fn count(&self, operation: &str) -> usize {
        let state = self.state();
        state
            .calls
            .iter()
            .filter(|call| call.operation == operation)
            .count()
    }

    /// Returns the log groups, prefixes or resources that an operation was called for, in order.
    pub fn subjects(&self, operation: &str) -> Vec<String> {
        let state = self.state();
        let calls = state
            .calls
            .iter()
            .filter(|call| call.operation == operation);
        calls.map(|call| call.subject.clone()).collect()
    }

    /// Returns the number of calls that change something.
    pub fn changes(&self) -> usize {
        ["PutRetentionPolicy", "DeleteLogGroup", "DeleteLogStream"]
            .iter()
            .map(|operation| self.count(operation))
            .sum()
    }

    fn sdk(&self) -> SdkConfig {
        let world = self.clone();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "test",
            )))
            // Stalled stream protection reads the clock, and would take virtual time.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .time_source(VirtualClock(self.clone()))
            .sleep_impl(VirtualClock(self.clone()))
            .http_client(recorded(infallible_client_fn(move |request| {
                let (status, body) = world.state().answer(
                    request
                        .headers()
                        .get("x-amz-target")
                        .map(|target| target.to_str().unwrap()),
                    request.uri().path(),
                    request.body().bytes().unwrap(),
                );
                http::Response::builder()
                    .status(status)
                    .body(body.to_string())
                    .unwrap()
            })))
            .build()
    }
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
