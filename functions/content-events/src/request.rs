//! What an operator may ask for: a replay of the past, a snapshot of the present, or the end of either.

use jiff::Timestamp;
use serde_json::{Map, Value};
use wagrun_event::filter::Filter;

const REPLAY_FIELDS: [&str; 6] = ["since", "until", "type", "subject", "under", "subscriber"];
const SNAPSHOT_FIELDS: [&str; 4] = ["subscriber", "types", "content_types", "under"];

/// A request for events that are not live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `{"replay": {…}}`: settled changes, published again.
    Replay(Replay),
    /// `{"snapshot": {…}}`: the present state of everything watched.
    Snapshot(Snapshot),
}

/// Which changes are published again. At least one of the fields that choose is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Captured at this time or later.
    pub since: Option<Timestamp>,
    /// Captured before this time.
    pub until: Option<Timestamp>,
    /// Of this object only.
    pub subject: Option<String>,
    /// By type and subtree.
    pub filter: Filter,
    /// For this subscriber alone; otherwise for all.
    pub subscriber: Option<String>,
}

/// Which objects are shown, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The one subscriber that gets to see them.
    pub subscriber: String,
    /// By type, content type and subtree.
    pub filter: Filter,
    /// Whether only a subtree is asked for, in which nothing but pages can be.
    pub only_pages: bool,
}

/// A request that can't be granted, with the place of what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct RequestError {
    place: String,
    problem: Problem,
}

/// What is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("is not an object of fields")]
    NotAnObject,
    #[error("is not a known field; there are {0}")]
    UnknownField(String),
    #[error("can't stand beside {0}")]
    Beside(&'static str),
    #[error("is missing")]
    Missing,
    #[error("{0} is not text")]
    NotText(Value),
    #[error("{0} is not a list of patterns")]
    NotAList(Value),
    #[error("is empty")]
    Empty,
    #[error("{0:?} is not a time such as 2026-11-21T08:00:00Z")]
    NotATime(String),
    #[error("is not after since")]
    NotAfterSince,
    #[error("{0:?} is not a path that begins with /")]
    NotAPath(String),
    #[error("{0:?} is not an object such as page/4")]
    NotASubject(String),
    #[error(
        "{0:?} is not a subscriber's name, which is its parameter's below /<stack>/subscribers/"
    )]
    NotASubscriber(String),
    #[error("asks for everything; give at least one of since, until, type, subject and under")]
    Everything,
}

impl Request {
    /// Reads a payload's `replay` or `snapshot`; `None` when it has neither.
    pub fn parse(payload: &Value) -> Option<Result<Self, RequestError>> {
        let fields = payload.as_object()?;
        let kind = ["replay", "snapshot"]
            .into_iter()
            .find(|kind| fields.contains_key(*kind))?;
        if let Some(other) = fields.keys().find(|key| *key != kind) {
            return Some(Err(error(other, Problem::Beside(kind))));
        }
        let asked = Fields::of(kind, &fields[kind]);
        Some(asked.and_then(|fields| match kind {
            "replay" => replay(&fields).map(Self::Replay),
            _ => snapshot(&fields).map(Self::Snapshot),
        }))
    }
}

fn replay(fields: &Fields<'_>) -> Result<Replay, RequestError> {
    fields.only(&REPLAY_FIELDS)?;
    let since = fields.time("since")?;
    let until = fields.time("until")?;
    if let (Some(since), Some(until)) = (since, until)
        && until <= since
    {
        return Err(fields.error("until", Problem::NotAfterSince));
    }
    let subject = fields.text("subject")?;
    if let Some(subject) = subject.filter(|subject| !subject.contains('/')) {
        return Err(fields.error("subject", Problem::NotASubject(subject.to_owned())));
    }
    let kind = fields.text("type")?;
    let types = kind.map(|pattern| vec![pattern.to_owned()]);
    let replay = Replay {
        since,
        until,
        subject: subject.map(str::to_owned),
        filter: fields.under(Filter::new(types, None))?,
        subscriber: fields.subscriber()?,
    };
    let chooses = since.is_some()
        || until.is_some()
        || subject.is_some()
        || replay.filter != Filter::default();
    if chooses {
        Ok(replay)
    } else {
        Err(error(fields.place, Problem::Everything))
    }
}

fn snapshot(fields: &Fields<'_>) -> Result<Snapshot, RequestError> {
    fields.only(&SNAPSHOT_FIELDS)?;
    let filter = Filter::new(fields.patterns("types")?, fields.patterns("content_types")?);
    Ok(Snapshot {
        subscriber: fields
            .subscriber()?
            .ok_or_else(|| fields.error("subscriber", Problem::Missing))?,
        filter: fields.under(filter)?,
        only_pages: fields.text("under")?.is_some(),
    })
}

/// The fields of a request, and where they stand in the payload.
struct Fields<'a> {
    place: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn of(place: &'a str, value: &'a Value) -> Result<Self, RequestError> {
        let fields = value
            .as_object()
            .ok_or_else(|| error(place, Problem::NotAnObject))?;
        Ok(Self { place, fields })
    }

    fn error(&self, field: &str, problem: Problem) -> RequestError {
        error(&format!("{}.{field}", self.place), problem)
    }

    fn only(&self, known: &[&str]) -> Result<(), RequestError> {
        match self
            .fields
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        {
            None => Ok(()),
            Some(other) => Err(self.error(other, Problem::UnknownField(known.join(", ")))),
        }
    }

    fn text(&self, field: &str) -> Result<Option<&'a str>, RequestError> {
        match self.fields.get(field) {
            None => Ok(None),
            Some(value) => self.text_of(field, value).map(Some),
        }
    }

    fn text_of(&self, field: &str, value: &'a Value) -> Result<&'a str, RequestError> {
        match value.as_str() {
            None => Err(self.error(field, Problem::NotText(value.clone()))),
            Some("") => Err(self.error(field, Problem::Empty)),
            Some(text) => Ok(text),
        }
    }

    fn time(&self, field: &str) -> Result<Option<Timestamp>, RequestError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| self.error(field, Problem::NotATime(text.to_owned())))
    }

    fn patterns(&self, field: &str) -> Result<Option<Vec<String>>, RequestError> {
        let Some(value) = self.fields.get(field) else {
            return Ok(None);
        };
        let list = value
            .as_array()
            .ok_or_else(|| self.error(field, Problem::NotAList(value.clone())))?;
        if list.is_empty() {
            return Err(self.error(field, Problem::Empty));
        }
        list.iter()
            .enumerate()
            .map(|(index, pattern)| {
                self.text_of(&format!("{field}[{index}]"), pattern)
                    .map(str::to_owned)
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn under(&self, filter: Filter) -> Result<Filter, RequestError> {
        let Some(path) = self.text("under")? else {
            return Ok(filter);
        };
        filter
            .under(path)
            .ok_or_else(|| self.error("under", Problem::NotAPath(path.to_owned())))
    }

    /// Whether there is such a subscriber only fan-out knows; this sees what can be none.
    fn subscriber(&self) -> Result<Option<String>, RequestError> {
        let Some(name) = self.text("subscriber")? else {
            return Ok(None);
        };
        let is_segment = |segment: &str| {
            !segment.is_empty()
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if name.split('/').all(is_segment) {
            Ok(Some(name.to_owned()))
        } else {
            Err(self.error("subscriber", Problem::NotASubscriber(name.to_owned())))
        }
    }
}

fn error(place: &str, problem: Problem) -> RequestError {
    RequestError {
        place: place.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(payload: Value) -> Result<Request, String> {
        Request::parse(&payload)
            .unwrap()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_replay_may_be_narrowed_in_every_way() {
        let filter = Filter::new(Some(vec!["wagtail.page.*".to_owned()]), None);
        assert_eq!(
            parse(json!({"replay": {
                "since": "2026-11-21T08:00:00Z", "until": "2026-11-21T10:00:00+01:00", "type": "wagtail.page.*",
                "subject": "page/4", "under": "/blog/", "subscriber": "team/search",
            }})),
            Ok(Request::Replay(Replay {
                since: Some("2026-11-21T08:00:00Z".parse().unwrap()),
                until: Some("2026-11-21T09:00:00Z".parse().unwrap()),
                subject: Some("page/4".to_owned()),
                filter: filter.under("/blog/").unwrap(),
                subscriber: Some("team/search".to_owned()),
            }))
        );
    }

    #[test]
    fn a_snapshot_needs_nothing_but_its_subscriber() {
        assert_eq!(
            parse(json!({"snapshot": {"subscriber": "search"}})),
            Ok(Request::Snapshot(Snapshot {
                subscriber: "search".to_owned(),
                filter: Filter::default(),
                only_pages: false,
            }))
        );
    }

    #[test]
    fn another_payload_is_no_request() {
        assert_eq!(Request::parse(&json!({"sweep": true})), None);
        assert_eq!(Request::parse(&json!(["replay"])), None);
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let replay = |fields: Value| json!({"replay": fields});
        let snapshot = |fields: Value| json!({"snapshot": fields});
        let name =
            "is not a subscriber's name, which is its parameter's below /<stack>/subscribers/";
        let cases = [
            (replay(json!(true)), "replay: is not an object of fields".to_owned()),
            (
                replay(json!({})),
                "replay: asks for everything; give at least one of since, until, type, subject and under".to_owned(),
            ),
            (
                replay(json!({"subscriber": "search"})),
                "replay: asks for everything; give at least one of since, until, type, subject and under".to_owned(),
            ),
            (
                json!({"replay": {"subject": "page/4"}, "dry_run": true}),
                "dry_run: can't stand beside replay".to_owned(),
            ),
            (
                replay(json!({"types": ["a"]})),
                "replay.types: is not a known field; there are since, until, type, subject, under, subscriber".to_owned(),
            ),
            (
                replay(json!({"since": "yesterday"})),
                r#"replay.since: "yesterday" is not a time such as 2026-11-21T08:00:00Z"#.to_owned(),
            ),
            (replay(json!({"until": 1})), "replay.until: 1 is not text".to_owned()),
            (
                replay(json!({"since": "2026-11-21T08:00:00Z", "until": "2026-11-21T08:00:00Z"})),
                "replay.until: is not after since".to_owned(),
            ),
            (replay(json!({"type": ""})), "replay.type: is empty".to_owned()),
            (
                replay(json!({"type": ["wagtail.*"]})),
                r#"replay.type: ["wagtail.*"] is not text"#.to_owned(),
            ),
            (
                replay(json!({"subject": "4"})),
                r#"replay.subject: "4" is not an object such as page/4"#.to_owned(),
            ),
            (
                replay(json!({"under": "blog/"})),
                r#"replay.under: "blog/" is not a path that begins with /"#.to_owned(),
            ),
            (
                replay(json!({"subject": "page/4", "subscriber": "/wagrun/subscribers/cdn"})),
                format!(r#"replay.subscriber: "/wagrun/subscribers/cdn" {name}"#),
            ),
            (snapshot(json!({})), "snapshot.subscriber: is missing".to_owned()),
            (
                snapshot(json!({"subscriber": "a b"})),
                format!(r#"snapshot.subscriber: "a b" {name}"#),
            ),
            (
                snapshot(json!({"subscriber": "a", "since": "2026-11-21T08:00:00Z"})),
                "snapshot.since: is not a known field; there are subscriber, types, content_types, under".to_owned(),
            ),
            (
                snapshot(json!({"subscriber": "a", "types": "wagtail.*"})),
                r#"snapshot.types: "wagtail.*" is not a list of patterns"#.to_owned(),
            ),
            (
                snapshot(json!({"subscriber": "a", "content_types": []})),
                "snapshot.content_types: is empty".to_owned(),
            ),
            (
                snapshot(json!({"subscriber": "a", "content_types": ["blog.*", 7]})),
                "snapshot.content_types[1]: 7 is not text".to_owned(),
            ),
        ];
        for (payload, expected) in cases {
            assert_eq!(parse(payload.clone()), Err(expected), "for {payload}");
        }
    }
}
