//! What can be wrong with a subscriber's parameter; never says the value of a URL or a secret.

use std::fmt;

/// A parameter that is no subscriber, and where in it the fault is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("subscriber {parameter}: {place}{problem}")]
pub struct InvalidSubscriber {
    /// The parameter's whole name.
    pub parameter: String,
    /// The field, with its index where it is a list.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
}

/// A place in the parameter's JSON: empty for the whole, `url`, `secrets[1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(pub String);

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(formatter, "{}: ", self.0)
    }
}

const TARGETS: &str = r#""webhook", "eventbridge", "cloudfront""#;

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The value does not parse.
    #[error("is not JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// The value is JSON of another kind.
    #[error("is not a JSON object")]
    NotAnObject,
    /// A field that must be there is not.
    #[error("is missing")]
    Missing,
    /// A field that nothing reads.
    #[error("is not a known field; target {target:?} has {known}")]
    UnknownField {
        /// The subscriber's target.
        target: String,
        /// The fields that go with it.
        known: String,
    },
    /// A target that this version does not deliver to.
    #[error("unknown target {0:?}; this version supports {TARGETS}")]
    UnknownTarget(String),
    /// The value is of another kind.
    #[error("is not {0}")]
    Not(&'static str),
    /// Text or a list with nothing in it.
    #[error("is empty")]
    Empty,
    /// The URL does not parse.
    #[error("is not a URL ({0})")]
    NotAUrl(url::ParseError),
    /// The URL is neither https nor, where that is allowed, http.
    #[error("has the scheme {0:?}, which is not https")]
    Scheme(String),
    /// The URL carries a user name or a password.
    #[error("carries a user name or password")]
    Credentials,
    /// The secret is not in the form of Standard Webhooks.
    #[error("is not whsec_ or whsk_ followed by base64")]
    NotASecret,
    /// The key is outside what Standard Webhooks allows.
    #[error("holds {0} bytes, not 24 to 64")]
    KeyLength(usize),
    /// The receiver's half of a key pair.
    #[error("is a public key, which verifies; the secret key (whsk_) signs")]
    PublicKey,
    /// The key is no ed25519 key.
    #[error("holds {0} bytes, not 32 (a secret key) or 64 (with its public key)")]
    KeyPairLength(usize),
    /// Two keys that are not each other's.
    #[error("holds a secret and a public key that don't belong together")]
    KeyPair,
    /// A number outside its range.
    #[error("is not a whole number from {least} to {most}")]
    NotBetween {
        /// The least that is allowed.
        least: u32,
        /// The most that is allowed.
        most: u32,
    },
    /// More waits than the queue lets a delivery have.
    #[error(
        "has {waits} waits, but the delivery queue gives up after {attempts} attempts (DeliveryMaxAttempts)"
    )]
    TooManyWaits {
        /// How many waits there are.
        waits: usize,
        /// How many attempts the queue allows.
        attempts: u32,
    },
    /// A header that the delivery has anyway, or that is the connection's own.
    #[error("is a header that deliver sets itself")]
    OwnHeader,
    /// A `${` in a template without its end.
    #[error("has a ${{ without its }}")]
    OpenPlace,
    /// A place in a template that leads nowhere.
    #[error("has ${{{0}}}, which is not a path such as ${{data.title}}")]
    NotAPath(String),
    /// A filter in a template that this version does not have.
    #[error("has the unknown filter {0:?}; this version has \"slack\"")]
    UnknownFilter(String),
}
