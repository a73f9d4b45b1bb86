//! Reads single fields of a parameter's JSON.

use serde_json::{Map, Value};

use crate::subscriber::invalid::Problem;

/// A place in the JSON, and the fault there.
pub type FieldError = (String, Problem);

pub fn fault(place: &str, problem: Problem) -> FieldError {
    (place.to_owned(), problem)
}

pub fn required<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a Value, FieldError> {
    fields
        .get(field)
        .ok_or_else(|| fault(field, Problem::Missing))
}

pub fn text<'a>(value: &'a Value, place: &str) -> Result<&'a str, FieldError> {
    match value.as_str() {
        None => Err(fault(place, Problem::Not("text"))),
        Some("") => Err(fault(place, Problem::Empty)),
        Some(text) => Ok(text),
    }
}

pub fn required_text<'a>(
    fields: &'a Map<String, Value>,
    field: &str,
) -> Result<&'a str, FieldError> {
    text(required(fields, field)?, field)
}

/// Returns a boolean field, or `default` when it is absent.
pub fn flag(fields: &Map<String, Value>, field: &str, default: bool) -> Result<bool, FieldError> {
    match fields.get(field) {
        None => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(fault(field, Problem::Not("true or false"))),
    }
}

/// Returns the values of a list that is not empty, each with its place.
pub fn list<'a>(value: &'a Value, field: &str) -> Result<Vec<(String, &'a Value)>, FieldError> {
    let list = value
        .as_array()
        .ok_or_else(|| fault(field, Problem::Not("a list")))?;
    if list.is_empty() {
        return Err(fault(field, Problem::Empty));
    }
    let places = list.iter().enumerate();
    Ok(places
        .map(|(index, value)| (format!("{field}[{index}]"), value))
        .collect())
}

/// Returns the texts of a list that is not empty, each with its place.
pub fn texts<'a>(value: &'a Value, field: &str) -> Result<Vec<(String, &'a str)>, FieldError> {
    list(value, field)?
        .into_iter()
        .map(|(place, value)| text(value, &place).map(|text| (place.clone(), text)))
        .collect()
}
