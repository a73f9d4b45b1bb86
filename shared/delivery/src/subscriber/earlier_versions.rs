//! The version that stays in force while a parameter's newest version cannot be used.

use std::collections::BTreeMap;

use tokio::sync::Mutex;
use wagrun_lambda::telemetry::chain;

use super::definition::{Rules, Subscriber};
use super::invalid::InvalidSubscriber;
use crate::parameter_cache::Parameter;
use crate::parameter_history::{ParameterHistory, ParameterVersion};

/// Finds the last usable versions of parameters, and keeps what it found until the parameter changes.
///
/// The result follows from SSM alone. Only a parameter that cannot be used costs calls: one for each fifty versions, once for
/// each copy of a function and each version.
#[derive(Debug)]
pub struct EarlierVersions {
    history: ParameterHistory,
    found: Mutex<BTreeMap<String, Found>>,
}

#[derive(Debug)]
struct Found {
    /// The parameter that cannot be used.
    parameter: Parameter,
    subscriber: Option<Subscriber>,
}

impl EarlierVersions {
    /// Creates an instance that has found nothing yet.
    pub fn new(history: ParameterHistory) -> Self {
        Self {
            history,
            found: Mutex::default(),
        }
    }

    /// Returns the subscriber as it was in the last usable version of its parameter. Returns none when no version can be used.
    ///
    /// The same holds when the versions cannot be read, which is logged. The next call tries it again.
    pub async fn last_usable(
        &self,
        parameter: &Parameter,
        fault: &InvalidSubscriber,
        rules: Rules,
    ) -> Option<Subscriber> {
        let mut found = self.found.lock().await;
        if let Some(known) = found.get(&parameter.name)
            && known.parameter == *parameter
        {
            return known.subscriber.clone();
        }
        let subscriber = match self.history.versions(&parameter.name).await {
            Ok(versions) => {
                let parse = |version: &ParameterVersion| {
                    let Parameter { key, name, .. } = parameter;
                    Subscriber::parse(key, name, &version.value, rules).ok()
                };
                last_usable(versions, parse).map(|(version, subscriber)| {
                    subscriber.superseded_by(version.number, fault.clone())
                })
            }
            Err(error) => {
                tracing::error!(
                    subscriber = parameter.key,
                    error = chain(&error),
                    "cannot look for a usable version of the subscriber's parameter"
                );
                return None;
            }
        };
        let entry = Found {
            parameter: parameter.clone(),
            subscriber: subscriber.clone(),
        };
        found.insert(parameter.name.clone(), entry);
        subscriber
    }

    /// Forgets the parameters that can be used again or are gone.
    pub async fn retain(&self, unusable: impl Fn(&str) -> bool) {
        self.found.lock().await.retain(|name, _| unusable(name));
    }
}

/// Returns the newest version that can be used, of versions with the newest first.
pub fn last_usable(
    versions: Vec<ParameterVersion>,
    parse: impl Fn(&ParameterVersion) -> Option<Subscriber>,
) -> Option<(ParameterVersion, Subscriber)> {
    versions.into_iter().find_map(|version| {
        let subscriber = parse(&version)?;
        Some((version, subscriber))
    })
}
