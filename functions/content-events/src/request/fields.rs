//! The fields of a request in JSON. Each type accepts only valid values, so that serde reports the place of an invalid one.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// The fields of a replay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayFields {
    #[serde(default, deserialize_with = "not_null")]
    pub since: Option<Time>,
    #[serde(default, deserialize_with = "not_null")]
    pub until: Option<Time>,
    #[serde(default, deserialize_with = "not_null", rename = "type")]
    pub kind: Option<Text>,
    #[serde(default, deserialize_with = "not_null")]
    pub subject: Option<Subject>,
    #[serde(default, deserialize_with = "not_null")]
    pub under: Option<Text>,
    #[serde(default, deserialize_with = "not_null")]
    pub subscriber: Option<SubscriberName>,
}

/// The fields of a snapshot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotFields {
    pub subscriber: SubscriberName,
    #[serde(default, deserialize_with = "not_null")]
    pub types: Option<Patterns>,
    #[serde(default, deserialize_with = "not_null")]
    pub content_types: Option<Patterns>,
    #[serde(default, deserialize_with = "not_null")]
    pub under: Option<Text>,
}

/// The fields of a filter whose present objects are counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchFields {
    #[serde(default, deserialize_with = "not_null")]
    pub types: Option<Patterns>,
    #[serde(default, deserialize_with = "not_null")]
    pub content_types: Option<Patterns>,
    #[serde(default, deserialize_with = "not_null")]
    pub under: Option<Text>,
}

/// A text that is not empty.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text(pub String);

/// A point in time.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct Time(pub Timestamp);

/// The name of an object, such as `page/4`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct Subject(pub String);

/// A valid name of a subscriber. Only fan-out knows if there is a subscriber with this name.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Text")]
pub(super) struct SubscriberName(pub String);

/// A list of patterns that is not empty.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<Text>")]
pub(super) struct Patterns(pub Vec<String>);

/// A value that a field does not accept.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidValue {
    #[error("is empty")]
    Empty,
    #[error("{0:?} is not a time such as 2026-11-21T08:00:00Z")]
    NotATime(String),
    #[error("{0:?} is not an object such as page/4")]
    NotASubject(String),
    #[error(
        "{0:?} is not a subscriber's name, which is its parameter's below /<stack>/subscribers/"
    )]
    NotASubscriber(String),
}

impl TryFrom<String> for Text {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        if text.is_empty() {
            Err(InvalidValue::Empty)
        } else {
            Ok(Self(text))
        }
    }
}

impl TryFrom<Text> for Time {
    type Error = InvalidValue;

    fn try_from(Text(text): Text) -> Result<Self, InvalidValue> {
        match text.parse() {
            Ok(time) => Ok(Self(time)),
            Err(_) => Err(InvalidValue::NotATime(text)),
        }
    }
}

impl TryFrom<Text> for Subject {
    type Error = InvalidValue;

    fn try_from(Text(text): Text) -> Result<Self, InvalidValue> {
        if text.contains('/') {
            Ok(Self(text))
        } else {
            Err(InvalidValue::NotASubject(text))
        }
    }
}

impl TryFrom<Text> for SubscriberName {
    type Error = InvalidValue;

    fn try_from(Text(text): Text) -> Result<Self, InvalidValue> {
        let is_segment = |segment: &str| {
            !segment.is_empty()
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if text.split('/').all(is_segment) {
            Ok(Self(text))
        } else {
            Err(InvalidValue::NotASubscriber(text))
        }
    }
}

impl TryFrom<Vec<Text>> for Patterns {
    type Error = InvalidValue;

    fn try_from(patterns: Vec<Text>) -> Result<Self, InvalidValue> {
        if patterns.is_empty() {
            Err(InvalidValue::Empty)
        } else {
            Ok(Self(patterns.into_iter().map(|text| text.0).collect()))
        }
    }
}

/// Deserializes a field that may be absent, but not null.
fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
