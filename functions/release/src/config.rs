//! What `release` reads from its environment.

use wagrun_lambda::environment::{self, EnvironmentError};

/// The function's configuration, read once.
#[derive(Debug, Clone)]
pub struct Config {
    /// The stack's name, for people.
    pub stack: String,
    /// The repository, as `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    pub repository: String,
    /// The tag whose push releases.
    pub tag: String,
    /// The migrate function's name.
    pub migrate_function: String,
    /// What serves the site.
    pub platform: WebPlatform,
    /// The SSM parameter with the state.
    pub state_parameter: String,
    /// The FIFO queue that everything goes through.
    pub queue_url: String,
    /// The FIFO topic of all events.
    pub event_topic_arn: String,
    /// Where people are told.
    pub alarm_topic_arn: String,
    /// The events' `source`, `/wagrun/<stack>`.
    pub source: String,
}

/// What serves the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebPlatform {
    /// App Runner.
    AppRunner {
        /// The service.
        service_arn: String,
    },
    /// ECS Express Mode.
    EcsExpress {
        /// The service.
        service_arn: String,
        /// Its cluster's name.
        cluster: String,
    },
    /// Nothing of this stack.
    None,
}

impl WebPlatform {
    /// As the template's parameter says.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AppRunner { .. } => "AppRunner",
            Self::EcsExpress { .. } => "EcsExpress",
            Self::None => "None",
        }
    }

    /// The service, when there is one.
    pub fn service_arn(&self) -> Option<&str> {
        match self {
            Self::AppRunner { service_arn } | Self::EcsExpress { service_arn, .. } => {
                Some(service_arn)
            }
            Self::None => None,
        }
    }
}

impl Config {
    /// Reads `STACK`, `REPOSITORY`, `RELEASE_TAG`, `MIGRATE_FUNCTION`, `WEB_PLATFORM`, `SERVICE_ARN`, `ECS_CLUSTER`,
    /// `STATE_PARAMETER`, `RELEASE_QUEUE_URL`, `TOPIC_ARN`, `ALARM_TOPIC_ARN` and `EVENT_SOURCE`.
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        let platform = environment::required("WEB_PLATFORM")?;
        let platform = match platform.as_str() {
            "AppRunner" => WebPlatform::AppRunner {
                service_arn: environment::required("SERVICE_ARN")?,
            },
            "EcsExpress" => WebPlatform::EcsExpress {
                service_arn: environment::required("SERVICE_ARN")?,
                cluster: environment::required("ECS_CLUSTER")?,
            },
            "None" => WebPlatform::None,
            _ => {
                return Err(EnvironmentError::Invalid {
                    name: "WEB_PLATFORM",
                    value: platform,
                    expected: "AppRunner, EcsExpress or None",
                });
            }
        };
        Ok(Self {
            stack: environment::required("STACK")?,
            repository: environment::required("REPOSITORY")?,
            tag: environment::required("RELEASE_TAG")?,
            migrate_function: environment::required("MIGRATE_FUNCTION")?,
            platform,
            state_parameter: environment::required("STATE_PARAMETER")?,
            queue_url: environment::required("RELEASE_QUEUE_URL")?,
            event_topic_arn: environment::required("TOPIC_ARN")?,
            alarm_topic_arn: environment::required("ALARM_TOPIC_ARN")?,
            source: environment::required("EVENT_SOURCE")?,
        })
    }
}
