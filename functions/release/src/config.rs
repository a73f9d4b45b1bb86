//! The configuration, read from the environment at start-up.

use wagrun_lambda::environment::{self, EnvironmentError};

/// The configuration of the function.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the stack, for people.
    pub stack: String,
    /// The image repository, `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    pub repository: String,
    /// The tag whose push starts a release.
    pub tag: String,
    /// The name of the function migrate.
    pub migrate_function: String,
    /// The platform that serves the site.
    pub platform: WebPlatform,
    /// The name of the SSM parameter that holds the state.
    pub state_parameter: String,
    /// The URL of the FIFO queue of all messages.
    pub queue_url: String,
    /// The ARN of the FIFO topic of all events.
    pub event_topic_arn: String,
    /// The ARN of the topic that notifies people.
    pub alarm_topic_arn: String,
    /// The `source` of the events, `/wagrun/<stack>`.
    pub source: String,
}

/// The platform that serves the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebPlatform {
    /// App Runner.
    AppRunner {
        /// The ARN of the service.
        service_arn: String,
    },
    /// ECS Express Mode.
    EcsExpress {
        /// The ARN of the service.
        service_arn: String,
        /// The name of the service's cluster.
        cluster: String,
    },
    /// No platform of this stack serves the site.
    None,
}

impl WebPlatform {
    /// Returns the platform's name, as in the template's parameter `WebPlatform`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AppRunner { .. } => "AppRunner",
            Self::EcsExpress { .. } => "EcsExpress",
            Self::None => "None",
        }
    }

    /// Returns the ARN of the service, when there is one.
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
