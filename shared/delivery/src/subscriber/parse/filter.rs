//! The filter of a subscriber, with what it can never match.

use serde_json::{Map, Value};
use url::Url;
use wagrun_event::filter::{Contradiction, Filter, closest_type, is_possible_type};

use super::fields::{FieldError, fault, text, texts};
use crate::subscriber::invalid::{FieldPath, Problem, Warning};

/// Returns the filter, and a warning for each pattern that matches nothing beside others that match.
///
/// # Errors
/// A filter that can match nothing at all is an error.
pub fn filter(fields: &Map<String, Value>) -> Result<(Filter, Vec<Warning>), FieldError> {
    let types = patterns(fields, "types")?;
    let content_types = patterns(fields, "content_types")?;
    let mut warnings = warnings(&types, |pattern| {
        (!is_possible_type(pattern)).then(|| Problem::NoSuchType {
            pattern: pattern.to_owned(),
            closest: closest_type(pattern),
        })
    });
    if !warnings.is_empty() && warnings.len() == types.len() {
        let Warning { place, problem } = warnings.remove(0);
        return Err((place.0, problem));
    }
    warnings.extend(self::warnings(&content_types, |pattern| {
        // A table that is watched by its name has a content type without a dot, so this is no error.
        let has_no_app = !pattern.contains(['.', '*']);
        has_no_app.then(|| Problem::NoApp(pattern.to_owned()))
    }));
    let filter = narrowed(Filter::new(values(types), values(content_types)), fields)?;
    match filter.contradiction() {
        None => Ok((filter, warnings)),
        Some(Contradiction::UnderWithoutPages) => Err(fault("under", Problem::UnderWithoutPages)),
        Some(Contradiction::ContentTypesWithoutContent) => {
            let problem = Problem::ContentTypesWithoutContent;
            Err(fault("content_types", problem))
        }
    }
}

/// Patterns, each with its place.
type Patterns<'a> = Vec<(String, &'a str)>;

/// Returns the patterns of a field; none when it is absent, and at least one when it is there.
fn patterns<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<Patterns<'a>, FieldError> {
    match fields.get(field) {
        None => Ok(Vec::new()),
        Some(value) => texts(value, field),
    }
}

fn values(patterns: Patterns<'_>) -> Option<Vec<String>> {
    let values: Vec<_> = patterns
        .into_iter()
        .map(|(_, text)| text.to_owned())
        .collect();
    (!values.is_empty()).then_some(values)
}

fn warnings(patterns: &Patterns<'_>, fault: impl Fn(&str) -> Option<Problem>) -> Vec<Warning> {
    let faults = patterns.iter().filter_map(|(place, pattern)| {
        let place = FieldPath(place.clone());
        fault(pattern).map(|problem| Warning { place, problem })
    });
    faults.collect()
}

/// Narrows a filter to the subtree of the field `under`, if there is one.
fn narrowed(filter: Filter, fields: &Map<String, Value>) -> Result<Filter, FieldError> {
    const FIELD: &str = "under";
    let Some(value) = fields.get(FIELD) else {
        return Ok(filter);
    };
    let path = text(value, FIELD)?;
    if let Ok(url) = Url::parse(path)
        && url.has_host()
    {
        let path = url.path().to_owned();
        return Err(fault(FIELD, Problem::UrlForPath { path }));
    }
    if path.contains('*') {
        return Err(fault(FIELD, Problem::StarInPath));
    }
    if path.contains("//") {
        let expected = "a path without empty segments";
        return Err(fault(FIELD, Problem::Not(expected)));
    }
    filter
        .under(path)
        .ok_or_else(|| fault(FIELD, Problem::Not("a path that begins with /")))
}
