//! The faults of a subscriber's parameter. No error contains the value of a URL or a secret.

use std::fmt;

/// A parameter that is not a valid subscriber.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("subscriber {parameter}: {place}{problem}")]
pub struct InvalidSubscriber {
    /// The parameter's whole name.
    pub parameter: String,
    /// The field with the fault.
    pub place: FieldPath,
    /// The fault.
    pub problem: Problem,
}

/// A part of a valid subscriber's filter that matches nothing, or hardly anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// The field.
    pub place: FieldPath,
    /// The fault.
    pub problem: Problem,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.place, self.problem)
    }
}

/// A field of the parameter's JSON, such as `url` or `secrets[1]`; empty for the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(pub String);

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(formatter, "{}: ", self.0)
    }
}

const TARGETS: &str = r#""webhook", "eventbridge", "cloudfront""#;

/// A fault of a field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Parameter Store does not hand out the value.
    #[error("cannot be read; a parameter under a KMS key of your own is not supported")]
    Unreadable,
    /// The value is not JSON.
    #[error("is not JSON (line {line}, column {column})")]
    NotJson {
        /// The position, from 1.
        line: usize,
        /// The position, from 1.
        column: usize,
    },
    /// The value begins with a byte order mark, as some editors write it.
    #[error("begins with a byte order mark (U+FEFF); save the file as UTF-8 without one")]
    ByteOrderMark,
    /// The value is JSON, but not an object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// A required field is missing.
    #[error("is missing")]
    Missing,
    /// The field does not exist for this target.
    #[error("is not a known field; target {target:?} has {known}")]
    UnknownField {
        /// The subscriber's target.
        target: String,
        /// The fields of this target.
        known: String,
    },
    /// The target is unknown to this version.
    #[error("unknown target {0:?}; this version supports {TARGETS}")]
    UnknownTarget(String),
    /// The value has another type.
    #[error("is not {0}")]
    Not(&'static str),
    /// The text or the list is empty.
    #[error("is empty")]
    Empty,
    /// The text is not a URL.
    #[error("is not a URL ({0})")]
    NotAUrl(url::ParseError),
    /// The URL is neither https nor, where that is allowed, http.
    #[error("has the scheme {0:?}, which is not https")]
    Scheme(String),
    /// The URL carries a user name or a password.
    #[error("carries a user name or password")]
    Credentials,
    /// The path is a whole URL.
    #[error("is a URL; it must be the path alone, {path:?}")]
    UrlForPath {
        /// The URL's path.
        path: String,
    },
    /// The path has a star, as patterns have.
    #[error("has a *, which no URL path has; pages below a path match without it")]
    StarInPath,
    /// The pattern matches no type that an event can have.
    #[error("{pattern:?} matches no type of event; the closest is {closest:?}")]
    NoSuchType {
        /// The pattern.
        pattern: String,
        /// The type that is most like it.
        closest: String,
    },
    /// The pattern has no dot, as the content types of models have.
    #[error(
        "{0:?} has no app; a content type is app.model, such as {example:?}, and only a table that is watched by its name has none",
        example = format!("blog.{}", .0.to_ascii_lowercase())
    )]
    NoApp(String),
    /// Only pages have a path, and the types are those of other objects.
    #[error("matches nothing beside these types, because only pages have a path")]
    UnderWithoutPages,
    /// Only content has a content type, and the types are those of other events.
    #[error("matches nothing beside these types, whose events have no content type")]
    ContentTypesWithoutContent,
    /// The secret is not in the form of Standard Webhooks.
    #[error("is not whsec_ or whsk_ followed by base64")]
    NotASecret,
    /// The key is outside what Standard Webhooks allows.
    #[error("holds {0} bytes, not 24 to 64")]
    KeyLength(usize),
    /// The key is the public half of a key pair, which is the receiver's.
    #[error("is a public key, which verifies; the secret key (whsk_) signs")]
    PublicKey,
    /// The key is not an ed25519 key.
    #[error("holds {0} bytes, not 32 (a secret key) or 64 (with its public key)")]
    KeyPairLength(usize),
    /// The two halves do not belong together.
    #[error("holds a secret and a public key that don't belong together")]
    KeyPair,
    /// The number is outside its range.
    #[error("is not a whole number from {least} to {most}")]
    NotBetween {
        /// The smallest allowed number.
        least: u32,
        /// The largest allowed number.
        most: u32,
    },
    /// The schedule has more delays than the queue has attempts.
    #[error(
        "has {waits} waits, but the delivery queue gives up after {attempts} attempts (DeliveryMaxAttempts)"
    )]
    TooManyWaits {
        /// Number of delays.
        waits: usize,
        /// Number of attempts that the queue allows.
        attempts: u32,
    },
    /// The header is set by deliver or by the connection.
    #[error("is a header that deliver sets itself")]
    OwnHeader,
    /// A `${` in a template has no end.
    #[error("has a ${{ without its }}")]
    OpenPlaceholder,
    /// A placeholder in a template has no valid path.
    #[error("has ${{{0}}}, which is not a path such as ${{data.title}}")]
    NotAPath(String),
    /// A `${...path}` stands for several values, which only a list can hold.
    #[error("has a ${{...}} that is not an element of a list")]
    SpreadOutsideList,
    /// A placeholder would decide which receiver is called.
    #[error("has a placeholder before its path; scheme, host and port are fixed")]
    PlaceholderInHost,
    /// No event has the placeholder's value, which the URL cannot do without.
    #[error("has ${{{0}}}, which no event has; the fields of an object are under data")]
    NotInEvents(String),
    /// The field belongs to one of the requests.
    #[error("stands beside requests, of which each has its own")]
    BesideRequests,
    /// A request has no such field.
    #[error("is not a known field; a request has {0}")]
    UnknownRequestField(String),
    /// A filter in a template is unknown to this version.
    #[error("has the unknown filter {0:?}; this version has \"slack\", \"host\", \"path\"")]
    UnknownFilter(String),
}
