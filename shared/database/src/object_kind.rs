//! The kinds of objects that wagrun watches.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of an object, as stored in `kind` of `wagrun.watched_table`, `wagrun.outbox` and `wagrun.event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// A Wagtail page.
    Page,
    /// A Wagtail image.
    Image,
    /// A Wagtail document.
    Document,
    /// An instance of a model that is registered as a Wagtail snippet.
    Snippet,
    /// A row of a table that the operator named in `WATCHED_TABLES`.
    Table,
}

/// A text that names no kind of object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of object: page, image, document, snippet or table")]
pub struct UnknownKindError(String);

impl ObjectKind {
    /// Returns the name of the kind as the database stores it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Image => "image",
            Self::Document => "document",
            Self::Snippet => "snippet",
            Self::Table => "table",
        }
    }

    /// Returns true for an object whose visibility events say.
    pub fn has_visibility(self) -> bool {
        matches!(self, Self::Page | Self::Document)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl TryFrom<String> for ObjectKind {
    type Error = UnknownKindError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "page" => Ok(Self::Page),
            "image" => Ok(Self::Image),
            "document" => Ok(Self::Document),
            "snippet" => Ok(Self::Snippet),
            "table" => Ok(Self::Table),
            _ => Err(UnknownKindError(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_name() {
        for kind in [
            ObjectKind::Page,
            ObjectKind::Image,
            ObjectKind::Document,
            ObjectKind::Snippet,
            ObjectKind::Table,
        ] {
            assert_eq!(ObjectKind::try_from(kind.to_string()), Ok(kind));
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let error = ObjectKind::try_from("form".to_owned()).unwrap_err();
        assert!(error.to_string().starts_with("\"form\" is not a kind"));
    }
}
