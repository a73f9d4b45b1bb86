//! The requests of a webhook.

use http::Method;
use serde_json::{Map, Value};

use crate::subscriber::definition::Schemes;
use crate::subscriber::invalid::Problem;
use crate::subscriber::parse::fields::{FieldError, fault, list, required_text, text};
use crate::subscriber::request::{Condition, Payload, Repetition, RequestTemplate, UrlTemplate};
use crate::subscriber::template::Template;

/// The fields of one request. Without `requests` all but the first stand in the parameter itself.
const FIELDS: [&str; 6] = [
    "when",
    "url",
    "method",
    "template",
    "for_each",
    "per_request",
];

/// The methods that a request may have. `PURGE` is that of caches.
const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "PURGE"];

/// Most values of one request. Services allow from 30 to 500 addresses.
const MAX_PER_REQUEST: u32 = 1000;

pub fn requests(
    fields: &Map<String, Value>,
    schemes: Schemes,
) -> Result<Vec<RequestTemplate>, FieldError> {
    const FIELD: &str = "requests";
    let Some(value) = fields.get(FIELD) else {
        return Ok(vec![request(fields, schemes)?]);
    };
    if let Some(beside) = FIELDS.iter().find(|field| fields.contains_key(**field)) {
        return Err(fault(beside, Problem::BesideRequests));
    }
    let requests = list(value, FIELD)?.into_iter().map(|(place, value)| {
        let Value::Object(fields) = value else {
            return Err((place, Problem::Not("a JSON object")));
        };
        let within = |(inner, problem)| (format!("{place}.{inner}"), problem);
        if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let problem = Problem::UnknownRequestField(FIELDS.join(", "));
            return Err(within(fault(unknown, problem)));
        }
        request(fields, schemes).map_err(within)
    });
    requests.collect()
}

fn request(fields: &Map<String, Value>, schemes: Schemes) -> Result<RequestTemplate, FieldError> {
    let for_each = for_each(fields)?;
    Ok(RequestTemplate {
        url: url(required_text(fields, "url")?, for_each.is_some(), schemes)?,
        when: when(fields)?,
        method: method(fields)?,
        payload: match fields.get("template") {
            None => Payload::Event,
            Some(Value::Null) => Payload::Nothing,
            Some(value) => Payload::Template(template(value, "template")?),
        },
        for_each,
    })
}

fn url(text: &str, is_repeated: bool, schemes: Schemes) -> Result<UrlTemplate, FieldError> {
    let template =
        UrlTemplate::parse(text, is_repeated).map_err(|problem| fault("url", problem))?;
    let url = template.sample();
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
    Ok(template)
}

fn when(fields: &Map<String, Value>) -> Result<Condition, FieldError> {
    const FIELD: &str = "when";
    match fields.get(FIELD) {
        None => Ok(Condition::default()),
        Some(Value::Object(places)) => Condition::parse(places)
            .map_err(|(place, problem)| (format!("{FIELD}{place}"), problem)),
        Some(_) => Err(fault(FIELD, Problem::Not("a JSON object"))),
    }
}

fn method(fields: &Map<String, Value>) -> Result<Method, FieldError> {
    const FIELD: &str = "method";
    let Some(value) = fields.get(FIELD) else {
        return Ok(Method::POST);
    };
    let text = text(value, FIELD)?;
    let known = METHODS.contains(&text);
    let method = known.then(|| Method::from_bytes(text.as_bytes()).ok());
    let unknown = || fault(FIELD, Problem::Not("POST, PUT, PATCH, DELETE or PURGE"));
    method.flatten().ok_or_else(unknown)
}

fn for_each(fields: &Map<String, Value>) -> Result<Option<Repetition>, FieldError> {
    const FIELD: &str = "for_each";
    let per_request = per_request(fields)?;
    let Some(value) = fields.get(FIELD) else {
        return match per_request {
            None => Ok(None),
            Some(_) => Err(fault(FIELD, Problem::Missing)),
        };
    };
    list(value, FIELD)?;
    Ok(Some(Repetition {
        values: template(value, FIELD)?,
        per_request,
    }))
}

fn per_request(fields: &Map<String, Value>) -> Result<Option<usize>, FieldError> {
    const FIELD: &str = "per_request";
    let (least, most) = (1, MAX_PER_REQUEST);
    let Some(value) = fields.get(FIELD) else {
        return Ok(None);
    };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    match number.filter(|number| (least..=most).contains(number)) {
        Some(number) => Ok(usize::try_from(number).ok()),
        None => Err(fault(FIELD, Problem::NotBetween { least, most })),
    }
}

fn template(value: &Value, field: &str) -> Result<Template, FieldError> {
    Template::parse(value).map_err(|(place, problem)| (format!("{field}{place}"), problem))
}
