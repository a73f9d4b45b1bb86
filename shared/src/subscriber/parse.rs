//! From a parameter's JSON to a [`Subscriber`], with errors that name the parameter and the place.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use url::Url;

use super::{
    Filter, InvalidSubscriber, Problem, Schemes, Secret, Subscriber, Target, Webhook,
    invalid::Place,
};

const FIELDS: [&str; 7] = [
    "target",
    "url",
    "secrets",
    "types",
    "content_types",
    "under",
    "enabled",
];

type Fault = (String, Problem);

impl Subscriber {
    /// Reads the JSON of a parameter; the first fault found is the error.
    pub fn parse(
        name: &str,
        parameter: &str,
        json: &str,
        schemes: Schemes,
    ) -> Result<Self, InvalidSubscriber> {
        subscriber(name, json, schemes).map_err(|(place, problem)| InvalidSubscriber {
            parameter: parameter.to_owned(),
            place: Place(place),
            problem,
        })
    }
}

fn subscriber(name: &str, json: &str, schemes: Schemes) -> Result<Subscriber, Fault> {
    let value = serde_json::from_str(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        (String::new(), Problem::NotJson { line, column })
    })?;
    let Value::Object(fields) = value else {
        return Err((String::new(), Problem::NotAnObject));
    };
    // The target comes first: it decides which other fields there are.
    let target = text(required(&fields, "target")?, "target")?;
    if target != "webhook" {
        return Err(fault("target", Problem::UnknownTarget(target.to_owned())));
    }
    if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(fault(unknown, Problem::UnknownField(FIELDS.join(", "))));
    }
    let webhook = Webhook {
        url: url(text(required(&fields, "url")?, "url")?, schemes)?,
        secrets: texts(required(&fields, "secrets")?, "secrets")?
            .into_iter()
            .map(|(place, text)| secret(text).map_err(|problem| (place, problem)))
            .collect::<Result<_, _>>()?,
    };
    Ok(Subscriber {
        name: name.to_owned(),
        target: Target::Webhook(webhook),
        filter: filter(&fields)?,
        enabled: match fields.get("enabled") {
            None => true,
            Some(Value::Bool(enabled)) => *enabled,
            Some(_) => return Err(fault("enabled", Problem::Not("true or false"))),
        },
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

fn secret(text: &str) -> Result<Secret, Problem> {
    let key = text
        .strip_prefix("whsec_")
        .and_then(|base64| BASE64_STANDARD.decode(base64).ok())
        .ok_or(Problem::NotASecret)?;
    if !(24..=64).contains(&key.len()) {
        return Err(Problem::KeyLength(key.len()));
    }
    Ok(Secret(key))
}

fn filter(fields: &Map<String, Value>) -> Result<Filter, Fault> {
    let patterns = |field| {
        let Some(value) = fields.get(field) else {
            return Ok(None);
        };
        let patterns = texts(value, field)?.into_iter().map(|(_, text)| text);
        Ok(Some(patterns.map(str::to_owned).collect()))
    };
    let filter = Filter::new(patterns("types")?, patterns("content_types")?);
    let Some(under) = fields.get("under") else {
        return Ok(filter);
    };
    filter
        .under(text(under, "under")?)
        .ok_or_else(|| fault("under", Problem::Not("a path that begins with /")))
}

fn required<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a Value, Fault> {
    fields
        .get(field)
        .ok_or_else(|| fault(field, Problem::Missing))
}

fn text<'a>(value: &'a Value, place: &str) -> Result<&'a str, Fault> {
    match value.as_str() {
        None => Err(fault(place, Problem::Not("text"))),
        Some("") => Err(fault(place, Problem::Empty)),
        Some(text) => Ok(text),
    }
}

/// The texts of a list that has at least one, each with its place.
fn texts<'a>(value: &'a Value, field: &str) -> Result<Vec<(String, &'a str)>, Fault> {
    let list = value
        .as_array()
        .ok_or_else(|| fault(field, Problem::Not("a list")))?;
    if list.is_empty() {
        return Err(fault(field, Problem::Empty));
    }
    list.iter()
        .enumerate()
        .map(|(index, value)| {
            let place = format!("{field}[{index}]");
            text(value, &place).map(|text| (place.clone(), text))
        })
        .collect()
}

fn fault(place: &str, problem: Problem) -> Fault {
    (place.to_owned(), problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn parse(json: &str) -> Result<Subscriber, String> {
        Subscriber::parse("cdn", "/wagrun/subscribers/cdn", json, Schemes::HttpsOnly)
            .map_err(|error| error.to_string())
    }

    fn webhook(rest: &str) -> String {
        format!(
            r#"{{"target":"webhook","url":"https://example.org/in","secrets":["{SECRET}"]{rest}}}"#
        )
    }

    #[test]
    fn the_smallest_subscriber_receives_everything() {
        let subscriber = parse(&webhook("")).unwrap();
        let Target::Webhook(target) = &subscriber.target;
        assert_eq!(subscriber.name, "cdn");
        assert_eq!(target.url.as_str(), "https://example.org/in");
        assert_eq!(target.secrets[0].key().len(), 24);
        assert_eq!(subscriber.filter, Filter::default());
        assert!(subscriber.enabled);
    }

    #[test]
    fn a_subscriber_can_be_disabled() {
        assert!(!parse(&webhook(r#","enabled":false"#)).unwrap().enabled);
    }

    #[test]
    fn http_is_taken_only_where_it_is_allowed() {
        let json = webhook("").replace("https:", "http:");
        assert_eq!(
            parse(&json).unwrap_err(),
            r#"subscriber /wagrun/subscribers/cdn: url: has the scheme "http", which is not https"#
        );
        assert!(Subscriber::parse("cdn", "cdn", &json, Schemes::HttpOrHttps).is_ok());
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let filters = |rest: &str| webhook(&format!(",{rest}"));
        let url = |url: &str| webhook("").replace("https://example.org/in", url);
        let secrets = |list: &str| webhook("").replace(&format!("[\"{SECRET}\"]"), list);
        let second = |secret: &str| secrets(&format!(r#"["{SECRET}","{secret}"]"#));
        let cases = [
            (String::new(), "is not JSON (line 1, column 0)"),
            ("{\n\"target\":}".into(), "is not JSON (line 2, column 10)"),
            ("[]".into(), "is not a JSON object"),
            ("{}".into(), "target: is missing"),
            (r#"{"target":1}"#.into(), "target: is not text"),
            (
                r#"{"target":"cloudfront","distribution":"E1"}"#.into(),
                r#"target: unknown target "cloudfront"; this version supports "webhook""#,
            ),
            (
                r#"{"target":"slack"}"#.into(),
                r#"target: unknown target "slack"; this version supports "webhook""#,
            ),
            (r#"{"target":"webhook"}"#.into(), "url: is missing"),
            (
                filters(r#""type":["a"]"#),
                "type: is not a known field; a webhook has target, url, secrets, types, content_types, under, enabled",
            ),
            (url(""), "url: is empty"),
            (
                url("example.org/in"),
                "url: is not a URL (relative URL without a base)",
            ),
            (
                url("ftp://example.org/"),
                r#"url: has the scheme "ftp", which is not https"#,
            ),
            (
                url("https://me:hidden@example.org/"),
                "url: carries a user name or password",
            ),
            (
                r#"{"target":"webhook","url":"https://example.org/"}"#.into(),
                "secrets: is missing",
            ),
            (secrets("\"whsec_x\""), "secrets: is not a list"),
            (secrets("[]"), "secrets: is empty"),
            (secrets("[1]"), "secrets[0]: is not text"),
            (
                second("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                "secrets[1]: is not whsec_ followed by base64",
            ),
            (
                second("whsec_hidden!"),
                "secrets[1]: is not whsec_ followed by base64",
            ),
            (
                second("whsec_aGlkZGVu"),
                "secrets[1]: holds 6 bytes, not 24 to 64",
            ),
            (filters(r#""types":"a""#), "types: is not a list"),
            (filters(r#""types":[]"#), "types: is empty"),
            (filters(r#""types":["a",""]"#), "types[1]: is empty"),
            (
                filters(r#""content_types":[null]"#),
                "content_types[0]: is not text",
            ),
            (filters(r#""under":["/a/"]"#), "under: is not text"),
            (
                filters(r#""under":"blog/""#),
                "under: is not a path that begins with /",
            ),
            (
                filters(r#""under":"/blog/?page=2""#),
                "under: is not a path that begins with /",
            ),
            (
                filters(r#""enabled":"yes""#),
                "enabled: is not true or false",
            ),
        ];
        for (json, expected) in cases {
            let error = parse(&json).unwrap_err();
            assert_eq!(
                error,
                format!("subscriber /wagrun/subscribers/cdn: {expected}"),
                "for {json}"
            );
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn debug_output_holds_neither_secret_nor_url() {
        let shown = format!("{:?}", parse(&webhook("")).unwrap());
        assert!(!shown.contains("/in"), "{shown}");
        assert!(shown.contains("secrets: 1"), "{shown}");
    }
}
