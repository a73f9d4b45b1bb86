//! Checks the parameters of all subscribers, and the directory of them. It runs with each sweep, so an alarm names a fault without
//! waiting for an event.

use jiff::Timestamp;
use serde::Serialize;
use wagrun_delivery::directory::DirectoryFault;
use wagrun_delivery::subscriber::{LoadError, SubscriberStore, Subscribers};
use wagrun_lambda::metric::{Metrics, Unit};

/// The metric of the alarm.
const METRIC: &str = "UnusableSubscribers";

/// The result of a check.
#[derive(Debug, PartialEq, Serialize)]
pub struct SubscriberCheck {
    /// The parameters that cannot be used.
    pub unusable: Vec<UnusableParameter>,
    /// Parts of filters that match nothing, beside others that match.
    pub warnings: Vec<FilterWarning>,
}

/// A parameter that cannot be used.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct UnusableParameter {
    /// The subscriber's name.
    pub subscriber: String,
    /// The fault.
    pub error: String,
    /// The effect on the subscriber's events: `last_usable_version`, `set_aside` or `off`.
    pub effect: &'static str,
    /// The number of the version that is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// A part of a filter that matches nothing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FilterWarning {
    /// The subscriber's name.
    pub subscriber: String,
    /// The field and its fault.
    pub warning: String,
}

/// The parameters could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The subscribers could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The directory cannot be used. fan-out and deliver read the parameters themselves meanwhile.
    #[error("the subscriber directory cannot be used")]
    Directory(#[from] DirectoryFault),
}

/// Checks the parameters, and emits the number of those that cannot be used. That is a metric only while there are some,
/// because CloudWatch charges for each hour with a value.
///
/// # Errors
/// Fails if the subscribers cannot be read, and if their directory cannot be used.
pub async fn check_subscribers(
    store: &SubscriberStore,
    metrics: &Metrics,
    now: Timestamp,
) -> Result<SubscriberCheck, CheckError> {
    match store.directory_fault(now).await {
        // The writer needs the calls that reading all parameters would take.
        Some(fault @ (DirectoryFault::Old(_) | DirectoryFault::Unreadable(_))) => {
            return Err(fault.into());
        }
        // Before the first subscriber there is none. The writer has an alarm of its own.
        Some(DirectoryFault::Missing) | None => {}
    }
    let subscribers = store.current(now).await?;
    let check = SubscriberCheck::of(&subscribers);
    for FilterWarning {
        subscriber,
        warning,
    } in &check.warnings
    {
        tracing::warn!(
            subscriber,
            warning,
            "part of the subscriber's filter matches nothing"
        );
    }
    if let Ok(unusable @ 1..) = u32::try_from(check.unusable.len()) {
        metrics.emit(&[], &[(METRIC, unusable.into(), Unit::Count)]);
    }
    Ok(check)
}

impl SubscriberCheck {
    fn of(subscribers: &Subscribers) -> Self {
        let unusable = subscribers.faults().map(|one| UnusableParameter {
            subscriber: one.subscriber.to_owned(),
            error: one.fault.to_string(),
            effect: one.effect.as_str(),
            version: one.effect.version(),
        });
        // The warnings of a version that is in force are of no use while the newest one is to be corrected.
        let current = subscribers.usable().filter(|one| one.superseded.is_none());
        let warnings = current.flat_map(|subscriber| {
            subscriber.warnings.iter().map(|warning| FilterWarning {
                subscriber: subscriber.name.clone(),
                warning: warning.to_string(),
            })
        });
        Self {
            unusable: unusable.collect(),
            warnings: warnings.collect(),
        }
    }
}
