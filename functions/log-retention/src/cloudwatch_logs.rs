//! Calls CloudWatch Logs, within its quotas.

use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_cloudwatchlogs::{
    Client,
    config::Builder,
    types::{OrderBy, TagFilter},
};
use jiff::Timestamp;

use crate::log_group::{LogGroup, LogStream};
use crate::rate_limit::{CallError, Clock, RateLimit};

/// The number of names that one `DescribeLogGroups` takes.
const MAX_IDENTIFIERS: usize = 50;

/// The client of one run. It makes one call after the other, each operation within its own rate limit.
#[derive(Debug)]
pub struct CloudWatchLogs {
    client: Client,
    clock: Clock,
    group_reads: RateLimit,
    stream_reads: RateLimit,
    tag_reads: RateLimit,
    writes: RateLimit,
}

impl CloudWatchLogs {
    /// Builds the client of the SDK. Its own retries are off: they ignore the rate limit, and do not cover `OperationAborted`.
    pub fn client(sdk: &SdkConfig) -> Client {
        let config = Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// Takes the client of the SDK and the clock of the run.
    ///
    /// The quotas are those of "CloudWatch Logs quotas" and of the operations' own pages. They cannot be raised. Of the
    /// operations that change something, `PutRetentionPolicy` has the smallest quota, and the others keep to it.
    pub fn new(client: Client, clock: Clock) -> Self {
        Self {
            client,
            clock,
            group_reads: RateLimit::per_second(10),
            stream_reads: RateLimit::per_second(25),
            tag_reads: RateLimit::per_second(30),
            writes: RateLimit::per_second(5),
        }
    }

    /// Returns the log groups whose names begin with a prefix.
    pub async fn with_prefix(&mut self, prefix: &str) -> Result<Vec<LogGroup>, CallError> {
        let request = self
            .client
            .describe_log_groups()
            .log_group_name_prefix(prefix);
        let mut groups = Vec::new();
        let mut token = None;
        loop {
            let page = request.clone().set_next_token(token);
            let answer = self
                .group_reads
                .call(&self.clock, "DescribeLogGroups", || page.clone().send())
                .await?;
            groups.extend(
                answer
                    .log_groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(LogGroup::from_sdk),
            );
            token = answer.next_token;
            if token.is_none() {
                return Ok(groups);
            }
        }
    }

    /// Returns the log group of a name, if there is one.
    pub async fn named(&mut self, name: &str) -> Result<Option<LogGroup>, CallError> {
        let request = self
            .client
            .describe_log_groups()
            .log_group_name_prefix(name)
            // Names are returned in order, and no longer name sorts before its own prefix.
            .limit(1);
        let answer = self
            .group_reads
            .call(&self.clock, "DescribeLogGroups", || request.clone().send())
            .await?;
        let groups = answer.log_groups.unwrap_or_default();
        Ok(groups
            .into_iter()
            .filter_map(LogGroup::from_sdk)
            .find(|group| group.name == name))
    }

    /// Returns the log groups with a tag.
    pub async fn tagged(&mut self, key: &str, value: &str) -> Result<Vec<LogGroup>, CallError> {
        let names = self.tagged_names(key, value).await?;
        let mut groups = Vec::new();
        for names in names.chunks(MAX_IDENTIFIERS) {
            let request = self
                .client
                .describe_log_groups()
                .set_log_group_identifiers(Some(names.to_vec()));
            let answer = self
                .group_reads
                .call(&self.clock, "DescribeLogGroups", || request.clone().send())
                .await?;
            groups.extend(
                answer
                    .log_groups
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(LogGroup::from_sdk),
            );
        }
        Ok(groups)
    }

    async fn tagged_names(&mut self, key: &str, value: &str) -> Result<Vec<String>, CallError> {
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
                .group_reads
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

    /// Returns true when a log group has a tag, whatever its value.
    pub async fn has_tag(&mut self, group: &LogGroup, key: &str) -> Result<bool, CallError> {
        let request = self
            .client
            .list_tags_for_resource()
            .resource_arn(&group.arn);
        let answer = self
            .tag_reads
            .call(&self.clock, "ListTagsForResource", || {
                request.clone().send()
            })
            .await?;
        Ok(answer.tags.is_some_and(|tags| tags.contains_key(key)))
    }

    /// Sets the retention of a log group.
    pub async fn put_retention(&mut self, group: &LogGroup, days: i32) -> Result<(), CallError> {
        let request = self
            .client
            .put_retention_policy()
            .log_group_name(&group.name)
            .retention_in_days(days);
        self.writes
            .call(&self.clock, "PutRetentionPolicy", || request.clone().send())
            .await?;
        Ok(())
    }

    /// Returns the time of a log group's creation or of the last write, from its fifty newest streams.
    pub async fn last_written(&mut self, group: &LogGroup) -> Result<Timestamp, CallError> {
        let (streams, _) = self.streams(group, true, None).await?;
        let newest = streams.into_iter().map(|stream| stream.last_written).max();
        Ok(newest.map_or(group.created, |newest| newest.max(group.created)))
    }

    /// Returns a page of a log group's streams, the longest unwritten first, and the token of the next page.
    pub async fn oldest_streams(
        &mut self,
        group: &LogGroup,
        token: Option<String>,
    ) -> Result<(Vec<LogStream>, Option<String>), CallError> {
        self.streams(group, false, token).await
    }

    async fn streams(
        &mut self,
        group: &LogGroup,
        descending: bool,
        token: Option<String>,
    ) -> Result<(Vec<LogStream>, Option<String>), CallError> {
        let request = self
            .client
            .describe_log_streams()
            .log_group_name(&group.name)
            .order_by(OrderBy::LastEventTime)
            .descending(descending)
            .set_next_token(token);
        let answer = self
            .stream_reads
            .call(&self.clock, "DescribeLogStreams", || request.clone().send())
            .await?;
        let streams = answer.log_streams.unwrap_or_default();
        Ok((
            streams
                .into_iter()
                .filter_map(LogStream::from_sdk)
                .collect(),
            answer.next_token,
        ))
    }

    /// Deletes a log group with all of its events.
    pub async fn delete_group(&mut self, group: &LogGroup) -> Result<(), CallError> {
        let request = self.client.delete_log_group().log_group_name(&group.name);
        self.writes
            .call(&self.clock, "DeleteLogGroup", || request.clone().send())
            .await?;
        Ok(())
    }

    /// Deletes a log stream.
    pub async fn delete_stream(
        &mut self,
        group: &LogGroup,
        stream: &LogStream,
    ) -> Result<(), CallError> {
        let request = self
            .client
            .delete_log_stream()
            .log_group_name(&group.name)
            .log_stream_name(&stream.name);
        self.writes
            .call(&self.clock, "DeleteLogStream", || request.clone().send())
            .await?;
        Ok(())
    }
}
