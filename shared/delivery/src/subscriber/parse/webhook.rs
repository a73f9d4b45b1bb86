//! The fields of a webhook.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use super::fields::{FieldError, fault, required, required_text, text, texts};
use crate::subscriber::definition::{Schemes, Webhook};
use crate::subscriber::invalid::Problem;
use crate::subscriber::secret::Secret;
use crate::subscriber::template::Template;

/// The fields of a webhook besides those of every subscriber.
pub const FIELDS: [&str; 4] = ["url", "secrets", "headers", "template"];

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
    let url = url(required_text(fields, "url")?, schemes)?;
    let template = template(fields)?;
    let secrets = if template.is_some() && !fields.contains_key("secrets") {
        Vec::new()
    } else {
        secrets(required(fields, "secrets")?)?
    };
    Ok(Webhook {
        url,
        secrets,
        headers: headers(fields)?,
        template,
    })
}

fn url(text: &str, schemes: Schemes) -> Result<Url, FieldError> {
    let url = Url::parse(text).map_err(|error| fault("url", Problem::NotAUrl(error)))?;
    let allowed = match url.scheme() {
        "https" => true,
        "http" => schemes == Schemes::HttpOrHttps,
        _ => false,
    };
    if !allowed {
        let scheme = url.scheme().to_owned();
        return Err(fault("url", Problem::Scheme(scheme)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("url", Problem::Credentials));
    }
    Ok(url)
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

fn template(fields: &Map<String, Value>) -> Result<Option<Template>, FieldError> {
    let Some(value) = fields.get("template") else {
        return Ok(None);
    };
    Template::parse(value)
        .map(Some)
        .map_err(|(place, problem)| (format!("template{place}"), problem))
}
