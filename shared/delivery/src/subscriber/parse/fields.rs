//! Reads single fields of a parameter's JSON.

use serde_json::{Map, Value};

use crate::subscriber::Problem;

/// A place in the JSON, and what is wrong there.
pub type Fault = (String, Problem);

pub fn fault(place: &str, problem: Problem) -> Fault {
    (place.to_owned(), problem)
}

pub fn required<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a Value, Fault> {
    fields
        .get(field)
        .ok_or_else(|| fault(field, Problem::Missing))
}

pub fn text<'a>(value: &'a Value, place: &str) -> Result<&'a str, Fault> {
    match value.as_str() {
        None => Err(fault(place, Problem::Not("text"))),
        Some("") => Err(fault(place, Problem::Empty)),
        Some(text) => Ok(text),
    }
}

pub fn required_text<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a str, Fault> {
    text(required(fields, field)?, field)
}

/// True or false, and `default` when the field is absent.
pub fn flag(fields: &Map<String, Value>, field: &str, default: bool) -> Result<bool, Fault> {
    match fields.get(field) {
        None => Ok(default),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(fault(field, Problem::Not("true or false"))),
    }
}

/// The values of a list that has at least one, each with its place.
pub fn list<'a>(value: &'a Value, field: &str) -> Result<Vec<(String, &'a Value)>, Fault> {
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

/// The texts of a list that has at least one, each with its place.
pub fn texts<'a>(value: &'a Value, field: &str) -> Result<Vec<(String, &'a str)>, Fault> {
    list(value, field)?
        .into_iter()
        .map(|(place, value)| text(value, &place).map(|text| (place.clone(), text)))
        .collect()
}
