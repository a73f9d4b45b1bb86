//! The edge: takes Lambda's types and returns nothing, because CloudFormation gets its own answer.

use std::time::SystemTime;

use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument;
use wagrun_custom_resource::{Request, RequestType, Resource, serve};
use wagrun_lambda::telemetry::failed;

use crate::custom_domains::{CustomDomainError, CustomDomains};

/// The id of a resource that has no domain, because the creation failed for lack of one.
const ID_WITHOUT_DOMAIN: &str = "none";
/// The type of every error that Lambda's caller gets.
const ERROR_TYPE: &str = "CustomDomainFailed";

/// Serves one request of CloudFormation.
///
/// # Errors
/// Fails for a payload that is not such a request, for a domain that could not be set, and without an answer to CloudFormation.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: Lambda gives a deadline of the wall clock"
)]
pub async fn handle(domains: &CustomDomains, event: LambdaEvent<Value>) -> Result<(), Diagnostic> {
    let request = parse(&event.payload).map_err(|error| failed(ERROR_TYPE, error.as_ref()))?;
    let properties = &request.resource_properties;
    let remaining = event
        .context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let deadline = Instant::now() + remaining;
    let new_id = property(properties, "DomainName").unwrap_or(ID_WITHOUT_DOMAIN);
    let span = tracing::info_span!(
        "run",
        domain = property(properties, "DomainName").ok(),
        service = property(properties, "ServiceArn").ok(),
    );
    let work = async {
        serve(&request, new_id, deadline, async |request_type| {
            apply(domains, request_type, properties).await
        })
        .await
        .map_err(|error| failed(ERROR_TYPE, &error))
    };
    work.instrument(span).await
}

pub fn parse(payload: &Value) -> Result<Request, Error> {
    Ok(Request::parse(payload).ok_or("expected a request of CloudFormation")??)
}

async fn apply(
    domains: &CustomDomains,
    request_type: RequestType,
    properties: &Map<String, Value>,
) -> Result<Resource, CustomDomainError> {
    let (service, domain) = match (
        property(properties, "ServiceArn"),
        property(properties, "DomainName"),
    ) {
        (Ok(service), Ok(domain)) => (service, domain),
        // Such a resource was never created. Its deletion must not fail, because the stack could not be deleted then.
        _ if request_type == RequestType::Delete => {
            return Ok(Resource {
                physical_id: ID_WITHOUT_DOMAIN.to_owned(),
                ..Resource::default()
            });
        }
        (service, domain) => (service?, domain?),
    };
    let data = match request_type {
        RequestType::Create | RequestType::Update => {
            let association = domains.associate(service, domain).await?;
            let validation_records = association.validation_records.len();
            tracing::info!(validation_records, "domain associated");
            association.attributes()
        }
        RequestType::Delete => {
            domains.disassociate(service, domain).await?;
            tracing::info!("domain disassociated");
            Map::new()
        }
    };
    // With the domain as the id, CloudFormation removes the old domain as soon as the new one is there.
    Ok(Resource {
        physical_id: domain.to_owned(),
        data,
    })
}

fn property<'a>(
    properties: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, CustomDomainError> {
    let text = properties.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
        .ok_or(CustomDomainError::MissingProperty(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testing::replay::Replay;

    const SERVICE: &str = "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/s";

    #[tokio::test]
    async fn a_missing_property_is_named() {
        let domains = CustomDomains::new(aws_sdk_apprunner::Client::new(
            &Replay::new([(200, "{}")]).config(),
        ));
        for properties in [
            json!({"ServiceArn": SERVICE}),
            json!({"ServiceArn": SERVICE, "DomainName": ""}),
        ] {
            let properties = properties.as_object().unwrap();
            let error = apply(&domains, RequestType::Create, properties)
                .await
                .unwrap_err();
            assert_eq!(error.to_string(), "property DomainName is missing");
            apply(&domains, RequestType::Delete, properties)
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn the_domain_is_the_resources_id() {
        let answer = json!({
            "DNSTarget": "x.awsapprunner.com", "ServiceArn": SERVICE, "VpcDNSTargets": [],
            "CustomDomains": [{
                "DomainName": "www.example.org", "EnableWWWSubdomain": false, "Status": "ACTIVE",
                "CertificateValidationRecords": [{"Name": "_a", "Type": "CNAME", "Value": "_b"}],
            }],
        });
        let replay = Replay::new([(200, answer.to_string())]);
        let domains = CustomDomains::new(aws_sdk_apprunner::Client::new(&replay.config()));
        let properties = json!({"ServiceArn": SERVICE, "DomainName": "www.example.org"});
        let resource = apply(
            &domains,
            RequestType::Update,
            properties.as_object().unwrap(),
        )
        .await;
        assert_eq!(resource.unwrap().physical_id, "www.example.org");
    }
}
