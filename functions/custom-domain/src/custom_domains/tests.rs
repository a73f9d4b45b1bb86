use serde_json::{Value, json};
use testing::replay::Replay;
use wagrun_lambda::telemetry::chain;

use super::*;

const SERVICE: &str = "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/1";
const DOMAIN: &str = "www.example.org";

fn custom_domain(name: &str, status: &str, records: usize) -> Value {
    let records: Vec<_> = (1..=records)
        .map(|n| json!({"Name": format!("_{n}.{name}."), "Type": "CNAME", "Value": format!("_{n}.acm-validations.aws.")}))
        .collect();
    json!({
        "DomainName": name, "EnableWWWSubdomain": false, "Status": status, "CertificateValidationRecords": records,
    })
}

fn domains(domains: &[Value]) -> (u16, String) {
    let answer = json!({
        "DNSTarget": "x.eu-central-1.awsapprunner.com", "ServiceArn": SERVICE, "VpcDNSTargets": [],
        "CustomDomains": domains,
    });
    (200, answer.to_string())
}

fn changed() -> (u16, String) {
    let answer = json!({
        "DNSTarget": "x.eu-central-1.awsapprunner.com", "ServiceArn": SERVICE, "VpcDNSTargets": [],
        "CustomDomain": custom_domain(DOMAIN, "CREATING", 0),
    });
    (200, answer.to_string())
}

fn refused(code: &str) -> (u16, String) {
    (
        400,
        json!({"__type": code, "Message": "not now"}).to_string(),
    )
}

/// The client under test, which never sleeps between two requests.
fn custom_domains(replay: &Replay, timeout: Duration) -> CustomDomains {
    CustomDomains {
        timeout,
        poll_interval: Duration::ZERO,
        ..CustomDomains::new(Client::new(&replay.config()))
    }
}

fn calls(replay: &Replay) -> Vec<(String, Value)> {
    replay
        .requests()
        .into_iter()
        .map(|request| {
            let (_, operation) = request.operation.split_once('.').unwrap();
            (
                operation.to_owned(),
                serde_json::from_str(&request.body).unwrap(),
            )
        })
        .collect()
}

fn names(replay: &Replay) -> Vec<String> {
    calls(replay).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn a_domain_is_associated_and_its_records_are_waited_for() {
    let other = custom_domain("example.org", "ACTIVE", 1);
    let replay = Replay::new([
        domains(std::slice::from_ref(&other)),
        changed(),
        domains(&[other.clone(), custom_domain(DOMAIN, "CREATING", 0)]),
        domains(&[
            other,
            custom_domain(DOMAIN, "PENDING_CERTIFICATE_DNS_VALIDATION", 2),
        ]),
    ]);
    let association = custom_domains(&replay, TIMEOUT)
        .associate(SERVICE, DOMAIN)
        .await
        .unwrap();
    assert_eq!(
        Value::Object(association.attributes()),
        json!({
            "DnsTarget": "x.eu-central-1.awsapprunner.com",
            "ValidationName1": "_1.www.example.org.", "ValidationValue1": "_1.acm-validations.aws.",
            "ValidationName2": "_2.www.example.org.", "ValidationValue2": "_2.acm-validations.aws.",
            "ValidationRecords": "_1.www.example.org. CNAME _1.acm-validations.aws.\n\
                                  _2.www.example.org. CNAME _2.acm-validations.aws.",
        })
    );
    let associate =
        json!({"ServiceArn": SERVICE, "DomainName": DOMAIN, "EnableWWWSubdomain": false});
    assert_eq!(
        calls(&replay)[1],
        ("AssociateCustomDomain".to_owned(), associate)
    );
    assert_eq!(
        calls(&replay)[0],
        (
            "DescribeCustomDomains".to_owned(),
            json!({"ServiceArn": SERVICE})
        )
    );
}

#[tokio::test]
async fn a_domain_that_the_service_has_is_not_requested_again() {
    let replay = Replay::new([domains(&[custom_domain(DOMAIN, "ACTIVE", 1)])]);
    let association = custom_domains(&replay, TIMEOUT)
        .associate(SERVICE, DOMAIN)
        .await
        .unwrap();
    assert_eq!(association.validation_records.len(), 1);
    assert_eq!(names(&replay), ["DescribeCustomDomains"]);
}

#[tokio::test]
async fn without_records_in_time_the_domain_is_associated_all_the_same() {
    let replay = Replay::new([domains(&[custom_domain(DOMAIN, "CREATING", 0)])]);
    let association = custom_domains(&replay, Duration::ZERO)
        .associate(SERVICE, DOMAIN)
        .await
        .unwrap();
    let attributes = association.attributes();
    assert_eq!(
        attributes["ValidationRecords"],
        "not known yet: aws apprunner describe-custom-domains"
    );
    assert_eq!(attributes["DnsTarget"], "x.eu-central-1.awsapprunner.com");
}

#[tokio::test]
async fn a_busy_service_is_asked_again_and_one_that_stays_busy_is_an_error() {
    let busy = || refused("InvalidStateException");
    let replay = Replay::new([
        domains(&[]),
        busy(),
        domains(&[]),
        changed(),
        domains(&[custom_domain(DOMAIN, "CREATING", 1)]),
    ]);
    custom_domains(&replay, TIMEOUT)
        .associate(SERVICE, DOMAIN)
        .await
        .unwrap();

    let replay = Replay::new([domains(&[]), busy()]);
    let error = custom_domains(&replay, Duration::ZERO)
        .associate(SERVICE, DOMAIN)
        .await
        .unwrap_err();
    assert!(
        matches!(error, CustomDomainError::ServiceBusy(_)),
        "{error}"
    );
    let text = chain(&error);
    assert!(text.ends_with("not now"), "{text}");
}

#[tokio::test]
async fn what_app_runner_refuses_is_an_error() {
    let replay = Replay::new([domains(&[custom_domain(DOMAIN, "CREATE_FAILED", 0)])]);
    let error = custom_domains(&replay, TIMEOUT)
        .associate(SERVICE, DOMAIN)
        .await
        .unwrap_err();
    let text = "App Runner could not create www.example.org; is it another service's?";
    assert_eq!(error.to_string(), text);

    let replay = Replay::new([domains(&[]), refused("InvalidRequestException")]);
    let error = custom_domains(&replay, TIMEOUT)
        .associate(SERVICE, DOMAIN)
        .await
        .unwrap_err();
    let text = chain(&error);
    assert!(text.starts_with("cannot associate the domain: "), "{text}");
    assert!(text.contains("InvalidRequestException"), "{text}");
}

#[tokio::test]
async fn a_domain_is_removed_and_one_that_is_gone_counts_as_removed() {
    let there = || domains(&[custom_domain(DOMAIN, "ACTIVE", 1)]);
    let (describe, disassociate) = ("DescribeCustomDomains", "DisassociateCustomDomain");
    let gone = || refused("ResourceNotFoundException");
    let table = [
        (vec![there(), changed()], vec![describe, disassociate]),
        (vec![there(), gone()], vec![describe, disassociate]),
        (vec![domains(&[])], vec![describe]),
        (
            vec![domains(&[custom_domain(DOMAIN, "DELETING", 1)])],
            vec![describe],
        ),
        // The service itself is gone.
        (vec![gone()], vec![describe]),
        (
            vec![
                there(),
                refused("InvalidStateException"),
                there(),
                changed(),
            ],
            vec![describe, disassociate, describe, disassociate],
        ),
    ];
    for (answers, expected) in table {
        let replay = Replay::new(answers);
        custom_domains(&replay, TIMEOUT)
            .disassociate(SERVICE, DOMAIN)
            .await
            .unwrap();
        assert_eq!(names(&replay), expected);
    }
    let replay = Replay::new([there(), refused("InvalidStateException")]);
    let error = custom_domains(&replay, Duration::ZERO)
        .disassociate(SERVICE, DOMAIN)
        .await
        .unwrap_err();
    assert!(
        matches!(error, CustomDomainError::ServiceBusy(_)),
        "{error}"
    );
}
