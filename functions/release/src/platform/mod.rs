//! What serves the site, and how it gets another image.

mod app_runner;
mod ecs_express;

use aws_config::SdkConfig;
use jiff::Timestamp;

pub use app_runner::AppRunner;
pub use ecs_express::EcsExpress;

use crate::call::CallError;
use crate::config::WebPlatform;
use crate::state::{Phase, Release};
use crate::words::{Event, Service};

/// One of the platforms, or none.
#[derive(Debug, Clone)]
pub enum Platform {
    /// App Runner.
    AppRunner(AppRunner),
    /// ECS Express Mode.
    EcsExpress(EcsExpress),
    /// Nothing of this stack.
    None,
}

impl Platform {
    /// The configured one, with its client.
    pub fn new(platform: &WebPlatform, sdk: &SdkConfig) -> Self {
        match platform {
            WebPlatform::AppRunner { service_arn } => {
                let client = aws_sdk_apprunner::Client::new(sdk);
                Self::AppRunner(AppRunner::new(client, service_arn.clone()))
            }
            WebPlatform::EcsExpress {
                service_arn,
                cluster,
            } => {
                let client = aws_sdk_ecs::Client::new(sdk);
                Self::EcsExpress(EcsExpress::new(
                    client,
                    service_arn.clone(),
                    cluster.clone(),
                ))
            }
            WebPlatform::None => Self::None,
        }
    }

    /// How the service stands towards a release: how its order goes, or whether it could be given one.
    pub async fn look(&self, release: &Release, image: &str) -> Result<Service, CallError> {
        let order = match &release.phase {
            Phase::Rolling { operation } => operation.as_deref(),
            _ => None,
        };
        match (self, order) {
            (Self::None, _) => Ok(Service::Absent),
            (Self::AppRunner(service), Some(order)) => {
                Ok(Service::Order(service.progress(order).await?))
            }
            (Self::AppRunner(service), None) => service.look(image, release.started).await,
            (Self::EcsExpress(service), Some(order)) => {
                Ok(Service::Order(service.progress(order).await?))
            }
            (Self::EcsExpress(service), None) => service.look(image, release.started).await,
        }
    }

    /// Gives the service an image.
    pub async fn roll(&self, image: &str) -> Result<Event, CallError> {
        match self {
            Self::AppRunner(service) => service.roll(image).await,
            Self::EcsExpress(service) => service.roll(image).await,
            Self::None => Ok(Event::Look),
        }
    }
}

/// Whether something that AWS dates began with or after a release.
///
/// Both clocks are AWS's, and between a release's start and its roll lies a migration.
fn since(time: Option<&aws_sdk_apprunner::primitives::DateTime>, started: Timestamp) -> bool {
    time.is_some_and(|time| time.secs() >= started.as_second())
}
