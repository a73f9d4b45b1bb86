//! Why the admin did not do what was asked.

use std::str::FromStr;

use reqwest::{StatusCode, Url};

/// Names the request, and what the page said where there was one.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No answer came.
    #[error("{request}: no answer")]
    Request {
        /// Method and path.
        request: String,
        /// Why.
        source: reqwest::Error,
    },
    /// A path that does not make an address.
    #[error("{path:?} is no address below the site's root")]
    Address {
        /// The path.
        path: String,
        /// Why.
        source: <Url as FromStr>::Err,
    },
    /// The admin answered with an error page, or with the form again, or sent the browser elsewhere.
    #[error("{request}: the admin answered {}: {page}", answer(status, location.as_deref()))]
    Refused {
        /// Method and path.
        request: String,
        /// 200 where the form came back with its errors.
        status: StatusCode,
        /// Where the browser was sent instead: `/admin/` for lack of permission, and for a page that is locked, as one
        /// with a scheduled publication is.
        location: Option<String>,
        /// The page's error messages, or the beginning of its text.
        page: String,
    },
    /// The admin answered well, but the page lacks what was looked for.
    #[error("{request}: the page has no {missing}: {page}")]
    Missing {
        /// Method and path.
        request: String,
        /// What was looked for.
        missing: &'static str,
        /// The page's messages, or the beginning of its text.
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
