//! The parameters of SSM with their versions, and the quota of its reads.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::refusal::{Refusal, text};

/// The number of parameters on a page of `GetParametersByPath`.
const PAGE_SIZE: usize = 10;
/// The number of versions that SSM keeps of a parameter.
const MAX_VERSIONS: usize = 100;

/// The parameters of one account.
#[derive(Debug, Default)]
pub struct Parameters {
    /// The values of all versions of each parameter. The current one is last.
    values: BTreeMap<String, Vec<String>>,
    quota: Option<Quota>,
}

/// A quota of calls per second. Calls that were not used in one second do not count in the next.
#[derive(Debug)]
struct Quota {
    calls: usize,
    second: i64,
    used: usize,
}

impl Parameters {
    /// Parameters, each a name and a value.
    pub fn new(parameters: impl IntoIterator<Item = (String, String)>) -> Self {
        let values = parameters.into_iter();
        Self {
            values: values.map(|(name, value)| (name, vec![value])).collect(),
            quota: None,
        }
    }

    /// Refuses reads after this number in a second. The quota of SSM is 40, for all readers of an account.
    #[must_use]
    pub fn limited_to(mut self, calls: usize) -> Self {
        self.quota = Some(Quota {
            calls,
            second: 0,
            used: 0,
        });
        self
    }

    /// Sets the value of a parameter, as its owner does.
    pub fn set(&mut self, name: &str, value: String) {
        self.values.entry(name.to_owned()).or_default().push(value);
    }

    /// Removes a parameter, as its owner does, and returns true if it existed.
    pub fn remove(&mut self, name: &str) -> bool {
        self.values.remove(name).is_some()
    }

    /// Returns the names of the parameters below a path.
    pub fn names_below(&self, path: &str) -> Vec<String> {
        let path = format!("{path}/");
        let names = self.values.keys().filter(|name| name.starts_with(&path));
        names.cloned().collect()
    }

    /// Answers `GetParametersByPath`.
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
        let page: Vec<_> = below.by_ref().take(PAGE_SIZE).map(described).collect();
        let next = below.next().map(|_| (start + PAGE_SIZE).to_string());
        Ok(json!({"Parameters": page, "NextToken": next}))
    }

    /// Answers `GetParameter`, also for an old version as `name:version`.
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

    /// Answers `GetParameters`, which takes ten names at most.
    pub(super) fn get_several(&mut self, body: &Value) -> Result<Value, Refusal> {
        self.use_quota()?;
        let names = body["Names"].as_array().map_or(&[][..], Vec::as_slice);
        if names.len() > PAGE_SIZE {
            return Err(Refusal {
                name: "ValidationException",
                message: "more than ten names".to_owned(),
            });
        }
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in names.iter().filter_map(Value::as_str) {
            match self.values.get_key_value(name) {
                Some(parameter) => found.push(described(parameter)),
                None => invalid.push(name),
            }
        }
        Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
    }

    /// Answers `GetParameterHistory`: the last hundred versions in pages, the oldest first.
    pub(super) fn history(&mut self, body: &Value) -> Result<Value, Refusal> {
        self.use_quota()?;
        let name = text(body, "Name")?;
        let values = self.values.get(name).ok_or_else(|| Refusal {
            name: "ParameterNotFound",
            message: name.to_owned(),
        })?;
        let first = values.len().saturating_sub(MAX_VERSIONS);
        let versions = values.iter().enumerate().skip(first);
        let versions: Vec<_> = versions
            .map(|(index, value)| json!({"Name": name, "Value": value, "Version": index + 1}))
            .collect();
        let size = body["MaxResults"].as_u64().unwrap_or(50);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let start = body["NextToken"].as_str();
        let start: usize = start.and_then(|next| next.parse().ok()).unwrap_or(0);
        let page: Vec<_> = versions.iter().skip(start).take(size).collect();
        let end = start + page.len();
        let next = (end < versions.len()).then(|| end.to_string());
        Ok(json!({"Parameters": page, "NextToken": next}))
    }

    /// Answers `DeleteParameter`.
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

    /// Answers `PutParameter` for an existing parameter, or for a new one with a type.
    pub(super) fn put(&mut self, body: &Value) -> Result<Value, Refusal> {
        let (name, value) = (text(body, "Name")?, text(body, "Value")?);
        if !self.values.contains_key(name) && !body["Type"].is_string() {
            return Err(Refusal {
                name: "ValidationException",
                message: "a new parameter needs a type".to_owned(),
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
