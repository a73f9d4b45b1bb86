//! Asks the AWS services whether the writers of log groups still exist.

use std::collections::HashMap;
use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_apprunner::{error::SdkError, types::ServiceStatus};
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;

use crate::log_group::LogGroup;
use crate::writer::Writer;

type BoxError = Box<dyn Error + Send + Sync>;

/// A service did not tell whether a writer exists. Its log groups count as in use.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell whether {writer} exists")]
pub struct WriterError {
    writer: String,
    source: BoxError,
}

/// The services that create log groups of their own.
///
/// Each call asks for one resource by its name, which a role can be limited to. A call that lists all resources cannot be
/// limited.
#[derive(Debug, Clone)]
pub struct ServiceClients {
    app_runner: aws_sdk_apprunner::Client,
    lambda: aws_sdk_lambda::Client,
    ecs: aws_sdk_ecs::Client,
}

/// The writers that a run has asked for so far.
#[derive(Debug)]
pub struct Writers<'a> {
    clients: &'a ServiceClients,
    known: HashMap<Writer, bool>,
}

impl<'a> Writers<'a> {
    /// Starts without any known writer.
    pub fn new(clients: &'a ServiceClients) -> Self {
        Self {
            clients,
            known: HashMap::new(),
        }
    }

    /// Returns true when the writer of a log group exists. An unknown writer counts as existing.
    pub async fn exists(&mut self, writer: &Writer, group: &LogGroup) -> Result<bool, WriterError> {
        if let Some(exists) = self.known.get(writer) {
            return Ok(*exists);
        }
        let answer = match writer {
            Writer::AppRunner { service, id } => {
                self.clients.app_runner_exists(service, id, group).await
            }
            Writer::Function(function) => self.clients.function_exists(function).await,
            Writer::Cluster(cluster) => self.clients.cluster_exists(cluster).await,
            Writer::Unknown => Ok(true),
        };
        let exists = answer.map_err(|source| WriterError {
            writer: writer.to_string(),
            source,
        })?;
        self.known.insert(writer.clone(), exists);
        Ok(exists)
    }
}

impl ServiceClients {
    /// Builds the clients.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self {
            app_runner: aws_sdk_apprunner::Client::new(sdk),
            lambda: aws_sdk_lambda::Client::new(sdk),
            ecs: aws_sdk_ecs::Client::new(sdk),
        }
    }

    async fn app_runner_exists(
        &self,
        service: &str,
        id: &str,
        group: &LogGroup,
    ) -> Result<bool, BoxError> {
        // Account and region are the log group's: arn:<partition>:logs:<region>:<account>:log-group:<name>
        let arn = group.arn.splitn(6, ':').collect::<Vec<_>>();
        let [_, partition, _, region, account, _] = arn[..] else {
            return Err(format!("{} is not an ARN", group.arn).into());
        };
        let described = self
            .app_runner
            .describe_service()
            .service_arn(format!(
                "arn:{partition}:apprunner:{region}:{account}:service/{service}/{id}"
            ))
            .send()
            .await;
        // A deleted service is described for some time.
        Ok(none_if_not_found(described)?
            .and_then(|described| described.service)
            .is_some_and(|service| service.status != ServiceStatus::Deleted))
    }

    async fn function_exists(&self, function: &str) -> Result<bool, BoxError> {
        let configuration = self
            .lambda
            .get_function_configuration()
            .function_name(function)
            .send()
            .await;
        Ok(none_if_not_found(configuration)?.is_some())
    }

    async fn cluster_exists(&self, cluster: &str) -> Result<bool, BoxError> {
        let described = self
            .ecs
            .describe_clusters()
            .clusters(cluster)
            .send()
            .await?;
        // A missing cluster is a failure of the answer. A deleted cluster is inactive for some time.
        if described
            .failures()
            .iter()
            .any(|failure| failure.reason() != Some("MISSING"))
        {
            return Err(format!("{:?}", described.failures()).into());
        }
        Ok(described
            .clusters()
            .iter()
            .any(|cluster| cluster.status() != Some("INACTIVE")))
    }
}

/// Returns the result of a call, or `None` when the resource does not exist.
fn none_if_not_found<T, E>(result: Result<T, SdkError<E>>) -> Result<Option<T>, BoxError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error.into()),
    }
}
