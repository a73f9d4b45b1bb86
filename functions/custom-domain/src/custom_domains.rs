//! Associates and disassociates the custom domains of App Runner services.

use std::error::Error;
use std::time::Duration;

use aws_sdk_apprunner::Client;
use aws_sdk_apprunner::config::http::HttpResponse;
use aws_sdk_apprunner::error::SdkError;
use aws_sdk_apprunner::types::{CustomDomain, CustomDomainAssociationStatus};
use tokio::time::{Instant, sleep};

use crate::association::Association;

/// Longest wait for App Runner to return the DNS records, or to end another operation on the service.
const TIMEOUT: Duration = Duration::from_secs(200);
/// Time between two requests for the state of the domain.
const POLL_INTERVAL: Duration = Duration::from_secs(3);

/// The custom domains of App Runner services.
#[derive(Debug, Clone)]
pub struct CustomDomains {
    client: Client,
    timeout: Duration,
    poll_interval: Duration,
}

/// A domain that could not be associated or disassociated.
#[derive(Debug, thiserror::Error)]
pub enum CustomDomainError {
    /// A property of the custom resource is missing or empty.
    #[error("property {0} is missing")]
    MissingProperty(&'static str),
    /// App Runner has accepted the domain and then failed to create it.
    #[error("App Runner could not create {0}; is it another service's?")]
    CreationFailed(String),
    /// The service is paused, or another operation took too long.
    #[error("the service takes no change of its domains now; resume it, or wait, and try again")]
    ServiceBusy(#[source] Box<dyn Error + Send + Sync>),
    /// App Runner returned another error.
    #[error("cannot {action}")]
    Call {
        /// The purpose of the call.
        action: &'static str,
        /// The error of App Runner or of the network.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A domain that the service has.
struct FoundDomain {
    target: String,
    domain: CustomDomain,
}

impl CustomDomains {
    /// Takes the client for App Runner.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            timeout: TIMEOUT,
            poll_interval: POLL_INTERVAL,
        }
    }

    /// Associates a domain with a service, unless the service has it, and waits for its DNS records.
    ///
    /// After the timeout it returns the association without records.
    pub async fn associate(
        &self,
        service: &str,
        domain: &str,
    ) -> Result<Association, CustomDomainError> {
        let give_up_at = Instant::now() + self.timeout;
        loop {
            match self.find(service, domain).await? {
                Some(found) if found.has_failed() => {
                    return Err(CustomDomainError::CreationFailed(domain.to_owned()));
                }
                Some(found) if found.has_records() || Instant::now() >= give_up_at => {
                    return Ok(found.into_association());
                }
                Some(_) => {}
                None => match self.request_association(service, domain).await {
                    Err(CustomDomainError::ServiceBusy(_)) if Instant::now() < give_up_at => {}
                    requested => requested?,
                },
            }
            sleep(self.poll_interval).await;
        }
    }

    /// Disassociates a domain from a service, if the service has it.
    pub async fn disassociate(&self, service: &str, domain: &str) -> Result<(), CustomDomainError> {
        let give_up_at = Instant::now() + self.timeout;
        loop {
            match self.find(service, domain).await? {
                Some(found) if !found.is_being_deleted() => {}
                _ => return Ok(()),
            }
            match self.request_disassociation(service, domain).await {
                Err(CustomDomainError::ServiceBusy(_)) if Instant::now() < give_up_at => {}
                requested => return requested,
            }
            sleep(self.poll_interval).await;
        }
    }

    async fn request_association(
        &self,
        service: &str,
        domain: &str,
    ) -> Result<(), CustomDomainError> {
        let requested = self
            .client
            .associate_custom_domain()
            .service_arn(service)
            .domain_name(domain)
            // The default would associate www.<domain> too.
            .enable_www_subdomain(false)
            .send()
            .await;
        match requested {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused)) if refused.err().is_invalid_state_exception() => {
                Err(CustomDomainError::ServiceBusy(refused.into_err().into()))
            }
            Err(error) => Err(call_error("associate the domain", error)),
        }
    }

    async fn request_disassociation(
        &self,
        service: &str,
        domain: &str,
    ) -> Result<(), CustomDomainError> {
        let requested = self
            .client
            .disassociate_custom_domain()
            .service_arn(service)
            .domain_name(domain)
            .send()
            .await;
        match requested {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused))
                if refused.err().is_resource_not_found_exception() =>
            {
                Ok(())
            }
            Err(SdkError::ServiceError(refused)) if refused.err().is_invalid_state_exception() => {
                Err(CustomDomainError::ServiceBusy(refused.into_err().into()))
            }
            Err(error) => Err(call_error("remove the domain", error)),
        }
    }

    /// Returns the domain, or `None` when the service does not have it or does not exist.
    async fn find(
        &self,
        service: &str,
        domain: &str,
    ) -> Result<Option<FoundDomain>, CustomDomainError> {
        let described = self
            .client
            .describe_custom_domains()
            .service_arn(service)
            .send()
            .await;
        match described {
            Ok(described) => {
                let target = described.dns_target;
                let mut domains = described.custom_domains.into_iter();
                Ok(domains
                    .find(|found| found.domain_name() == domain)
                    .map(|domain| FoundDomain { target, domain }))
            }
            Err(SdkError::ServiceError(refused))
                if refused.err().is_resource_not_found_exception() =>
            {
                Ok(None)
            }
            Err(error) => Err(call_error("read the service's domains", error)),
        }
    }
}

impl FoundDomain {
    fn has_failed(&self) -> bool {
        *self.domain.status() == CustomDomainAssociationStatus::CreateFailed
    }

    fn is_being_deleted(&self) -> bool {
        *self.domain.status() == CustomDomainAssociationStatus::Deleting
    }

    fn has_records(&self) -> bool {
        !self.domain.certificate_validation_records().is_empty()
    }

    fn into_association(self) -> Association {
        Association {
            target: self.target,
            validation_records: self
                .domain
                .certificate_validation_records
                .unwrap_or_default(),
        }
    }
}

fn call_error<E>(action: &'static str, error: SdkError<E, HttpResponse>) -> CustomDomainError
where
    E: Error + Send + Sync + 'static,
{
    CustomDomainError::Call {
        action,
        source: error.into(),
    }
}

#[cfg(test)]
mod tests;
