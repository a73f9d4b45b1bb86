//! The stack's subscribers, read from SSM and cached for a short time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_ssm::{
    Client, error::SdkError, operation::get_parameters_by_path::GetParametersByPathError,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{InvalidSubscriber, Rules, Subscriber};
use wagrun_event::Event;

/// Reads the subscribers, and uses the answer for a while.
///
/// When SSM cannot be read, that is an error. With old subscribers an event could miss a new one unnoticed.
#[derive(Debug)]
pub struct SubscriberStore {
    ssm: Client,
    path: String,
    max_age: Duration,
    rules: Rules,
    loaded: Mutex<Option<Arc<Subscribers>>>,
}

/// The parameters could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the subscribers under {path}")]
pub struct LoadError {
    path: String,
    source: Box<SdkError<GetParametersByPathError>>,
}

impl SubscriberStore {
    /// Creates a store of the subscribers below `path`, which uses each answer for `max_age`. Calls nothing yet.
    pub fn new(aws: &SdkConfig, path: &str, max_age: Duration, rules: Rules) -> Self {
        Self {
            ssm: Client::new(aws),
            path: path.trim_end_matches('/').to_owned(),
            max_age,
            rules,
            loaded: Mutex::new(None),
        }
    }

    /// Returns the subscribers as they were within the last `max_age`.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<Subscribers>, LoadError> {
        self.loaded_after(Timestamp::MIN, now).await
    }

    /// Returns the subscribers as they were within the last `max_age`, and not before `earliest`.
    pub async fn loaded_after(
        &self,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Subscribers>, LoadError> {
        let mut loaded = self.loaded.lock().await;
        if let Some(subscribers) = loaded.as_ref()
            && subscribers.loaded_at > earliest
            && self.is_fresh(subscribers, now)
        {
            return Ok(Arc::clone(subscribers));
        }
        let subscribers = Arc::new(self.load(now).await?);
        *loaded = Some(Arc::clone(&subscribers));
        Ok(subscribers)
    }

    fn is_fresh(&self, subscribers: &Subscribers, now: Timestamp) -> bool {
        let age = now.duration_since(subscribers.loaded_at);
        // A clock that was set back makes the age negative.
        age >= SignedDuration::ZERO && age.unsigned_abs() < self.max_age
    }

    async fn load(&self, now: Timestamp) -> Result<Subscribers, LoadError> {
        let mut subscribers = Subscribers {
            loaded_at: now,
            valid: BTreeMap::new(),
            invalid: BTreeMap::new(),
        };
        let mut pages = self
            .ssm
            .get_parameters_by_path()
            .path(&self.path)
            .recursive(true)
            .with_decryption(true)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|source| LoadError {
                path: self.path.clone(),
                source: Box::new(source),
            })?;
            for parameter in page.parameters.unwrap_or_default() {
                let value = parameter.value.unwrap_or_default();
                let parameter = parameter.name.unwrap_or_default();
                subscribers.add(self.name(&parameter), &parameter, &value, self.rules);
            }
        }
        Ok(subscribers)
    }

    fn name<'a>(&self, parameter: &'a str) -> &'a str {
        parameter
            .strip_prefix(self.path.as_str())
            .unwrap_or(parameter)
            .trim_start_matches('/')
    }
}

/// All subscribers at one time.
#[derive(Debug)]
pub struct Subscribers {
    loaded_at: Timestamp,
    valid: BTreeMap<String, Subscriber>,
    invalid: BTreeMap<String, InvalidSubscriber>,
}

/// The status of a subscriber's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SubscriberStatus<'a> {
    /// The subscriber is enabled.
    Enabled(&'a Subscriber),
    /// The subscriber is switched off.
    Disabled,
    /// The parameter cannot be used.
    Invalid(&'a InvalidSubscriber),
    /// There is no parameter.
    Gone,
}

impl Subscribers {
    /// Returns the enabled subscribers that receive the event, by name.
    ///
    /// An event for one subscriber reaches that one at most, and only if it passes the subscriber's filter. The filter is the limit of
    /// what a subscriber may see. A snapshot without an addressee reaches no subscriber.
    pub fn matching<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Subscriber> {
        self.valid.values().filter(|subscriber| {
            let is_for_it = match &event.subscriber {
                Some(name) => *name == subscriber.name,
                None => !event.is_snapshot(),
            };
            is_for_it && subscriber.enabled && subscriber.filter.matches(event)
        })
    }

    /// Returns the status of this name.
    pub fn find(&self, name: &str) -> SubscriberStatus<'_> {
        match (self.valid.get(name), self.invalid.get(name)) {
            (Some(subscriber), _) if subscriber.enabled => SubscriberStatus::Enabled(subscriber),
            (Some(_), _) => SubscriberStatus::Disabled,
            (None, Some(invalid)) => SubscriberStatus::Invalid(invalid),
            (None, None) => SubscriberStatus::Gone,
        }
    }

    /// Returns the parameters that cannot be used.
    pub fn invalid(&self) -> impl Iterator<Item = &InvalidSubscriber> {
        self.invalid.values()
    }

    fn add(&mut self, name: &str, parameter: &str, json: &str, rules: Rules) {
        match Subscriber::parse(name, parameter, json, rules) {
            Ok(subscriber) => {
                self.valid.insert(name.to_owned(), subscriber);
            }
            Err(invalid) => {
                tracing::error!(subscriber = name, error = %invalid, "subscriber receives nothing until it is corrected");
                self.invalid.insert(name.to_owned(), invalid);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Clippy does not take this for a test.
mod tests {
    use super::*;
    use crate::subscriber::Schemes;
    use serde_json::{Value, json};
    use testing::replay::Replay;

    const WEBHOOK: &str = r#"{"target":"webhook","url":"https://example.org/","secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#;

    fn page(parameters: &[(&str, &str)], next: Option<&str>) -> (u16, String) {
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| json!({"Name": name, "Value": value}))
            .collect();
        let body = json!({"Parameters": parameters, "NextToken": next});
        (200, body.to_string())
    }

    fn store(replay: &Replay) -> SubscriberStore {
        SubscriberStore::new(
            &replay.config(),
            "/wagrun/subscribers/",
            Duration::from_secs(30),
            Rules {
                schemes: Schemes::HttpsOnly,
                max_attempts: None,
            },
        )
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[tokio::test]
    async fn all_pages_are_read_and_an_invalid_parameter_harms_only_itself() {
        let disabled = WEBHOOK.replace('}', r#","enabled":false}"#);
        let replay = Replay::new([
            page(
                &[
                    ("/wagrun/subscribers/cdn", WEBHOOK),
                    ("/wagrun/subscribers/broken", "{"),
                ],
                Some("more"),
            ),
            page(
                &[
                    ("/wagrun/subscribers/team/search", WEBHOOK),
                    ("/wagrun/subscribers/off", &disabled),
                ],
                None,
            ),
        ]);
        let subscribers = store(&replay).current(at(0)).await.unwrap();

        assert!(matches!(
            subscribers.find("cdn"),
            SubscriberStatus::Enabled(_)
        ));
        assert!(matches!(
            subscribers.find("team/search"),
            SubscriberStatus::Enabled(_)
        ));
        assert_eq!(subscribers.find("off"), SubscriberStatus::Disabled);
        assert_eq!(subscribers.find("nobody"), SubscriberStatus::Gone);
        assert!(matches!(
            subscribers.find("broken"),
            SubscriberStatus::Invalid(_)
        ));
        let errors: Vec<_> = subscribers.invalid().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            ["subscriber /wagrun/subscribers/broken: is not JSON (line 1, column 1)"]
        );

        let requests = replay.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].operation, "AmazonSSM.GetParametersByPath");
        assert_eq!(
            serde_json::from_str::<Value>(&requests[0].body).unwrap(),
            json!({"Path": "/wagrun/subscribers", "Recursive": true, "WithDecryption": true})
        );
        assert!(requests[1].body.contains(r#""NextToken":"more""#));
    }

    #[tokio::test]
    async fn an_answer_is_used_until_it_is_too_old() {
        let replay = Replay::new([page(&[], None), page(&[], None)]);
        let store = store(&replay);
        for (second, requests) in [(0, 1), (29, 1), (30, 2), (59, 2)] {
            store.current(at(second)).await.unwrap();
            assert_eq!(replay.requests().len(), requests, "after {second} s");
        }
    }

    #[tokio::test]
    async fn an_answer_from_before_the_asked_time_is_not_used() {
        let replay = Replay::new([page(&[], None), page(&[], None)]);
        let store = store(&replay);
        store.current(at(0)).await.unwrap();
        store.loaded_after(at(5), at(6)).await.unwrap();
        store.loaded_after(at(5), at(7)).await.unwrap();
        assert_eq!(replay.requests().len(), 2);
    }

    #[tokio::test]
    async fn without_ssm_old_subscribers_are_not_used() {
        let denied = r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#;
        let replay = Replay::new([page(&[], None), (400, denied.to_owned())]);
        let store = store(&replay);
        store.current(at(0)).await.unwrap();
        let error = store.current(at(31)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read the subscribers under /wagrun/subscribers"
        );
        let chain = wagrun_lambda::telemetry::chain(&error);
        assert!(chain.contains("not authorized"), "{chain}");
    }
}
