//! The APIs of CloudWatch Logs, App Runner, ECS and Lambda, as far as log-retention calls them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

/// The quotas of an account in a region, in calls a second.
const QUOTAS: [(&str, usize); 7] = [
    ("DescribeLogGroups", 10),
    ("ListLogGroups", 10),
    ("DescribeLogStreams", 25),
    ("ListTagsForResource", 30),
    ("PutRetentionPolicy", 5),
    ("DeleteLogGroup", 5),
    ("DeleteLogStream", 5),
];

#[derive(Debug, Default)]
pub struct State {
    /// The time since 1970.
    pub now: Duration,
    /// The duration of a call.
    pub latency: Duration,
    /// The calls a second that other programs in the account make of each operation.
    pub calls_of_others: usize,
    pub groups: BTreeMap<String, Group>,
    /// The status of each App Runner service, by id.
    pub services: BTreeMap<String, String>,
    pub functions: Vec<String>,
    /// The status of each ECS cluster.
    pub clusters: BTreeMap<String, String>,
    /// The errors that the next calls return: operation, subject and code.
    pub errors: Vec<(String, String, String)>,
    pub calls: Vec<Call>,
}

#[derive(Debug, Clone)]
pub struct Call {
    pub operation: String,
    /// The log group, the prefix or the resource.
    pub subject: String,
    pub throttled: bool,
    at: Duration,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Milliseconds since 1970.
    pub created: i64,
    pub retention_days: Option<i32>,
    pub policy: Option<String>,
    pub class: Option<String>,
    pub protected: bool,
    pub tags: BTreeMap<String, String>,
    /// The time of the last write to each stream, in milliseconds since 1970.
    pub streams: BTreeMap<String, i64>,
}

impl State {
    /// Answers one request. Lambda's API has paths, and every other API names its operation in the header `x-amz-target`.
    pub fn answer(&mut self, target: Option<&str>, path: &str, body: &[u8]) -> (u16, Value) {
        self.now += self.latency;
        let Some(target) = target else {
            return self.function(path);
        };
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let request: Value = serde_json::from_slice(body).unwrap();
        let subject = ["logGroupName", "logGroupNamePrefix", "resourceArn"]
            .iter()
            .find_map(|key| request[key].as_str())
            .map(|text| text.rsplit("log-group:").next().unwrap().to_owned())
            .unwrap_or_default();
        let throttled = self.is_throttled(&operation);
        let at = self.now;
        self.calls.push(Call {
            operation: operation.clone(),
            subject: subject.clone(),
            throttled,
            at,
        });
        if throttled {
            return error("ThrottlingException");
        }
        let planned = self
            .errors
            .iter()
            .position(|(for_operation, name, _)| *for_operation == operation && *name == subject);
        if let Some(index) = planned {
            let (_, _, code) = self.errors.remove(index);
            return error(&code);
        }
        match operation.as_str() {
            "DescribeLogGroups" => self.describe_log_groups(&request),
            "ListLogGroups" => self.list_log_groups(&request),
            "DescribeService" => self.describe_service(&request),
            "DescribeClusters" => self.describe_clusters(&request),
            _ if !self.groups.contains_key(&subject) => error("ResourceNotFoundException"),
            "ListTagsForResource" => (200, json!({"tags": self.groups[&subject].tags})),
            "PutRetentionPolicy" => {
                let days = request["retentionInDays"].as_i64().unwrap();
                self.groups.get_mut(&subject).unwrap().retention_days =
                    Some(i32::try_from(days).unwrap());
                (200, json!({}))
            }
            "DescribeLogStreams" => self.describe_log_streams(&subject, &request),
            "DeleteLogGroup" => {
                self.groups.remove(&subject);
                (200, json!({}))
            }
            "DeleteLogStream" => {
                let stream = request["logStreamName"].as_str().unwrap();
                self.groups
                    .get_mut(&subject)
                    .unwrap()
                    .streams
                    .remove(stream);
                (200, json!({}))
            }
            _ => panic!("the operation {operation} is not implemented"),
        }
    }

    /// Returns true when the last second has as many calls as the quota allows, with the throttled ones.
    fn is_throttled(&self, operation: &str) -> bool {
        let Some((_, quota)) = QUOTAS.iter().find(|(name, _)| *name == operation) else {
            return false;
        };
        let since = self.now.saturating_sub(Duration::from_secs(1));
        let recent = self.calls.iter().rev().take_while(|call| call.at > since);
        let recent = recent.filter(|call| call.operation == operation).count();
        recent + self.calls_of_others >= *quota
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
                    "retentionInDays": group.retention_days,
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

fn error(code: &str) -> (u16, Value) {
    (
        400,
        json!({"__type": code, "message": format!("{code}, says the test")}),
    )
}
