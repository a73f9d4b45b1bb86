//! Reads the answers of CloudFormation.

use std::collections::HashMap;

use crate::aws::{Aws, AwsError};

/// Calls an action of CloudFormation for a stack, and returns the answer as XML.
pub async fn describe(aws: &Aws, action: &str, stack: &str) -> Result<String, AwsError> {
    let name = [("StackName", stack)];
    aws.query("cloudformation", action, "2010-05-15", &name)
        .await
}

/// Returns the texts of two elements for each `<member>` that contains both.
pub(super) fn pairs(xml: &str, key: &str, value: &str) -> HashMap<String, String> {
    let text = |rest: &str, name: &str| {
        let (text, _) = rest
            .split_once(&format!("<{name}>"))?
            .1
            .split_once(&format!("</{name}>"))?;
        Some(text.replace("&amp;", "&"))
    };
    xml.split("<member>")
        .filter_map(|member| Some((text(member, key)?, text(member, value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_from_xml() {
        let xml = "<Outputs><member><OutputKey>A</OutputKey><OutputValue>1&amp;2</OutputValue></member>\
                   <member><OutputKey>B</OutputKey></member></Outputs>";
        assert_eq!(
            pairs(xml, "OutputKey", "OutputValue"),
            HashMap::from([("A".into(), "1&2".into())])
        );
    }
}
