//! SSM's parameters with their versions, and its quota.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::endpoint::{Refusal, text};

/// The most that SSM puts on a page.
const PAGE: usize = 10;

/// The parameters.
#[derive(Debug, Default)]
pub struct Parameters {
    /// Each version's value, the present one last.
    values: BTreeMap<String, Vec<String>>,
    quota: Option<Quota>,
}

/// So many calls a second; what was not used in one second is not there in the next.
#[derive(Debug)]
struct Quota {
    calls: usize,
    second: i64,
    used: usize,
}

impl Parameters {
    /// These, by name.
    pub fn new(parameters: impl IntoIterator<Item = (String, String)>) -> Self {
        let values = parameters.into_iter();
        Self {
            values: values.map(|(name, value)| (name, vec![value])).collect(),
            quota: None,
        }
    }

    /// Refuses to be read more often than this in a second. SSM's own quota is 40, for all readers of an account.
    #[must_use]
    pub fn limited_to(mut self, calls: usize) -> Self {
        self.quota = Some(Quota {
            calls,
            second: 0,
            used: 0,
        });
        self
    }

    /// Gives a parameter another value, as its owner does.
    pub fn set(&mut self, name: &str, value: String) {
        self.values.entry(name.to_owned()).or_default().push(value);
    }

    /// Removes a parameter, as its owner does; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.values.remove(name).is_some()
    }

    /// The names of the parameters below a path.
    pub fn names_below(&self, path: &str) -> Vec<String> {
        let path = format!("{path}/");
        let names = self.values.keys().filter(|name| name.starts_with(&path));
        names.cloned().collect()
    }

    /// `GetParametersByPath`.
    pub(super) fn by_path(&mut self, body: &Value) -> Result<Value, Refusal> {
        self.use_quota()?;
        let path = format!("{}/", text(body, "Path")?.trim_end_matches('/'));
        let start = body["NextToken"]
            .as_str()
            .and_then(|next| next.parse().ok());
        let start: usize = start.unwrap_or(0);
        let mut below = self
            .values
            .range(path.clone()..)
            .take_while(|(name, _)| name.starts_with(&path))
            .skip(start);
        let page: Vec<_> = below.by_ref().take(PAGE).map(described).collect();
        let next = below.next().map(|_| (start + PAGE).to_string());
        Ok(json!({"Parameters": page, "NextToken": next}))
    }

    /// `GetParameter`, also of an old version by `name:version`.
    pub(super) fn get(&mut self, body: &Value) -> Result<Value, Refusal> {
        self.use_quota()?;
        let name = text(body, "Name")?;
        let (found, version) = match name.rsplit_once(':') {
            Some((name, version)) => (name, version.parse().ok()),
            None => (name, None),
        };
        let missing = || Refusal {
            name: "ParameterNotFound",
            message: name.to_owned(),
        };
        let values = self.values.get(found).ok_or_else(missing)?;
        let version: usize = version.unwrap_or(values.len());
        let value = version.checked_sub(1).and_then(|index| values.get(index));
        let value = value.ok_or_else(missing)?;
        Ok(json!({"Parameter": {"Name": found, "Value": value, "Version": version}}))
    }

    /// `DeleteParameter`.
    pub(super) fn delete(&mut self, body: &Value) -> Result<Value, Refusal> {
        let name = text(body, "Name")?;
        if self.remove(name) {
            return Ok(json!({}));
        }
        Err(Refusal {
            name: "ParameterNotFound",
            message: name.to_owned(),
        })
    }

    /// `PutParameter` of one that is there, or of a new one that has a type.
    pub(super) fn put(&mut self, body: &Value) -> Result<Value, Refusal> {
        let (name, value) = (text(body, "Name")?, text(body, "Value")?);
        if !self.values.contains_key(name) && !body["Type"].is_string() {
            return Err(Refusal {
                name: "ValidationException",
                message: "a new parameter wants a type".to_owned(),
            });
        }
        let values = self.values.entry(name.to_owned()).or_default();
        values.push(value.to_owned());
        Ok(json!({"Version": values.len()}))
    }

    fn use_quota(&mut self) -> Result<(), Refusal> {
        let Some(quota) = &mut self.quota else {
            return Ok(());
        };
        let second = Timestamp::now().as_second();
        if quota.second != second {
            (quota.second, quota.used) = (second, 0);
        }
        if quota.used == quota.calls {
            return Err(Refusal {
                name: "ThrottlingException",
                message: "Rate exceeded".to_owned(),
            });
        }
        quota.used += 1;
        Ok(())
    }
}

fn described((name, values): (&String, &Vec<String>)) -> Value {
    json!({"Name": name, "Value": values.last(), "Version": values.len()})
}
