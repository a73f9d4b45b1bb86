//! The HTTP requests that a webhook makes of an event.
//!
//! Most webhooks make one: a POST of the event, or of the payload of a template. A webhook for a service with an API of its own may
//! choose among several by the state of the object, and may repeat one for each of several values.

mod condition;
mod url_template;

use std::collections::HashSet;

use http::Method;
use serde_json::Value;
use url::Url;

pub use self::condition::Condition;
use self::url_template::EACH;
pub use self::url_template::{UrlFault, UrlTemplate};
use super::template::{PayloadTooLong, Template};

/// Greatest size of all requests of one event together, in bytes. They are rendered before the first is sent, so that none is sent
/// when another cannot be made. An event may have a list of forty thousand values, each of which repeats a payload.
const MAX_TOTAL_BYTES: usize = 8 * 1024 * 1024;

/// A request as the parameter describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestTemplate {
    /// The events that it is for.
    pub when: Condition,
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: UrlTemplate,
    /// The body.
    pub payload: Payload,
    /// The values for which the request is repeated; none when it is made once.
    pub for_each: Option<Repetition>,
}

/// The body of a request as the parameter describes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// The event itself.
    Event,
    /// The payload of a template.
    Template(Template),
    /// No body, for `"template": null`.
    Nothing,
}

/// The values for which a request is repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Repetition {
    /// A list. Each of its values is once in `${each}`.
    pub values: Template,
    /// The most values of one request, which has them as a list in `${each}`; none when each request has one value.
    pub per_request: Option<usize>,
}

/// A request of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedRequest<'a> {
    /// The method.
    pub method: Method,
    /// The URL. Scheme, host and port are those of the parameter.
    pub url: Url,
    /// The body, if the request has one.
    pub body: Option<Body<'a>>,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// The event's JSON as it is.
    Event(&'a str),
    /// The JSON of a template.
    Payload(String),
}

/// The event gives no request.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The event is not JSON.
    #[error("cannot read the event for the subscriber's request")]
    Json(#[from] serde_json::Error),
    /// The payload is too long.
    #[error(transparent)]
    Payload(#[from] PayloadTooLong),
    /// The request is repeated too often for its size.
    #[error("the requests for the event have more than {MAX_TOTAL_BYTES} bytes together")]
    RequestsTooLong,
    /// The URL lacks a value.
    #[error(transparent)]
    Url(#[from] UrlFault),
}

impl RenderedRequest<'_> {
    /// Returns the size of the URL and of the body in memory. The event itself is there once for all requests.
    fn size(&self) -> usize {
        let body = match &self.body {
            Some(Body::Payload(text)) => text.len(),
            Some(Body::Event(_)) | None => 0,
        };
        self.url.as_str().len() + body
    }
}

impl Body<'_> {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Event(text) => text,
            Self::Payload(text) => text,
        }
    }

    /// Returns the text, for the connection.
    pub fn into_text(self) -> String {
        match self {
            Self::Event(text) => text.to_owned(),
            Self::Payload(text) => text,
        }
    }

    /// Returns the media type.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Event(_) => "application/cloudevents+json",
            Self::Payload(_) => "application/json",
        }
    }
}

/// Returns the requests that an event makes, in their order. There are none when no request is for the event, or when it has none of
/// the values that a request is repeated for.
pub fn render<'a>(
    requests: &[RequestTemplate],
    event: &'a str,
) -> Result<Vec<RenderedRequest<'a>>, RenderError> {
    let parsed: Value = serde_json::from_str(event)?;
    match requests.iter().find(|request| request.when.holds(&parsed)) {
        Some(request) => request.render(event, parsed),
        None => Ok(Vec::new()),
    }
}

impl RequestTemplate {
    /// Returns true when the request is a POST of the event as it is, to one URL.
    pub fn posts_events(&self) -> bool {
        let is_fixed = self.when == Condition::default() && self.url.is_fixed();
        is_fixed && self.method == Method::POST && self.payload == Payload::Event
    }

    fn render<'a>(
        &self,
        event: &'a str,
        mut parsed: Value,
    ) -> Result<Vec<RenderedRequest<'a>>, RenderError> {
        let Some(repetition) = &self.for_each else {
            return Ok(vec![self.one(event, &parsed)?]);
        };
        let mut requests = Vec::new();
        let mut bytes = 0;
        for each in repetition.values(&parsed)? {
            parsed[EACH] = each;
            let request = self.one(event, &parsed)?;
            bytes += request.size();
            if bytes > MAX_TOTAL_BYTES {
                return Err(RenderError::RequestsTooLong);
            }
            requests.push(request);
        }
        Ok(requests)
    }

    fn one<'a>(&self, event: &'a str, parsed: &Value) -> Result<RenderedRequest<'a>, RenderError> {
        let body = match &self.payload {
            Payload::Event => Some(Body::Event(event)),
            Payload::Template(template) => Some(Body::Payload(template.render(parsed)?)),
            Payload::Nothing => None,
        };
        Ok(RenderedRequest {
            method: self.method.clone(),
            url: self.url.render(parsed)?,
            body,
        })
    }
}

impl Repetition {
    /// Returns the value of `${each}` for each request. No value is there twice, and none is `null`.
    fn values(&self, event: &Value) -> Result<Vec<Value>, RenderError> {
        let all: Vec<Value> = serde_json::from_str(&self.values.render(event)?)?;
        let mut known = HashSet::new();
        let is_new = |value: &Value| !value.is_null() && known.insert(value.clone());
        let values: Vec<Value> = all.into_iter().filter(is_new).collect();
        let Some(most) = self.per_request else {
            return Ok(values);
        };
        let chunks = values.chunks(most);
        Ok(chunks.map(|chunk| Value::Array(chunk.to_vec())).collect())
    }
}

#[cfg(test)]
mod tests;
