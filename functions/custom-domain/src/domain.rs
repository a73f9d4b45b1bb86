//! App Runner's custom domains: there or not, and with which DNS records.

use std::time::Duration;

use aws_sdk_apprunner::Client;
use aws_sdk_apprunner::config::http::HttpResponse;
use aws_sdk_apprunner::error::{DisplayErrorContext, SdkError};
use aws_sdk_apprunner::types::{
    CertificateValidationRecord, CustomDomain, CustomDomainAssociationStatus,
};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

/// How long App Runner may take to have the records, or to be done with another operation.
const PATIENCE: Duration = Duration::from_secs(200);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(3);

/// The domains of App Runner services.
#[derive(Debug, Clone)]
pub struct Domains {
    client: Client,
    patience: Duration,
    pause: Duration,
}

/// A domain that belongs to a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Association {
    /// What the domain's own record must point to.
    pub target: String,
    /// What else its DNS needs, so that App Runner gets a certificate. None when App Runner was slow.
    pub records: Vec<CertificateValidationRecord>,
}

/// The domain is not as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// The request lacks something.
    #[error("property {0} is missing")]
    Missing(&'static str),
    /// App Runner gave it up.
    #[error("App Runner could not create {0}; is it another service's?")]
    Refused(String),
    /// The service is paused, or busy for too long.
    #[error(
        "the service takes no change of its domains now; resume it, or wait, and try again: {0}"
    )]
    State(String),
    /// A call failed.
    #[error("can't {what}: {why}")]
    Call {
        /// What was tried.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl Association {
    /// What `!GetAtt` can ask for: `DnsTarget`, `ValidationRecords` for people, and each record's name and value by number.
    pub fn data(&self) -> Map<String, Value> {
        let mut data = Map::new();
        data.insert("DnsTarget".to_owned(), json!(self.target));
        let mut lines = Vec::new();
        for (number, record) in (1..).zip(&self.records) {
            let (name, value) = (
                record.name().unwrap_or_default(),
                record.value().unwrap_or_default(),
            );
            data.insert(format!("ValidationName{number}"), json!(name));
            data.insert(format!("ValidationValue{number}"), json!(value));
            lines.push(format!("{name} CNAME {value}"));
        }
        if lines.is_empty() {
            lines.push("not known yet: aws apprunner describe-custom-domains".to_owned());
        }
        data.insert("ValidationRecords".to_owned(), json!(lines.join("\n")));
        data
    }
}

impl Domains {
    /// With the client that reaches App Runner.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            patience: PATIENCE,
            pause: PAUSE,
        }
    }

    /// Gives a service a domain, unless it has it, and waits a while for the records.
    pub async fn associate(&self, service: &str, domain: &str) -> Result<Association, DomainError> {
        let give_up = Instant::now() + self.patience;
        loop {
            let found = self.find(service, domain).await?;
            let busy = match found {
                Some((_, found))
                    if *found.status() == CustomDomainAssociationStatus::CreateFailed =>
                {
                    return Err(DomainError::Refused(domain.to_owned()));
                }
                Some((target, found)) => {
                    let records = found.certificate_validation_records.unwrap_or_default();
                    if !records.is_empty() || Instant::now() >= give_up {
                        return Ok(Association { target, records });
                    }
                    None
                }
                None => self.ask_for(service, domain).await?,
            };
            if let Some(busy) = busy.filter(|_| Instant::now() >= give_up) {
                return Err(DomainError::State(busy));
            }
            sleep(self.pause).await;
        }
    }

    /// Takes a domain from a service, if it has it.
    pub async fn disassociate(&self, service: &str, domain: &str) -> Result<(), DomainError> {
        let give_up = Instant::now() + self.patience;
        loop {
            let Some((_, found)) = self.find(service, domain).await? else {
                return Ok(());
            };
            if *found.status() == CustomDomainAssociationStatus::Deleting {
                return Ok(());
            }
            let gone = self
                .client
                .disassociate_custom_domain()
                .service_arn(service)
                .domain_name(domain)
                .send()
                .await;
            let busy = match gone {
                Ok(_) => return Ok(()),
                Err(error) => match error.as_service_error() {
                    Some(refused) if refused.is_resource_not_found_exception() => return Ok(()),
                    Some(refused) if refused.is_invalid_state_exception() => refused.to_string(),
                    _ => return Err(failed("remove the domain", error)),
                },
            };
            if Instant::now() >= give_up {
                return Err(DomainError::State(busy));
            }
            sleep(self.pause).await;
        }
    }

    /// Asks for a domain; why not, when the service takes no change at this moment.
    async fn ask_for(&self, service: &str, domain: &str) -> Result<Option<String>, DomainError> {
        let asked = self
            .client
            .associate_custom_domain()
            .service_arn(service)
            .domain_name(domain)
            // The default would take www.<domain> along.
            .enable_www_subdomain(false)
            .send()
            .await;
        match asked {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_invalid_state_exception() => {
                    Ok(Some(refused.to_string()))
                }
                _ => Err(failed("associate the domain", error)),
            },
        }
    }

    /// The domain, when the service has it, and what its record must point to.
    async fn find(
        &self,
        service: &str,
        domain: &str,
    ) -> Result<Option<(String, CustomDomain)>, DomainError> {
        let found = self
            .client
            .describe_custom_domains()
            .service_arn(service)
            .send()
            .await;
        let found = match found {
            Ok(found) => found,
            Err(error)
                if (error.as_service_error())
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed("look at the service's domains", error)),
        };
        let target = found.dns_target;
        let ours = found.custom_domains.into_iter();
        let mut ours = ours.filter(|found| found.domain_name() == domain);
        Ok(ours.next().map(|found| (target, found)))
    }
}

fn failed<E>(what: &'static str, error: SdkError<E, HttpResponse>) -> DomainError
where
    E: std::error::Error + 'static,
{
    let why = DisplayErrorContext(error).to_string();
    DomainError::Call { what, why }
}

#[cfg(test)]
mod tests;
