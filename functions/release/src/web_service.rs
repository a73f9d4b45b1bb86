//! The web service that serves the site, and its deployments.

mod app_runner;
mod creation_time;
mod ecs_express;

use aws_config::SdkConfig;

use self::app_runner::AppRunner;
use self::ecs_express::EcsExpress;
use crate::aws_error::AwsError;
use crate::config::WebPlatform;
use crate::observation::ServiceStatus;
use crate::signal::Signal;
use crate::state::{Phase, Release};

/// The web service on its platform.
#[derive(Debug, Clone)]
pub enum WebService {
    /// A service of App Runner.
    AppRunner(AppRunner),
    /// A service of ECS Express Mode.
    EcsExpress(EcsExpress),
    /// No service: something outside the stack serves the site.
    None,
}

impl WebService {
    /// Creates the configured service with the client of its platform.
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

    /// Returns the status of the release's deployment, or of the service before there is one.
    pub async fn status(&self, release: &Release, image: &str) -> Result<ServiceStatus, AwsError> {
        let deployment_id = match &release.phase {
            Phase::Deploying { deployment_id } => deployment_id.as_deref(),
            _ => None,
        };
        match (self, deployment_id) {
            (Self::None, _) => Ok(ServiceStatus::Absent),
            (Self::AppRunner(service), Some(id)) => {
                let status = service.deployment_status(id).await?;
                Ok(ServiceStatus::Deployment(status))
            }
            (Self::AppRunner(service), None) => service.status(image, release.started_at).await,
            (Self::EcsExpress(service), Some(id)) => {
                let status = service.deployment_status(id).await?;
                Ok(ServiceStatus::Deployment(status))
            }
            (Self::EcsExpress(service), None) => service.status(image, release.started_at).await,
        }
    }

    /// Starts the deployment of an image.
    pub async fn deploy(&self, image: &str) -> Result<Signal, AwsError> {
        match self {
            Self::AppRunner(service) => service.deploy(image).await,
            Self::EcsExpress(service) => service.deploy(image).await,
            // The check finds that there is no service, and ends the release.
            Self::None => Ok(Signal::Check),
        }
    }
}
