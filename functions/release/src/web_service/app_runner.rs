//! A service of App Runner. It runs one operation at a time, and none while it is paused.

use aws_sdk_apprunner::Client;
use aws_sdk_apprunner::types::{
    OperationStatus, OperationSummary, OperationType, Service as Description, ServiceStatus,
};
use jiff::Timestamp;

use super::creation_time::is_since;
use crate::aws_error::AwsError;
use crate::observation::{DeploymentStatus, ServiceStatus as Status};
use crate::refusal;
use crate::signal::Signal;

/// A service of App Runner.
#[derive(Debug, Clone)]
pub struct AppRunner {
    client: Client,
    arn: String,
}

impl AppRunner {
    /// Creates the service with this ARN.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Returns the deployment of the image that was accepted since the release started, or else the service's readiness.
    pub async fn status(&self, image: &str, started_at: Timestamp) -> Result<Status, AwsError> {
        let Some(service) = self.describe().await? else {
            return Ok(Status::Unusable(
                "App Runner describes no service".to_owned(),
            ));
        };
        if image_of(&service) == Some(image) {
            let deployment = self.operations().await?.into_iter().find(|operation| {
                matches!(
                    operation.r#type(),
                    Some(OperationType::UpdateService | OperationType::StartDeployment)
                ) && is_since(operation.started_at(), started_at)
            });
            if let Some(deployment_id) = deployment.and_then(|operation| operation.id) {
                return Ok(Status::Accepted { deployment_id });
            }
        }
        Ok(match service.status() {
            ServiceStatus::Running => Status::Ready,
            ServiceStatus::Paused => Status::Paused,
            ServiceStatus::OperationInProgress => Status::Busy,
            status => Status::Unusable(format!("the service's status is {status}")),
        })
    }

    /// Returns the status of the deployment that is the operation with this id.
    pub async fn deployment_status(&self, operation: &str) -> Result<DeploymentStatus, AwsError> {
        let operations = self.operations().await?;
        let found = (operations.iter()).find(|found| found.id() == Some(operation));
        Ok(match found.and_then(OperationSummary::status) {
            Some(OperationStatus::Succeeded) => DeploymentStatus::Succeeded,
            // App Runner returns to the version before by itself.
            Some(
                status @ (OperationStatus::Failed
                | OperationStatus::RollbackInProgress
                | OperationStatus::RollbackFailed
                | OperationStatus::RollbackSucceeded),
            ) => DeploymentStatus::Failed(format!(
                "App Runner's operation {operation} is {status}; its service log says why"
            )),
            // A new operation may not be listed yet.
            _ => DeploymentStatus::InProgress,
        })
    }

    /// Makes the image the source of the service. If it is the source already, starts another deployment of it.
    ///
    /// A deployment alone would take whatever image the tag names by then, which may not have been migrated.
    pub async fn deploy(&self, image: &str) -> Result<Signal, AwsError> {
        let Some(service) = self.describe().await? else {
            return Ok(Signal::CommandRefused(
                "App Runner describes no service".to_owned(),
            ));
        };
        if image_of(&service) == Some(image) {
            return self.start_deployment().await;
        }
        // UpdateService replaces the whole source. Variables, secrets and the access role are passed on.
        let mut source = service.source_configuration;
        match source
            .as_mut()
            .and_then(|source| source.image_repository.as_mut())
        {
            Some(repository) => image.clone_into(&mut repository.image_identifier),
            None => {
                return Ok(Signal::CommandRefused(
                    "the source of the service is not an image".to_owned(),
                ));
            }
        }
        let updated = self
            .client
            .update_service()
            .service_arn(&self.arn)
            .set_source_configuration(source)
            .send()
            .await;
        match updated {
            Ok(updated) => Ok(Signal::DeploymentAccepted {
                deployment_id: updated.operation_id,
            }),
            Err(error) => {
                refusal::signal_of("update the service", error, &["InvalidStateException"])
            }
        }
    }

    async fn start_deployment(&self) -> Result<Signal, AwsError> {
        let started = self
            .client
            .start_deployment()
            .service_arn(&self.arn)
            .send()
            .await;
        match started {
            Ok(started) => Ok(Signal::DeploymentAccepted {
                deployment_id: started.operation_id,
            }),
            // StartDeployment has no other code for a service that is paused or busy.
            Err(error) => {
                refusal::signal_of("start a deployment", error, &["InvalidRequestException"])
            }
        }
    }

    async fn describe(&self) -> Result<Option<Description>, AwsError> {
        let found = self
            .client
            .describe_service()
            .service_arn(&self.arn)
            .send()
            .await
            .map_err(|error| AwsError::new("describe the service", error))?;
        Ok(found.service)
    }

    /// Returns the newest 20 operations, newest first.
    async fn operations(&self) -> Result<Vec<OperationSummary>, AwsError> {
        let found = self
            .client
            .list_operations()
            .service_arn(&self.arn)
            .max_results(20)
            .send()
            .await
            .map_err(|error| AwsError::new("list the service's operations", error))?;
        Ok(found.operation_summary_list.unwrap_or_default())
    }
}

fn image_of(service: &Description) -> Option<&str> {
    let source = service.source_configuration()?;
    Some(source.image_repository()?.image_identifier())
}

#[cfg(test)]
mod tests;
