//! An operator's request for a backfill: a replay of the past, or a snapshot of the present state.

mod fields;

use jiff::Timestamp;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wagrun_event::filter::Filter;

use fields::{MatchFields, ReplayFields, SnapshotFields, SubscriberName, Text};

/// A request for events that are not live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `{"replay": {…}}`: publish settled changes again.
    Replay(Replay),
    /// `{"snapshot": {…}}`: publish the present state of all watched objects.
    Snapshot(Snapshot),
}

/// The changes that a replay publishes again. At least one field besides `subscriber` narrows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Only changes captured at this time or later.
    pub since: Option<Timestamp>,
    /// Only changes captured before this time.
    pub until: Option<Timestamp>,
    /// Only changes of this object, such as `page/4`.
    pub subject: Option<String>,
    /// Only events of this type and subtree.
    pub filter: Filter,
    /// The only subscriber that receives the events. `None` means all subscribers.
    pub subscriber: Option<String>,
}

/// The objects that a snapshot shows, and their receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The only subscriber that receives the events.
    pub subscriber: String,
    /// Only objects of these types, content types and subtree.
    pub filter: Filter,
    /// True when the request names a subtree, which only pages can be in.
    pub only_pages: bool,
}

/// The filter whose present objects an operator wants to count: `{"match": {…}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The filter, as a subscriber has it.
    pub filter: Filter,
    /// True when the request names a subtree, which only pages can be in.
    pub only_pages: bool,
    /// The path of its subtree, if another one is to be looked for in its place.
    pub under: Option<String>,
}

/// The events that an operator wants to count: `{"count": {…}}`, with `"match": {…}` beside it for a subscriber's filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The backfill that would publish them.
    pub request: Request,
    /// The filter of the subscriber that would get them.
    pub filter: Filter,
}

/// A request that cannot be granted. The message names the field.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request is not a JSON object.
    #[error("{0}: is not an object of fields")]
    NotAnObject(&'static str),
    /// The payload has another key besides the request.
    #[error("{field}: cannot stand beside {kind}")]
    ExtraKey {
        /// The other key.
        field: String,
        /// `replay`, `snapshot` or `match`.
        kind: &'static str,
    },
    /// A field is unknown, is missing, or has an invalid value.
    #[error("cannot read {place}")]
    Field {
        /// The field with its path in the payload, such as `snapshot.types[1]`.
        place: String,
        /// The error.
        source: serde_json::Error,
    },
    /// The request whose events are to be counted cannot be granted.
    #[error("cannot read count")]
    Counted(#[source] Box<Self>),
    /// The path of a subtree is invalid.
    #[error("{kind}.under: {path:?} is not a path that begins with /")]
    NotAPath {
        /// `replay` or `snapshot`.
        kind: &'static str,
        /// The given path.
        path: String,
    },
    /// The time range of a replay is empty.
    #[error("replay.until: is not after since")]
    EmptyRange,
    /// A replay has no field that narrows it.
    #[error(
        "replay: asks for everything; give at least one of since, until, type, subject and under"
    )]
    Everything,
}

impl Request {
    /// Parses a payload's `replay` or `snapshot`. Returns `None` when the payload has neither.
    pub fn parse(payload: &Value) -> Option<Result<Self, RequestError>> {
        let fields = payload.as_object()?;
        let kind = ["replay", "snapshot"]
            .into_iter()
            .find(|kind| fields.contains_key(*kind))?;
        if let Some(other) = fields.keys().find(|key| *key != kind) {
            return Some(Err(RequestError::ExtraKey {
                field: other.clone(),
                kind,
            }));
        }
        Some(match kind {
            "replay" => read(kind, &fields[kind])
                .and_then(Replay::from_fields)
                .map(Self::Replay),
            _ => read(kind, &fields[kind])
                .and_then(Snapshot::from_fields)
                .map(Self::Snapshot),
        })
    }
}

/// Returns a subscriber's name from a payload, or `None` for another value.
pub fn subscriber_name(value: &Value) -> Option<String> {
    SubscriberName::deserialize(value).ok().map(|name| name.0)
}

impl Match {
    /// Parses a payload's `match`. Returns `None` when the payload has none.
    pub fn parse(payload: &Value) -> Option<Result<Self, RequestError>> {
        const KIND: &str = "match";
        let fields = payload.as_object()?;
        let request = fields.get(KIND)?;
        if let Some(other) = fields.keys().find(|key| *key != KIND) {
            let field = other.clone();
            return Some(Err(RequestError::ExtraKey { field, kind: KIND }));
        }
        Some(read(KIND, request).and_then(|fields: MatchFields| {
            let types = fields.types.map(|patterns| patterns.0);
            let content_types = fields.content_types.map(|patterns| patterns.0);
            let under = fields.under.as_ref().map(|Text(path)| path.clone());
            let filter = narrow(Filter::new(types, content_types), fields.under, KIND)?;
            Ok(Self {
                filter,
                only_pages: under.is_some(),
                under,
            })
        }))
    }
}

impl Counted {
    /// Parses a payload's `count`. Returns `None` when the payload has none, or one that is no request for a backfill.
    pub fn parse(payload: &Value) -> Option<Result<Self, RequestError>> {
        let fields = payload.as_object()?;
        let request = Request::parse(fields.get("count")?)?;
        let is_other = |key: &&String| !["count", "match"].contains(&key.as_str());
        if let Some(field) = fields.keys().find(is_other).cloned() {
            let kind = "count";
            return Some(Err(RequestError::ExtraKey { field, kind }));
        }
        let filter = match payload.get("match") {
            None => None,
            Some(filter) => Match::parse(&json!({"match": filter})),
        };
        let request = request.map_err(|error| RequestError::Counted(Box::new(error)));
        Some(request.and_then(|request| {
            Ok(Self {
                request,
                filter: filter
                    .transpose()?
                    .map_or_else(Filter::default, |it| it.filter),
            })
        }))
    }
}

impl From<&Snapshot> for Match {
    /// Returns the objects that a snapshot shows.
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            filter: snapshot.filter.clone(),
            only_pages: snapshot.only_pages,
            under: None,
        }
    }
}

impl Replay {
    fn from_fields(fields: ReplayFields) -> Result<Self, RequestError> {
        let since = fields.since.map(|time| time.0);
        let until = fields.until.map(|time| time.0);
        if let (Some(since), Some(until)) = (since, until)
            && until <= since
        {
            return Err(RequestError::EmptyRange);
        }
        let filter = Filter::new(fields.kind.map(|pattern| vec![pattern.0]), None);
        let replay = Self {
            since,
            until,
            subject: fields.subject.map(|subject| subject.0),
            filter: narrow(filter, fields.under, "replay")?,
            subscriber: fields.subscriber.map(|name| name.0),
        };
        let is_narrowed = since.is_some()
            || until.is_some()
            || replay.subject.is_some()
            || replay.filter != Filter::default();
        if is_narrowed {
            Ok(replay)
        } else {
            Err(RequestError::Everything)
        }
    }
}

impl Snapshot {
    fn from_fields(fields: SnapshotFields) -> Result<Self, RequestError> {
        let types = fields.types.map(|patterns| patterns.0);
        let content_types = fields.content_types.map(|patterns| patterns.0);
        let filter = Filter::new(types, content_types);
        Ok(Self {
            subscriber: fields.subscriber.0,
            only_pages: fields.under.is_some(),
            filter: narrow(filter, fields.under, "snapshot")?,
        })
    }
}

/// Narrows a filter to the subtree below `path`.
fn narrow(filter: Filter, path: Option<Text>, kind: &'static str) -> Result<Filter, RequestError> {
    match path {
        None => Ok(filter),
        Some(Text(path)) => filter
            .under(&path)
            .ok_or(RequestError::NotAPath { kind, path }),
    }
}

/// Deserializes the fields of a request. An error names the field and its place.
fn read<T: DeserializeOwned>(kind: &'static str, fields: &Value) -> Result<T, RequestError> {
    // serde also takes a list for a struct, which would give each value a field by its position.
    if !fields.is_object() {
        return Err(RequestError::NotAnObject(kind));
    }
    serde_path_to_error::deserialize(fields).map_err(|error| {
        let path = error.path().to_string();
        RequestError::Field {
            place: match path.as_str() {
                "." => kind.to_owned(),
                path => format!("{kind}.{path}"),
            },
            source: error.into_inner(),
        }
    })
}

#[cfg(test)]
mod tests;
