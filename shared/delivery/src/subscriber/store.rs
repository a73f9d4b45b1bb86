//! The stack's subscribers, read from SSM and cached for a short time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use jiff::Timestamp;
use wagrun_event::Event;

use super::definition::{Rules, Subscriber};
use super::invalid::InvalidSubscriber;
use crate::parameter_cache::{LoadError, Parameter, ParameterCache};

/// Reads the subscribers, and uses the answer for a while.
///
/// An SSM that cannot be read is an error. With old subscribers an event could miss a new one unnoticed.
#[derive(Debug)]
pub struct SubscriberStore {
    parameters: ParameterCache<Subscribers>,
    rules: Rules,
}

impl SubscriberStore {
    /// Creates a store of the subscribers below `path`, which uses each answer for `max_age`. Calls nothing yet.
    pub fn new(aws: &SdkConfig, path: &str, max_age: Duration, rules: Rules) -> Self {
        let parameters = ParameterCache::new(Client::new(aws), path, "subscribers", max_age);
        Self {
            parameters: parameters.with_decryption(),
            rules,
        }
    }

    /// Returns the subscribers as they were within the last `max_age`.
    pub async fn current(&self, now: Timestamp) -> Result<Arc<Subscribers>, LoadError> {
        self.loaded_after(Timestamp::MIN, now).await
    }

    /// Returns the subscribers as they were within the last `max_age`, and after `earliest`.
    pub async fn loaded_after(
        &self,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Subscribers>, LoadError> {
        let parse = |parameters| Subscribers::parse(parameters, self.rules);
        self.parameters.get(earliest, now, parse).await
    }
}

/// All subscribers at one time.
#[derive(Debug, Default)]
pub struct Subscribers {
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

    /// Parses the parameters. One that is invalid is logged, and harms no other.
    fn parse(parameters: Vec<Parameter>, rules: Rules) -> Self {
        let mut subscribers = Self::default();
        for Parameter { name, key, value } in parameters {
            match Subscriber::parse(&key, &name, &value, rules) {
                Ok(subscriber) => {
                    subscribers.valid.insert(key, subscriber);
                }
                Err(invalid) => {
                    tracing::error!(
                        subscriber = key,
                        error = %invalid,
                        "subscriber receives nothing until it is corrected"
                    );
                    subscribers.invalid.insert(key, invalid);
                }
            }
        }
        subscribers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriber::definition::Schemes;
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
