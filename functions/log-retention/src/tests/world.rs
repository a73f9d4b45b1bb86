//! An AWS of log groups, at the wire and in a time of its own: a call takes as long as it is told to, a wait takes no time
//! at all, and who calls more often than the quotas allow is throttled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::test_util::infallible_client_fn;
use jiff::Timestamp;
use serde_json::{Value, json};
use testing::replay::recorded;

use crate::{Answer, Config, Incomplete, LogRetention, Options, Request, Selection};

/// Calls a second, in the account and region.
const QUOTAS: [(&str, usize); 7] = [
    ("DescribeLogGroups", 10),
    ("ListLogGroups", 10),
    ("DescribeLogStreams", 25),
    ("ListTagsForResource", 30),
    ("PutRetentionPolicy", 5),
    ("DeleteLogGroup", 5),
    ("DeleteLogStream", 5),
];

/// When the tests are.
pub const NOW: &str = "2026-11-21T12:00:00Z";

#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub struct State {
    now: Duration,
    /// What a call takes.
    pub latency: Duration,
    /// Calls a second that somebody else in the account makes of each operation.
    pub others: usize,
    pub groups: BTreeMap<String, Group>,
    /// App Runner services by id, with their status.
    pub services: BTreeMap<String, String>,
    pub functions: Vec<String>,
    /// ECS clusters with their status.
    pub clusters: BTreeMap<String, String>,
    /// Errors that are still to come, by operation and log group.
    pub errors: Vec<(String, String, String)>,
    pub calls: Vec<Call>,
}

#[derive(Debug, Clone)]
pub struct Call {
    pub operation: String,
    pub about: String,
    pub throttled: bool,
    at: Duration,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub created: i64,
    pub days: Option<i32>,
    pub policy: Option<String>,
    pub class: Option<String>,
    pub protected: bool,
    pub tags: BTreeMap<String, String>,
    /// Names with the time when they were last written to.
    pub streams: BTreeMap<String, i64>,
}

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

    /// A log group that was made a year ago.
    pub fn group(&self, name: &str, change: impl FnOnce(&mut Group)) {
        let mut group = Group {
            created: time("2025-11-21T12:00:00Z").as_millisecond(),
            ..Group::default()
        };
        change(&mut group);
        self.state().groups.insert(name.to_owned(), group);
    }

    /// One run for the stack `wagrun` that has a quarter of an hour.
    pub async fn run(&self, options: Options) -> Result<Answer, Box<Incomplete>> {
        self.run_as(&self.config(""), &Request::All(options)).await
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

    pub fn config(&self, further: &str) -> Config {
        Config {
            selection: Selection::new("wagrun", further).unwrap(),
            retention: "30".parse().unwrap(),
            by_tag: false,
        }
    }

    /// A minute in which nothing happens.
    pub fn rest(&self) {
        self.state().now += Duration::from_secs(60);
    }

    /// Seconds since the world began.
    pub fn seconds(&self) -> f64 {
        let begin = time(NOW).as_millisecond();
        let now = i64::try_from(self.state().now.as_millis()).unwrap();
        (now - begin) as f64 / 1000.0
    }

    /// How often an operation was called.
    pub fn count(&self, operation: &str) -> usize {
        let state = self.state();
        state
            .calls
            .iter()
            .filter(|call| call.operation == operation)
            .count()
    }

    /// What these operations were called about, in order.
    pub fn about(&self, operation: &str) -> Vec<String> {
        let state = self.state();
        let calls = state
            .calls
            .iter()
            .filter(|call| call.operation == operation);
        calls.map(|call| call.about.clone()).collect()
    }

    /// Calls that change something.
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
            // It watches the clock, and every look of its own would take this world's time.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .time_source(Time(self.clone()))
            .sleep_impl(Time(self.clone()))
            .http_client(recorded(infallible_client_fn(move |request| {
                let (status, body) = world.answer(
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

    fn answer(&self, target: Option<&str>, path: &str, body: &[u8]) -> (u16, Value) {
        let mut state = self.state();
        let latency = state.latency;
        state.now += latency;
        let Some(target) = target else {
            return state.function(path);
        };
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let request: Value = serde_json::from_slice(body).unwrap();
        let about = ["logGroupName", "logGroupNamePrefix", "resourceArn"]
            .iter()
            .find_map(|key| request[key].as_str())
            .map(|text| text.rsplit("log-group:").next().unwrap().to_owned())
            .unwrap_or_default();
        let throttled = state.is_throttled(&operation);
        let at = state.now;
        state.calls.push(Call {
            operation: operation.clone(),
            about: about.clone(),
            throttled,
            at,
        });
        if throttled {
            return error("ThrottlingException");
        }
        let planned = state
            .errors
            .iter()
            .position(|(for_operation, name, _)| *for_operation == operation && *name == about);
        if let Some(index) = planned {
            let (_, _, code) = state.errors.remove(index);
            return error(&code);
        }
        match operation.as_str() {
            "DescribeLogGroups" => state.describe_log_groups(&request),
            "ListLogGroups" => state.list_log_groups(&request),
            "DescribeService" => state.describe_service(&request),
            "DescribeClusters" => state.describe_clusters(&request),
            _ if !state.groups.contains_key(&about) => error("ResourceNotFoundException"),
            "ListTagsForResource" => (200, json!({"tags": state.groups[&about].tags})),
            "PutRetentionPolicy" => {
                let days = request["retentionInDays"].as_i64().unwrap();
                state.groups.get_mut(&about).unwrap().days = Some(i32::try_from(days).unwrap());
                (200, json!({}))
            }
            "DescribeLogStreams" => state.describe_log_streams(&about, &request),
            "DeleteLogGroup" => {
                state.groups.remove(&about);
                (200, json!({}))
            }
            "DeleteLogStream" => {
                let stream = request["logStreamName"].as_str().unwrap();
                state.groups.get_mut(&about).unwrap().streams.remove(stream);
                (200, json!({}))
            }
            _ => panic!("{operation} is not known here"),
        }
    }
}

impl State {
    /// Whether the last second has had as many calls as the quota allows, refused ones included.
    fn is_throttled(&self, operation: &str) -> bool {
        let Some((_, quota)) = QUOTAS.iter().find(|(name, _)| *name == operation) else {
            return false;
        };
        let since = self.now.saturating_sub(Duration::from_secs(1));
        let recent = self.calls.iter().rev().take_while(|call| call.at > since);
        let recent = recent.filter(|call| call.operation == operation).count();
        recent + self.others >= *quota
    }

    fn describe_log_groups(&self, request: &Value) -> (u16, Value) {
        let prefix = request["logGroupNamePrefix"].as_str().unwrap_or_default();
        let limit = request["limit"].as_u64().unwrap_or(50);
        let named = request["logGroupIdentifiers"].as_array();
        let found = self.groups.iter().filter(|(name, _)| match named {
            Some(names) => names.iter().any(|other| other == *name),
            None => name.starts_with(prefix),
        });
        let begin = request["nextToken"]
            .as_str()
            .map_or(0, |token| token.parse().unwrap());
        let page: Vec<_> = found
            .skip(begin)
            .take(usize::try_from(limit).unwrap() + 1)
            .collect();
        let (page, more) = match page.len() > usize::try_from(limit).unwrap() {
            true => (&page[..page.len() - 1], true),
            false => (&page[..], false),
        };
        let groups: Vec<_> = page
            .iter()
            .map(|(name, group)| {
                json!({
                    "logGroupName": name,
                    "arn": format!("arn:aws:logs:eu-central-1:111122223333:log-group:{name}:*"),
                    "logGroupArn": format!("arn:aws:logs:eu-central-1:111122223333:log-group:{name}"),
                    "creationTime": group.created,
                    "retentionInDays": group.days,
                    "retentionPolicyName": group.policy,
                    "logGroupClass": group.class,
                    "deletionProtectionEnabled": group.protected,
                })
            })
            .collect();
        let next = more.then(|| (begin + page.len()).to_string());
        (200, json!({"logGroups": groups, "nextToken": next}))
    }

    fn list_log_groups(&self, request: &Value) -> (u16, Value) {
        let filter = &request["logGroupTags"][0];
        let groups: Vec<_> = self
            .groups
            .iter()
            .filter(|(_, group)| {
                let value = group.tags.get(filter["key"].as_str().unwrap());
                value.is_some_and(|value| filter["values"][0] == *value)
            })
            .map(|(name, _)| json!({"logGroupName": name}))
            .collect();
        (200, json!({"logGroups": groups}))
    }

    fn describe_log_streams(&self, group: &str, request: &Value) -> (u16, Value) {
        assert_eq!(request["orderBy"], "LastEventTime");
        let mut streams: Vec<_> = self.groups[group].streams.iter().collect();
        streams.sort_by_key(|(_, time)| **time);
        if request["descending"] == true {
            streams.reverse();
        }
        let begin = request["nextToken"]
            .as_str()
            .map_or(0, |token| token.parse().unwrap());
        let page: Vec<_> = streams
            .iter()
            .skip(begin)
            .take(50)
            .map(|(name, time)| json!({"logStreamName": name, "creationTime": 0, "lastEventTimestamp": *time - 1, "lastIngestionTime": time}))
            .collect();
        let end = begin + page.len();
        let next = (end < streams.len()).then(|| end.to_string());
        (200, json!({"logStreams": page, "nextToken": next}))
    }

    fn describe_service(&self, request: &Value) -> (u16, Value) {
        let arn = request["ServiceArn"].as_str().unwrap();
        let id = arn
            .strip_prefix("arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/")
            .unwrap();
        match self.services.get(id).map(String::as_str) {
            None => error("ResourceNotFoundException"),
            Some("denied") => error("AccessDeniedException"),
            Some(status) => (
                200,
                json!({"Service": {
                    "ServiceName": "wagrun", "ServiceId": id, "ServiceArn": arn, "CreatedAt": 0, "UpdatedAt": 0, "Status": status,
                    "SourceConfiguration": {}, "InstanceConfiguration": {}, "NetworkConfiguration": {},
                    "AutoScalingConfigurationSummary": {},
                }}),
            ),
        }
    }

    fn describe_clusters(&self, request: &Value) -> (u16, Value) {
        let name = request["clusters"][0].as_str().unwrap();
        match self.clusters.get(name) {
            None => (
                200,
                json!({"clusters": [], "failures": [{"arn": name, "reason": "MISSING"}]}),
            ),
            Some(status) => (
                200,
                json!({"clusters": [{"clusterName": name, "status": status}], "failures": []}),
            ),
        }
    }

    /// Lambda's API has paths instead of targets.
    fn function(&self, path: &str) -> (u16, Value) {
        let name = path
            .strip_prefix("/2015-03-31/functions/")
            .and_then(|rest| rest.strip_suffix("/configuration"))
            .unwrap();
        match self.functions.iter().any(|function| function == name) {
            true => (200, json!({"FunctionName": name})),
            false => (
                404,
                json!({"__type": "ResourceNotFoundException", "Message": name}),
            ),
        }
    }
}

/// The world's time, for the SDK and for the run.
#[derive(Debug)]
struct Time(World);

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.state().now
    }
}

impl AsyncSleep for Time {
    fn sleep(&self, duration: Duration) -> Sleep {
        let world = self.0.clone();
        Sleep::new(async move { world.state().now += duration })
    }
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn error(code: &str) -> (u16, Value) {
    (
        400,
        json!({"__type": code, "message": format!("{code}, says the test")}),
    )
}
