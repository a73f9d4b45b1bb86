//! Images of the site, as the release knows them and as people name them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An image, identified by its digest, which never means another image. The tag is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The digest, `sha256:…`.
    pub digest: String,
    /// The tag of the push or of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// An image that was pushed, or requested by hand. The newest request wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedImage {
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// The time of the push or of the request.
    pub requested_at: Timestamp,
}

/// A reference to an image by tag, by digest, or by both. The digest decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageReference {
    /// The tag. Beside a digest it is only for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest, `sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Image {
    /// Returns the beginning of the digest, which is enough for people.
    pub fn short_digest(&self) -> &str {
        const LENGTH: usize = "sha256:".len() + 12;
        self.digest.get(..LENGTH).unwrap_or(&self.digest)
    }

    /// Returns `<repository>@<digest>`, by which AWS pulls the image.
    pub fn uri(&self, repository: &str) -> String {
        format!("{repository}@{}", self.digest)
    }
}
