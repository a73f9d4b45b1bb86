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
    /// The value is not JSON.
    #[error("is not JSON (line {line}, column {column})")]
    NotJson {
        /// The position, from 1.
        line: usize,
        /// The position, from 1.
        column: usize,
    },
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
    /// A filter in a template is unknown to this version.
    #[error("has the unknown filter {0:?}; this version has \"slack\"")]
    UnknownFilter(String),
}
