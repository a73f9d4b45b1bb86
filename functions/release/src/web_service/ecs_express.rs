//! A service of ECS Express Mode. An update makes a new service revision, and a deployment puts it into service.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    EcsExpressGatewayService as Description, ExpressGatewayServiceConfiguration as Revision,
    ExpressGatewayServiceStatusCode as StatusCode, ServiceDeploymentBrief, ServiceDeploymentStatus,
};
use jiff::Timestamp;

use super::creation_time::is_since;
use crate::aws_error::AwsError;
use crate::observation::{DeploymentStatus, ServiceStatus as Status};
use crate::refusal;
use crate::signal::Signal;

/// A service of ECS Express Mode.
#[derive(Debug, Clone)]
pub struct EcsExpress {
    client: Client,
    arn: String,
    cluster: String,
}

impl EcsExpress {
    /// Creates the service with this ARN, in the cluster with this name.
    pub fn new(client: Client, arn: String, cluster: String) -> Self {
        Self {
            client,
            arn,
            cluster,
        }
    }

    /// Returns the deployment of the image that was accepted since the release started, or else the service's readiness.
    pub async fn status(&self, image: &str, started_at: Timestamp) -> Result<Status, AwsError> {
        let Some(service) = self.describe().await? else {
            return Ok(Status::Unusable("ECS describes no service".to_owned()));
        };
        let status = service.status().and_then(|status| status.status_code());
        if status != Some(&StatusCode::Active) {
            let status = status.map_or("unknown", StatusCode::as_str);
            return Ok(Status::Unusable(format!(
                "the service's status is {status}"
            )));
        }
        let accepted = service.active_configurations().iter().find(|revision| {
            image_of(revision) == Some(image) && is_since(revision.created_at(), started_at)
        });
        Ok(match accepted.and_then(Revision::service_revision_arn) {
            Some(revision) => Status::Accepted {
                deployment_id: revision.to_owned(),
            },
            None => Status::Ready,
        })
    }

    /// Returns the status of the newest deployment of the service revision with this ARN.
    pub async fn deployment_status(&self, revision: &str) -> Result<DeploymentStatus, AwsError> {
        let newest = self
            .deployments()
            .await?
            .into_iter()
            .filter(|deployment| deployment.target_service_revision_arn() == Some(revision))
            .max_by_key(|deployment| deployment.created_at().map(|time| time.secs()));
        let Some(deployment) = newest else {
            // A new deployment may not be listed yet.
            return Ok(DeploymentStatus::InProgress);
        };
        Ok(match deployment.status() {
            Some(ServiceDeploymentStatus::Successful) => DeploymentStatus::Succeeded,
            Some(
                status @ (ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::StopRequested
                | ServiceDeploymentStatus::RollbackRequested
                | ServiceDeploymentStatus::RollbackInProgress
                | ServiceDeploymentStatus::RollbackSuccessful
                | ServiceDeploymentStatus::RollbackFailed),
            ) => {
                let reason = deployment.status_reason().unwrap_or("ECS gives no reason");
                DeploymentStatus::Failed(format!("the deployment is {status}: {reason}"))
            }
            _ => DeploymentStatus::InProgress,
        })
    }

    /// Updates the service to the image.
    ///
    /// The container is passed on as it was described. It is not documented whether ECS keeps what an update leaves out.
    pub async fn deploy(&self, image: &str) -> Result<Signal, AwsError> {
        let newest = self.describe().await?.and_then(|service| {
            let revisions = service.active_configurations?.into_iter();
            revisions.max_by_key(|revision| revision.created_at().map(|time| time.secs()))
        });
        let Some(mut container) = newest.and_then(|revision| revision.primary_container) else {
            return Ok(Signal::CommandRefused(
                "ECS describes no container of the service".to_owned(),
            ));
        };
        image.clone_into(&mut container.image);
        let updated = self
            .client
            .update_express_gateway_service()
            .service_arn(&self.arn)
            .primary_container(container)
            .send()
            .await;
        match updated {
            Ok(updated) => {
                let target = updated
                    .service
                    .and_then(|service| service.target_configuration);
                match target.and_then(|target| target.service_revision_arn) {
                    Some(deployment_id) => Ok(Signal::DeploymentAccepted { deployment_id }),
                    // The next check finds the revision by its image.
                    None => {
                        let reason = "ECS named no service revision";
                        Ok(Signal::CommandDeferred(reason.to_owned()))
                    }
                }
            }
            Err(error) => refusal::signal_of("update the service", error, &[]),
        }
    }

    async fn describe(&self) -> Result<Option<Description>, AwsError> {
        let found = self
            .client
            .describe_express_gateway_service()
            .service_arn(&self.arn)
            .send()
            .await
            .map_err(|error| AwsError::new("describe the service", error))?;
        Ok(found.service)
    }

    /// Returns all deployments that ECS lists, in no documented order.
    async fn deployments(&self) -> Result<Vec<ServiceDeploymentBrief>, AwsError> {
        let mut deployments = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .client
                .list_service_deployments()
                .cluster(&self.cluster)
                .service(&self.arn)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| AwsError::new("list the service's deployments", error))?;
            deployments.extend(page.service_deployments.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(deployments);
            }
        }
    }
}

fn image_of(revision: &Revision) -> Option<&str> {
    Some(revision.primary_container()?.image())
}

#[cfg(test)]
mod tests;
