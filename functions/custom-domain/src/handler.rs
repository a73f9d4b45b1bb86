//! The edge: Lambda's types in, nothing out; CloudFormation gets its own answer.

use std::time::SystemTime;

use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use serde_json::{Map, Value};
use tokio::time::Instant;
use wagrun_custom_resource::{Change, Request, Resource};

use crate::domain::{DomainError, Domains};

/// Serves one request of CloudFormation's.
///
/// # Errors
/// When the payload is none, when the domain could not be set, or when CloudFormation could not be told.
pub async fn handle(domains: &Domains, event: LambdaEvent<Value>) -> Result<(), Diagnostic> {
    serve(domains, &event)
        .await
        .map_err(|error| wagrun_lambda::telemetry::failed("CustomDomainFailed", error.as_ref()))
}

async fn serve(domains: &Domains, event: &LambdaEvent<Value>) -> Result<(), Error> {
    let request =
        Request::parse(&event.payload).ok_or("expected a request of CloudFormation's")??;
    let remaining = event
        .context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    let properties = &request.resource_properties;
    // The id of a creation that fails, by which CloudFormation takes it back.
    let id = property(properties, "DomainName").unwrap_or("none");
    let served = request.serve(id, Instant::now() + remaining, async |change| {
        apply(domains, change, properties).await
    });
    Ok(served.await?)
}

async fn apply(
    domains: &Domains,
    change: Change,
    properties: &Map<String, Value>,
) -> Result<Resource, DomainError> {
    let (service, domain) = match (
        property(properties, "ServiceArn"),
        property(properties, "DomainName"),
    ) {
        (Ok(service), Ok(domain)) => (service, domain),
        // What is deleted here was never created, and must not keep the stack.
        _ if change == Change::Delete => {
            return Ok(Resource {
                physical_id: "none".to_owned(),
                ..Resource::default()
            });
        }
        (service, domain) => (service?, domain?),
    };
    tracing::info!(?change, service, domain, "asked");
    let data = match change {
        Change::Create | Change::Update => domains.associate(service, domain).await?.data(),
        Change::Delete => {
            domains.disassociate(service, domain).await?;
            Map::new()
        }
    };
    // The id is the domain: with another one CloudFormation takes the old one away once the new one is there.
    Ok(Resource {
        physical_id: domain.to_owned(),
        data,
    })
}

fn property<'a>(
    properties: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, DomainError> {
    let text = properties.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
        .ok_or(DomainError::Missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testing::replay::Replay;

    const SERVICE: &str = "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/s";

    #[tokio::test]
    async fn a_missing_property_is_named() {
        let domains = Domains::new(aws_sdk_apprunner::Client::new(
            &Replay::new([(200, "{}")]).config(),
        ));
        for properties in [
            json!({"ServiceArn": SERVICE}),
            json!({"ServiceArn": SERVICE, "DomainName": ""}),
        ] {
            let properties = properties.as_object().unwrap();
            let error = apply(&domains, Change::Create, properties)
                .await
                .unwrap_err();
            assert_eq!(error.to_string(), "property DomainName is missing");
            apply(&domains, Change::Delete, properties).await.unwrap();
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
        let domains = Domains::new(aws_sdk_apprunner::Client::new(&replay.config()));
        let properties = json!({"ServiceArn": SERVICE, "DomainName": "www.example.org"});
        let resource = apply(&domains, Change::Update, properties.as_object().unwrap()).await;
        assert_eq!(resource.unwrap().physical_id, "www.example.org");
    }
}
