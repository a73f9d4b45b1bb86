//! The SSM parameters below a path, read at once and used for a while.

use std::{sync::Arc, time::Duration};

use aws_sdk_ssm::{
    Client, error::SdkError, operation::get_parameters_by_path::GetParametersByPathError,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

/// Reads the parameters below a path, parses them into a `T`, and uses that for a while.
///
/// An SSM that cannot be read is an error. An old value is not used in its place.
#[derive(Debug)]
pub struct ParameterCache<T> {
    ssm: Client,
    path: String,
    contents: &'static str,
    max_age: Duration,
    decrypts: bool,
    cached: Mutex<Option<Cached<T>>>,
}

#[derive(Debug)]
struct Cached<T> {
    read_at: Timestamp,
    value: Arc<T>,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The whole name.
    pub name: String,
    /// The name below the path, without a slash at its start.
    pub key: String,
    /// The value.
    pub value: String,
    /// The number of the version. A parameter that is deleted and created again begins at 1.
    pub version: i64,
    /// The time of its last change, in milliseconds since 1970, if SSM gave one.
    pub changed_at: Option<i64>,
}

/// The parameters could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the {contents} under {path}")]
pub struct LoadError {
    contents: &'static str,
    path: String,
    source: Box<SdkError<GetParametersByPathError>>,
}

impl<T> ParameterCache<T> {
    /// Creates a cache of the parameters below `path`, which uses each answer for `max_age`. Calls nothing yet.
    ///
    /// `contents` names in the plural what the parameters are, for errors.
    pub fn new(ssm: Client, path: &str, contents: &'static str, max_age: Duration) -> Self {
        Self {
            ssm,
            path: path.trim_end_matches('/').to_owned(),
            contents,
            max_age,
            decrypts: false,
            cached: Mutex::new(None),
        }
    }

    /// Makes SSM decrypt the values that are secret.
    pub fn with_decryption(self) -> Self {
        Self {
            decrypts: true,
            ..self
        }
    }

    /// Returns the path, without a slash at its end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the value as it was within the last `max_age`, and after `earliest`.
    pub async fn get(
        &self,
        earliest: Timestamp,
        now: Timestamp,
        parse: impl AsyncFnOnce(Vec<Parameter>) -> T,
    ) -> Result<Arc<T>, LoadError> {
        let mut cached = self.cached.lock().await;
        match cached.as_ref() {
            Some(cached) if cached.read_at > earliest && self.is_fresh(cached, now) => {
                Ok(Arc::clone(&cached.value))
            }
            _ => self.read_into(&mut cached, now, parse).await,
        }
    }

    /// Reads the value, even if the cached one is fresh.
    pub async fn read(
        &self,
        now: Timestamp,
        parse: impl AsyncFnOnce(Vec<Parameter>) -> T,
    ) -> Result<Arc<T>, LoadError> {
        let mut cached = self.cached.lock().await;
        self.read_into(&mut cached, now, parse).await
    }

    /// Changes the cached value, after a parameter was written. Without a cached value the next read has the change.
    pub async fn update(&self, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        if let Some(cached) = self.cached.lock().await.as_mut() {
            change(Arc::make_mut(&mut cached.value));
        }
    }

    fn is_fresh(&self, cached: &Cached<T>, now: Timestamp) -> bool {
        let age = now.duration_since(cached.read_at);
        // A clock that was set back makes the age negative.
        age >= SignedDuration::ZERO && age.unsigned_abs() < self.max_age
    }

    async fn read_into(
        &self,
        cached: &mut Option<Cached<T>>,
        now: Timestamp,
        parse: impl AsyncFnOnce(Vec<Parameter>) -> T,
    ) -> Result<Arc<T>, LoadError> {
        let value = Arc::new(parse(self.parameters().await?).await);
        *cached = Some(Cached {
            read_at: now,
            value: Arc::clone(&value),
        });
        Ok(value)
    }

    async fn parameters(&self) -> Result<Vec<Parameter>, LoadError> {
        let mut parameters = Vec::new();
        let call = self.ssm.get_parameters_by_path().path(&self.path);
        let call = call.recursive(true);
        let call = call.set_with_decryption(self.decrypts.then_some(true));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|source| LoadError {
                contents: self.contents,
                path: self.path.clone(),
                source: Box::new(source),
            })?;
            for parameter in page.parameters.unwrap_or_default() {
                let name = parameter.name.unwrap_or_default();
                let key = name.strip_prefix(&self.path).unwrap_or(&name);
                parameters.push(Parameter {
                    key: key.trim_start_matches('/').to_owned(),
                    value: parameter.value.unwrap_or_default(),
                    version: parameter.version,
                    changed_at: parameter
                        .last_modified_date
                        .and_then(|time| time.to_millis().ok()),
                    name,
                });
            }
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testing::replay::Replay;

    fn page(names: &[&str], next: Option<&str>) -> (u16, String) {
        let parameters: Vec<_> = names
            .iter()
            .map(|name| json!({"Name": format!("/wagrun/things/{name}"), "Value": "v"}))
            .collect();
        let body = json!({"Parameters": parameters, "NextToken": next});
        (200, body.to_string())
    }

    fn cache(replay: &Replay) -> ParameterCache<Vec<String>> {
        let ssm = Client::new(&replay.config());
        ParameterCache::new(ssm, "/wagrun/things/", "things", Duration::from_secs(30))
    }

    async fn keys(parameters: Vec<Parameter>) -> Vec<String> {
        parameters.into_iter().map(|one| one.key).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[tokio::test]
    async fn all_pages_are_read_with_names_below_the_path() {
        let replay = Replay::new([page(&["a"], Some("more")), page(&["team/b"], None)]);
        let cache = cache(&replay);
        let read = cache.get(Timestamp::MIN, at(0), async |parameters| {
            let names = parameters.iter().map(|one| one.name.clone()).collect();
            [names, keys(parameters).await].concat()
        });
        let expected = ["/wagrun/things/a", "/wagrun/things/team/b", "a", "team/b"];
        assert_eq!(*read.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn an_answer_is_used_until_it_is_too_old_or_from_before_the_earliest_time() {
        let replay = Replay::new([page(&["a"], None), page(&["b"], None), page(&["c"], None)]);
        let cache = cache(&replay);
        for (earliest, now, expected) in [
            (Timestamp::MIN, 0, "a"),
            (Timestamp::MIN, 29, "a"),
            (at(0), 29, "b"),
            (at(0), 58, "b"),
            // The clock was set back.
            (Timestamp::MIN, 28, "c"),
        ] {
            let value = cache.get(earliest, at(now), keys).await.unwrap();
            assert_eq!(*value, [expected], "after {now} s");
        }
    }

    #[tokio::test]
    async fn a_read_and_an_update_replace_what_is_cached() {
        let replay = Replay::new([page(&["a"], None), page(&["b"], None)]);
        let cache = cache(&replay);
        cache.update(|_| panic!("nothing is cached")).await;
        cache.read(at(0), keys).await.unwrap();
        let before = cache.read(at(1), keys).await.unwrap();
        cache.update(|value| value.push("c".into())).await;
        let after = cache.get(Timestamp::MIN, at(2), keys).await.unwrap();
        assert_eq!(*before, ["b"]);
        assert_eq!(*after, ["b", "c"]);
        assert_eq!(replay.requests().len(), 2);
    }
}
