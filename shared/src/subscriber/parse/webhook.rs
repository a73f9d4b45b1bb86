//! The fields of a webhook.

use serde_json::{Map, Value};
use url::Url;

use super::fields::{Fault, fault, required, required_text, texts};
use crate::subscriber::{Problem, Schemes, Secret, Webhook};

/// What a webhook has besides the fields of every subscriber.
pub const FIELDS: [&str; 2] = ["url", "secrets"];

pub fn webhook(fields: &Map<String, Value>, schemes: Schemes) -> Result<Webhook, Fault> {
    Ok(Webhook {
        url: url(required_text(fields, "url")?, schemes)?,
        secrets: texts(required(fields, "secrets")?, "secrets")?
            .into_iter()
            .map(|(place, text)| Secret::parse(text).map_err(|problem| (place, problem)))
            .collect::<Result<_, _>>()?,
    })
}

fn url(text: &str, schemes: Schemes) -> Result<Url, Fault> {
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
