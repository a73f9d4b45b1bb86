//! App Runner. It does one operation at a time, and none while it is paused.

use aws_sdk_apprunner::Client;
use aws_sdk_apprunner::types::{
    OperationStatus, OperationSummary, OperationType, Service as Description, ServiceStatus,
};
use jiff::Timestamp;

use super::since;
use crate::call::{CallError, refusal};
use crate::words::{Event, Progress, Service};

/// An App Runner service.
#[derive(Debug, Clone)]
pub struct AppRunner {
    client: Client,
    arn: String,
}

impl AppRunner {
    /// A service and the client that reaches it.
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Whether the service could be rolled, or has been since the release began.
    pub async fn look(&self, image: &str, started: Timestamp) -> Result<Service, CallError> {
        let Some(service) = self.describe().await? else {
            return Ok(Service::Broken(
                "App Runner describes no service".to_owned(),
            ));
        };
        if image_of(&service) == Some(image) {
            let ours = self.operations().await?.into_iter().find(|operation| {
                matches!(
                    operation.r#type(),
                    Some(OperationType::UpdateService | OperationType::StartDeployment)
                ) && since(operation.started_at(), started)
            });
            if let Some(id) = ours.and_then(|operation| operation.id) {
                return Ok(Service::Ordered(id));
            }
        }
        Ok(match service.status() {
            ServiceStatus::Running => Service::Ready,
            ServiceStatus::Paused => Service::Paused,
            ServiceStatus::OperationInProgress => Service::Busy,
            status => Service::Broken(format!("the service's status is {status}")),
        })
    }

    /// How an operation is going, by its id.
    pub async fn progress(&self, operation: &str) -> Result<Progress, CallError> {
        let found = self.operations().await?;
        let found = found.iter().find(|found| found.id() == Some(operation));
        Ok(match found.and_then(OperationSummary::status) {
            Some(OperationStatus::Succeeded) => Progress::Succeeded,
            // App Runner goes back to the version before by itself.
            Some(
                status @ (OperationStatus::Failed
                | OperationStatus::RollbackInProgress
                | OperationStatus::RollbackFailed
                | OperationStatus::RollbackSucceeded),
            ) => Progress::Failed(format!(
                "App Runner's operation {operation} is {status}; its service log says why"
            )),
            // A new operation may not be listed yet.
            _ => Progress::UnderWay,
        })
    }

    /// Gives the service an image: as a new source, or, where that is its source already, as a new deployment.
    ///
    /// A deployment alone would take whatever a tag means by then, and that may not have been migrated.
    pub async fn roll(&self, image: &str) -> Result<Event, CallError> {
        let Some(service) = self.describe().await? else {
            return Ok(Event::Refused("App Runner describes no service".to_owned()));
        };
        if image_of(&service) == Some(image) {
            return self.deploy().await;
        }
        // UpdateService takes the source as a whole: variables, secrets and the access role are passed on.
        let mut source = service.source_configuration;
        match source
            .as_mut()
            .and_then(|source| source.image_repository.as_mut())
        {
            Some(repository) => image.clone_into(&mut repository.image_identifier),
            None => {
                return Ok(Event::Refused(
                    "the service's source is no image".to_owned(),
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
            Ok(updated) => Ok(Event::Rolled(updated.operation_id)),
            Err(error) => refusal("update the service", error, &["InvalidStateException"]),
        }
    }

    async fn deploy(&self) -> Result<Event, CallError> {
        let started = self
            .client
            .start_deployment()
            .service_arn(&self.arn)
            .send()
            .await;
        match started {
            Ok(started) => Ok(Event::Rolled(started.operation_id)),
            // This operation has no other code for a service that is paused or busy.
            Err(error) => refusal("start a deployment", error, &["InvalidRequestException"]),
        }
    }

    async fn describe(&self) -> Result<Option<Description>, CallError> {
        let found = self
            .client
            .describe_service()
            .service_arn(&self.arn)
            .send()
            .await
            .map_err(|error| CallError::new("look at the service", error))?;
        Ok(found.service)
    }

    /// The newest operations, newest first.
    async fn operations(&self) -> Result<Vec<OperationSummary>, CallError> {
        let found = self
            .client
            .list_operations()
            .service_arn(&self.arn)
            .max_results(20)
            .send()
            .await
            .map_err(|error| CallError::new("list the service's operations", error))?;
        Ok(found.operation_summary_list.unwrap_or_default())
    }
}

fn image_of(service: &Description) -> Option<&str> {
    let source = service.source_configuration()?;
    Some(source.image_repository()?.image_identifier())
}

#[cfg(test)]
mod tests;
