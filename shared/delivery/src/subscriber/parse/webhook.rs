//! The fields of a webhook.

mod requests;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::fields::{FieldError, fault, required, text, texts};
use crate::subscriber::definition::{Schemes, Webhook};
use crate::subscriber::invalid::Problem;
use crate::subscriber::request::Payload;
use crate::subscriber::secret::Secret;

/// The fields of a webhook besides those of every subscriber.
pub const FIELDS: [&str; 8] = [
    "url",
    "secrets",
    "headers",
    "template",
    "method",
    "for_each",
    "per_request",
    "requests",
];

/// Headers that deliver sets, and those of the connection (RFC 9110, section 7.6.1).
const OWN_HEADERS: [&str; 14] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

pub fn webhook(fields: &Map<String, Value>, schemes: Schemes) -> Result<Webhook, FieldError> {
    let requests = requests::requests(fields, schemes)?;
    // A receiver with a payload of its own may not know Standard Webhooks.
    let sends_events = requests
        .iter()
        .any(|request| request.payload == Payload::Event);
    let secrets = if sends_events || fields.contains_key("secrets") {
        secrets(required(fields, "secrets")?)?
    } else {
        Vec::new()
    };
    Ok(Webhook {
        requests,
        secrets,
        headers: headers(fields)?,
    })
}

fn secrets(value: &Value) -> Result<Vec<Secret>, FieldError> {
    texts(value, "secrets")?
        .into_iter()
        .map(|(place, text)| Secret::parse(text).map_err(|problem| (place, problem)))
        .collect()
}

fn headers(fields: &Map<String, Value>) -> Result<HeaderMap, FieldError> {
    let mut headers = HeaderMap::new();
    let Some(value) = fields.get("headers") else {
        return Ok(headers);
    };
    let Value::Object(named) = value else {
        return Err(fault("headers", Problem::Not("a JSON object")));
    };
    for (name, value) in named {
        let place = format!("headers.{name}");
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(fault(&place, Problem::Not("the name of a header")));
        };
        if OWN_HEADERS.contains(&name.as_str()) {
            return Err(fault(&place, Problem::OwnHeader));
        }
        let Ok(mut value) = HeaderValue::from_str(text(value, &place)?) else {
            return Err(fault(&place, Problem::Not("the value of a header")));
        };
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}
