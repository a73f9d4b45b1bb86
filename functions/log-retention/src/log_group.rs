//! Log groups and log streams, as far as a run needs to know them.

use aws_sdk_cloudwatchlogs::types;
use jiff::Timestamp;

/// A log group with this tag, whatever its value, is not changed and not deleted.
pub const OPT_OUT_TAG: &str = "wagrun:log-retention";
/// The tag whose value is the name of the stack that a log group belongs to.
pub const STACK_TAG: &str = "wagrun:stack";

/// A log group.
#[derive(Debug, Clone)]
pub struct LogGroup {
    /// The name.
    pub name: String,
    /// The ARN, without the `:*` at the end.
    pub arn: String,
    /// The time of its creation.
    pub created: Timestamp,
    /// The retention in days; none keeps events for ever.
    pub retention_days: Option<i32>,
    /// The name of the account's retention policy that decides instead of the log group's own retention.
    pub policy: Option<String>,
    /// True for the class *Delivery*, which keeps events for a day, whatever is set.
    pub is_delivery_class: bool,
    /// True when deletion protection is on.
    pub is_protected: bool,
}

/// A log stream.
#[derive(Debug, Clone)]
pub struct LogStream {
    /// The name.
    pub name: String,
    /// The time of its creation or of the last write. CloudWatch Logs may report a write an hour late.
    pub last_written: Timestamp,
}

impl LogGroup {
    /// Converts a log group of the SDK. Returns `None` without a name or an ARN.
    pub fn from_sdk(group: types::LogGroup) -> Option<Self> {
        let arn = group.log_group_arn.or(group.arn)?;
        Some(Self {
            name: group.log_group_name?,
            arn: arn.strip_suffix(":*").unwrap_or(&arn).to_owned(),
            created: timestamp(group.creation_time).unwrap_or(Timestamp::MIN),
            retention_days: group.retention_in_days,
            policy: group.retention_policy_name,
            is_delivery_class: group.log_group_class == Some(types::LogGroupClass::Delivery),
            is_protected: group.deletion_protection_enabled == Some(true),
        })
    }
}

impl LogStream {
    /// Converts a log stream of the SDK. Returns `None` without a name.
    pub fn from_sdk(stream: types::LogStream) -> Option<Self> {
        let times = [
            stream.creation_time,
            stream.last_event_timestamp,
            stream.last_ingestion_time,
        ];
        let last_written = times.into_iter().filter_map(timestamp).max();
        Some(Self {
            name: stream.log_stream_name?,
            // A stream without any time counts as just written to.
            last_written: last_written.unwrap_or(Timestamp::MAX),
        })
    }
}

fn timestamp(milliseconds: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds?).ok()
}
