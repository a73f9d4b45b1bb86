//! ECS Express Mode. An update is a new service revision, which a deployment brings in.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{
    EcsExpressGatewayService as Description, ExpressGatewayServiceConfiguration as Revision,
    ExpressGatewayServiceStatusCode as StatusCode, ServiceDeploymentBrief, ServiceDeploymentStatus,
};
use jiff::Timestamp;

use super::since;
use crate::call::{CallError, refusal};
use crate::words::{Event, Progress, Service};

/// An ECS Express service.
#[derive(Debug, Clone)]
pub struct EcsExpress {
    client: Client,
    arn: String,
    cluster: String,
}

impl EcsExpress {
    /// A service in its cluster, and the client that reaches it.
    pub fn new(client: Client, arn: String, cluster: String) -> Self {
        Self {
            client,
            arn,
            cluster,
        }
    }

    /// Whether the service could be rolled, or has been since the release began.
    pub async fn look(&self, image: &str, started: Timestamp) -> Result<Service, CallError> {
        let Some(service) = self.describe().await? else {
            return Ok(Service::Broken("ECS describes no service".to_owned()));
        };
        let status = service.status().and_then(|status| status.status_code());
        if status != Some(&StatusCode::Active) {
            let status = status.map_or("unknown", StatusCode::as_str);
            return Ok(Service::Broken(format!("the service's status is {status}")));
        }
        let ours = service.active_configurations().iter().find(|revision| {
            image_of(revision) == Some(image) && since(revision.created_at(), started)
        });
        Ok(match ours.and_then(Revision::service_revision_arn) {
            Some(revision) => Service::Ordered(revision.to_owned()),
            None => Service::Ready,
        })
    }

    /// How the newest deployment of a service revision is going.
    pub async fn progress(&self, revision: &str) -> Result<Progress, CallError> {
        let newest = self
            .deployments()
            .await?
            .into_iter()
            .filter(|deployment| deployment.target_service_revision_arn() == Some(revision))
            .max_by_key(|deployment| deployment.created_at().map(|time| time.secs()));
        let Some(deployment) = newest else {
            // A new one may not be listed yet.
            return Ok(Progress::UnderWay);
        };
        Ok(match deployment.status() {
            Some(ServiceDeploymentStatus::Successful) => Progress::Succeeded,
            Some(
                status @ (ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::StopRequested
                | ServiceDeploymentStatus::RollbackRequested
                | ServiceDeploymentStatus::RollbackInProgress
                | ServiceDeploymentStatus::RollbackSuccessful
                | ServiceDeploymentStatus::RollbackFailed),
            ) => {
                let reason = deployment.status_reason().unwrap_or("ECS gives no reason");
                Progress::Failed(format!("the deployment is {status}: {reason}"))
            }
            _ => Progress::UnderWay,
        })
    }

    /// Gives the service an image.
    ///
    /// The container is passed on as it was described: whether ECS keeps what an update leaves out is not documented.
    pub async fn roll(&self, image: &str) -> Result<Event, CallError> {
        let newest = self.describe().await?.and_then(|service| {
            let revisions = service.active_configurations?.into_iter();
            revisions.max_by_key(|revision| revision.created_at().map(|time| time.secs()))
        });
        let Some(mut container) = newest.and_then(|revision| revision.primary_container) else {
            return Ok(Event::Refused(
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
                    Some(revision) => Ok(Event::Rolled(revision)),
                    // The next look finds it by its image.
                    None => Ok(Event::NotNow("ECS named no service revision".to_owned())),
                }
            }
            Err(error) => refusal("update the service", error, &[]),
        }
    }

    async fn describe(&self) -> Result<Option<Description>, CallError> {
        let found = self
            .client
            .describe_express_gateway_service()
            .service_arn(&self.arn)
            .send()
            .await
            .map_err(|error| CallError::new("look at the service", error))?;
        Ok(found.service)
    }

    /// Every deployment that ECS remembers, in no documented order.
    async fn deployments(&self) -> Result<Vec<ServiceDeploymentBrief>, CallError> {
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
                .map_err(|error| CallError::new("list the service's deployments", error))?;
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
