//! The requests that an operator or the schedule invokes the function with.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::image::ImageReference;

/// A request: `{"deploy": …}`, `{"status": true}` or `{"check": true}`.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Queues the release of an image.
    Deploy(ImageReference),
    /// Returns the state.
    Status,
    /// Queues a check of the release under way.
    Check,
}

/// The request for a release: `{"deploy": {"tag": …}}` or `{"deploy": {"digest": …}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployRequest {
    /// The image to release.
    #[serde(deserialize_with = "from_object")]
    pub deploy: ImageReference,
}

/// The payload is not a request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A field is missing, unknown or of another type.
    #[error("cannot read the request")]
    Malformed(#[from] serde_json::Error),
    /// The payload has none of the known fields.
    #[error(r#"expected {{"deploy": …}}, {{"status": true}} or {{"check": true}}"#)]
    Unknown,
}

impl Request {
    /// Reads the payload of an invocation.
    pub fn parse(payload: &Value) -> Result<Self, RequestError> {
        if payload.get("status").is_some() {
            Ok(Self::Status)
        } else if payload.get("deploy").is_some() {
            Ok(Self::Deploy(DeployRequest::deserialize(payload)?.deploy))
        } else if payload.get("check").is_some() {
            Ok(Self::Check)
        } else {
            Err(RequestError::Unknown)
        }
    }
}

/// Reads an image from an object alone. serde also takes a list for a struct, by the positions of its values.
fn from_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ImageReference, D::Error> {
    let fields = Map::deserialize(deserializer)?;
    ImageReference::deserialize(Value::Object(fields)).map_err(serde::de::Error::custom)
}
