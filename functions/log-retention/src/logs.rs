//! CloudWatch Logs, within its quotas.

use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_cloudwatchlogs::{
    Client,
    config::Builder,
    types::{LogGroup, LogGroupClass, LogStream, OrderBy, TagFilter},
};
use jiff::Timestamp;

use crate::pace::{CallError, Clock, Pace};

/// Names in one `DescribeLogGroups`.
const MOST_IDENTIFIERS: usize = 50;

/// What a run knows of one log group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its ARN, without the `:*` at the end.
    pub arn: String,
    /// When it was made.
    pub created: Timestamp,
    /// For how many days its events are kept; none is for ever.
    pub days: Option<i32>,
    /// The account's retention policy that says so, in place of the log group's own retention.
    pub policy: Option<String>,
    /// Whether its class keeps events for a day, whatever is set.
    pub delivery: bool,
    /// Whether it refuses to be deleted.
    pub protected: bool,
}

/// What a run knows of one log stream.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// When it was made or last written to. CloudWatch Logs may be late by an hour with it.
    pub last_written: Timestamp,
}

/// One run's way to CloudWatch Logs: one call after another, each operation at its own pace.
#[derive(Debug)]
pub struct Logs {
    client: Client,
    clock: Clock,
    groups: Pace,
    streams: Pace,
    tags: Pace,
    changes: Pace,
}

impl Logs {
    /// The SDK's own retries are off: they would not wait for their turn, and don't know `OperationAborted`.
    pub fn client(sdk: &SdkConfig) -> Client {
        let config = Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// The quotas are those of "CloudWatch Logs quotas" and of the operations' own pages; they can't be raised. Of the
    /// operations that change something, `PutRetentionPolicy` has the smallest, and the others keep to it.
    pub fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            groups: Pace::per_second(10),
            streams: Pace::per_second(25),
            tags: Pace::per_second(30),
            changes: Pace::per_second(5),
        }
    }

    /// The log groups whose names begin like this.
    pub async fn with_prefix(&mut self, prefix: &str) -> Result<Vec<Group>, CallError> {
        let request = self
            .client
            .describe_log_groups()
            .log_group_name_prefix(prefix);
        let mut groups = Vec::new();
        let mut token = None;
        loop {
            let page = request.clone().set_next_token(token);
            let answer = self
                .groups
                .call(&self.clock, "DescribeLogGroups", || page.clone().send())
                .await?;
            groups.extend(
                answer
                    .log_groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(group),
            );
            token = answer.next_token;
            if token.is_none() {
                return Ok(groups);
            }
        }
    }

    /// The log group of exactly this name, if there is one.
    pub async fn named(&mut self, name: &str) -> Result<Option<Group>, CallError> {
        let request = self
            .client
            .describe_log_groups()
            .log_group_name_prefix(name)
            // They come in the order of their names, and nothing sorts before its own beginning.
            .limit(1);
        let answer = self
            .groups
            .call(&self.clock, "DescribeLogGroups", || request.clone().send())
            .await?;
        let groups = answer.log_groups.unwrap_or_default();
        Ok(groups
            .into_iter()
            .filter_map(group)
            .find(|group| group.name == name))
    }

    /// The log groups with this tag.
    pub async fn tagged(&mut self, key: &str, value: &str) -> Result<Vec<Group>, CallError> {
        let names = self.names_tagged(key, value).await?;
        let mut groups = Vec::new();
        for names in names.chunks(MOST_IDENTIFIERS) {
            let request = self
                .client
                .describe_log_groups()
                .set_log_group_identifiers(Some(names.to_vec()));
            let answer = self
                .groups
                .call(&self.clock, "DescribeLogGroups", || request.clone().send())
                .await?;
            groups.extend(
                answer
                    .log_groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(group),
            );
        }
        Ok(groups)
    }

    async fn names_tagged(&mut self, key: &str, value: &str) -> Result<Vec<String>, CallError> {
        let filter = TagFilter::builder()
            .key(key)
            .values(value)
            .build()
            .map_err(|source| CallError::Failed {
                operation: "ListLogGroups",
                source: source.into(),
            })?;
        let request = self.client.list_log_groups().log_group_tags(filter);
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let page = request.clone().set_next_token(token);
            let answer = self
                .groups
                .call(&self.clock, "ListLogGroups", || page.clone().send())
                .await?;
            let groups = answer.log_groups.unwrap_or_default();
            names.extend(groups.into_iter().filter_map(|group| group.log_group_name));
            token = answer.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// Whether a log group has this tag, with whatever value.
    pub async fn has_tag(&mut self, group: &Group, key: &str) -> Result<bool, CallError> {
        let request = self
            .client
            .list_tags_for_resource()
            .resource_arn(&group.arn);
        let answer = self
            .tags
            .call(&self.clock, "ListTagsForResource", || {
                request.clone().send()
            })
            .await?;
        Ok(answer.tags.is_some_and(|tags| tags.contains_key(key)))
    }

    /// Has a log group's events expire after so many days.
    pub async fn put_retention(&mut self, group: &Group, days: i32) -> Result<(), CallError> {
        let request = self
            .client
            .put_retention_policy()
            .log_group_name(&group.name)
            .retention_in_days(days);
        self.changes
            .call(&self.clock, "PutRetentionPolicy", || request.clone().send())
            .await?;
        Ok(())
    }

    /// When a log group was made or last written to, as its fifty newest streams say.
    pub async fn last_written(&mut self, group: &Group) -> Result<Timestamp, CallError> {
        let (streams, _) = self.streams(group, true, None).await?;
        let newest = streams.into_iter().map(|stream| stream.last_written).max();
        Ok(newest.map_or(group.created, |newest| newest.max(group.created)))
    }

    /// A page of a log group's streams, those first that were not written to for the longest time, and the token of the next page.
    pub async fn oldest_streams(
        &mut self,
        group: &Group,
        token: Option<String>,
    ) -> Result<(Vec<Stream>, Option<String>), CallError> {
        self.streams(group, false, token).await
    }

    async fn streams(
        &mut self,
        group: &Group,
        descending: bool,
        token: Option<String>,
    ) -> Result<(Vec<Stream>, Option<String>), CallError> {
        let request = self
            .client
            .describe_log_streams()
            .log_group_name(&group.name)
            .order_by(OrderBy::LastEventTime)
            .descending(descending)
            .set_next_token(token);
        let answer = self
            .streams
            .call(&self.clock, "DescribeLogStreams", || request.clone().send())
            .await?;
        let streams = answer.log_streams.unwrap_or_default();
        Ok((
            streams.into_iter().filter_map(stream).collect(),
            answer.next_token,
        ))
    }

    /// Deletes a log group with everything in it.
    pub async fn delete_group(&mut self, group: &Group) -> Result<(), CallError> {
        let request = self.client.delete_log_group().log_group_name(&group.name);
        self.changes
            .call(&self.clock, "DeleteLogGroup", || request.clone().send())
            .await?;
        Ok(())
    }

    /// Deletes a log stream.
    pub async fn delete_stream(&mut self, group: &Group, stream: &Stream) -> Result<(), CallError> {
        let request = self
            .client
            .delete_log_stream()
            .log_group_name(&group.name)
            .log_stream_name(&stream.name);
        self.changes
            .call(&self.clock, "DeleteLogStream", || request.clone().send())
            .await?;
        Ok(())
    }
}

fn group(group: LogGroup) -> Option<Group> {
    let name = group.log_group_name?;
    let arn = group.log_group_arn.or(group.arn)?;
    Some(Group {
        arn: arn.strip_suffix(":*").unwrap_or(&arn).to_owned(),
        created: time(group.creation_time).unwrap_or(Timestamp::MIN),
        days: group.retention_in_days,
        policy: group.retention_policy_name,
        delivery: group.log_group_class == Some(LogGroupClass::Delivery),
        protected: group.deletion_protection_enabled == Some(true),
        name,
    })
}

fn stream(stream: LogStream) -> Option<Stream> {
    let times = [
        stream.creation_time,
        stream.last_event_timestamp,
        stream.last_ingestion_time,
    ];
    Some(Stream {
        name: stream.log_stream_name?,
        // A stream of which nothing is known counts as just written to.
        last_written: times
            .into_iter()
            .filter_map(time)
            .max()
            .unwrap_or(Timestamp::MAX),
    })
}

fn time(milliseconds: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds?).ok()
}
