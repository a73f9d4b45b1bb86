//! The errors of requests to the admin.

use std::str::FromStr;

use reqwest::{StatusCode, Url};

/// A request to the admin failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The admin did not answer.
    #[error("{request}: no answer")]
    Request {
        /// The method and path.
        request: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The path does not form a URL.
    #[error("{path:?} does not form a URL below the site's root")]
    Address {
        /// The path.
        path: String,
        /// The cause.
        source: <Url as FromStr>::Err,
    },
    /// The admin refused: it answered with an error page, with the form again, or with another redirect.
    #[error("{request}: the admin answered {}: {page}", answer(status, location.as_deref()))]
    Refused {
        /// The method and path.
        request: String,
        /// The HTTP status, which is 200 for the form with its errors.
        status: StatusCode,
        /// The address of the redirect. It is `/admin/` without permission, and for a page that is locked, for example by a
        /// scheduled publication.
        location: Option<String>,
        /// The error messages of the page, or the beginning of its text.
        page: String,
    },
    /// The page does not contain an expected element.
    #[error("{request}: the page has no {missing}: {page}")]
    Missing {
        /// The method and path.
        request: String,
        /// The expected element.
        missing: &'static str,
        /// The messages of the page, or the beginning of its text.
        page: String,
    },
}

impl AdminError {
    pub(super) fn request(request: impl Into<String>, source: reqwest::Error) -> Self {
        Self::Request {
            request: request.into(),
            source,
        }
    }
}

fn answer(status: &StatusCode, location: Option<&str>) -> String {
    match location {
        Some(location) => format!("{status} to {location}"),
        None => status.to_string(),
    }
}
