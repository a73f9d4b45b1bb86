//! The association of a domain with a service, and the DNS records that it needs.

use aws_sdk_apprunner::types::CertificateValidationRecord;
use serde_json::{Map, Value, json};

/// The association of a domain with an App Runner service.
#[derive(Debug, Clone, PartialEq)]
pub struct Association {
    /// The name that the domain's own DNS record must point to.
    pub target: String,
    /// Further DNS records, by which App Runner gets a certificate. Empty when App Runner did not return them in time.
    pub validation_records: Vec<CertificateValidationRecord>,
}

impl Association {
    /// Returns the attributes for `!GetAtt`: `DnsTarget`, `ValidationRecords` as text, and the name and the value of each
    /// record by number (`ValidationName1`, `ValidationValue1`).
    pub fn attributes(&self) -> Map<String, Value> {
        let mut attributes = Map::new();
        attributes.insert("DnsTarget".to_owned(), json!(self.target));
        let mut lines = Vec::new();
        for (number, record) in (1..).zip(&self.validation_records) {
            let name = record.name().unwrap_or_default();
            let value = record.value().unwrap_or_default();
            attributes.insert(format!("ValidationName{number}"), json!(name));
            attributes.insert(format!("ValidationValue{number}"), json!(value));
            lines.push(format!("{name} CNAME {value}"));
        }
        if lines.is_empty() {
            lines.push("not known yet: aws apprunner describe-custom-domains".to_owned());
        }
        attributes.insert("ValidationRecords".to_owned(), json!(lines.join("\n")));
        attributes
    }
}
