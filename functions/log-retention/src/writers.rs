//! Whether what writes a log group still exists, asked of its own service.

use std::collections::HashMap;
use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_apprunner::{error::SdkError, types::ServiceStatus};
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;

use crate::{Writer, logs::Group};

/// A service did not say, so that its log groups count as in use.
#[derive(Debug, thiserror::Error)]
#[error("can't tell whether {writer} exists")]
pub struct WriterError {
    writer: String,
    source: Box<dyn Error + Send + Sync>,
}

/// The services that write log groups of their own. Each is asked about one thing by its name, which a role can be
/// limited to; a list of everything can't.
#[derive(Debug, Clone)]
pub struct Services {
    app_runner: aws_sdk_apprunner::Client,
    lambda: aws_sdk_lambda::Client,
    ecs: aws_sdk_ecs::Client,
}

/// What one run has asked so far.
#[derive(Debug)]
pub struct Writers<'a> {
    services: &'a Services,
    exist: HashMap<Writer, bool>,
}

impl Services {
    /// Builds the clients.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self {
            app_runner: aws_sdk_apprunner::Client::new(sdk),
            lambda: aws_sdk_lambda::Client::new(sdk),
            ecs: aws_sdk_ecs::Client::new(sdk),
        }
    }
}

impl<'a> Writers<'a> {
    /// Nothing was asked yet.
    pub fn new(services: &'a Services) -> Self {
        Self {
            services,
            exist: HashMap::new(),
        }
    }

    /// Whether the writer of this log group exists; of one that its name does not tell, it does.
    pub async fn exists(&mut self, writer: &Writer, group: &Group) -> Result<bool, WriterError> {
        if let Some(exists) = self.exist.get(writer) {
            return Ok(*exists);
        }
        let asked = match writer {
            Writer::AppRunner { service, id } => {
                self.services.app_runner_exists(service, id, group).await
            }
            Writer::Function(function) => self.services.function_exists(function).await,
            Writer::Cluster(cluster) => self.services.cluster_exists(cluster).await,
            Writer::Anyone => Ok(true),
        };
        let exists = asked.map_err(|source| WriterError {
            writer: writer.to_string(),
            source,
        })?;
        self.exist.insert(writer.clone(), exists);
        Ok(exists)
    }
}

type Asked = Result<bool, Box<dyn Error + Send + Sync>>;

impl Services {
    async fn app_runner_exists(&self, service: &str, id: &str, group: &Group) -> Asked {
        // Account and region are the log group's: arn:<partition>:logs:<region>:<account>:log-group:<name>
        let arn = group.arn.splitn(6, ':').collect::<Vec<_>>();
        let [_, partition, _, region, account, _] = arn[..] else {
            return Err(format!("{} is not an ARN", group.arn).into());
        };
        let answer = self
            .app_runner
            .describe_service()
            .service_arn(format!(
                "arn:{partition}:apprunner:{region}:{account}:service/{service}/{id}"
            ))
            .send()
            .await;
        // A deleted service is described for some time yet.
        Ok(found(answer)?
            .and_then(|answer| answer.service)
            .is_some_and(|service| service.status != ServiceStatus::Deleted))
    }

    async fn function_exists(&self, function: &str) -> Asked {
        let answer = self
            .lambda
            .get_function_configuration()
            .function_name(function)
            .send()
            .await;
        Ok(found(answer)?.is_some())
    }

    async fn cluster_exists(&self, cluster: &str) -> Asked {
        let answer = self
            .ecs
            .describe_clusters()
            .clusters(cluster)
            .send()
            .await?;
        // One that is missing is in no list but that of the failures; a deleted one is inactive for some time.
        if answer
            .failures()
            .iter()
            .any(|failure| failure.reason() != Some("MISSING"))
        {
            return Err(format!("{:?}", answer.failures()).into());
        }
        Ok(answer
            .clusters()
            .iter()
            .any(|cluster| cluster.status() != Some("INACTIVE")))
    }
}

/// The answer, or none when there is no such thing.
fn found<T, E>(answer: Result<T, SdkError<E>>) -> Result<Option<T>, Box<dyn Error + Send + Sync>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error.into()),
    }
}
