//! Corrects a deployed stack where the emulator differs from AWS.

use serde_json::json;

use super::cloud_formation::{describe, pairs};
use super::deployed::Deployment;
use super::error::DeploymentError;

/// Corrects the differences between the emulator and CloudFormation, IAM and S3.
pub(super) async fn correct_emulator(deployment: &Deployment) -> Result<(), DeploymentError> {
    let aws = deployment.aws();
    // The emulator creates the topic without FIFO, so messages would lose their group.
    let topic = deployment.output("EventTopicArn")?;
    let attribute = [
        ("TopicArn", topic),
        ("AttributeName", "FifoTopic"),
        ("AttributeValue", "true"),
    ];
    aws.query("sns", "SetTopicAttributes", "2010-03-31", &attribute)
        .await?;

    // The emulator has no TLS, which the policy of the bucket requires.
    let bucket = deployment.output("BacklogBucketName")?;
    aws.delete("s3", &format!("/{bucket}?policy")).await?;

    // The emulator checks batch calls as separate actions, GetParametersByPath and GetParameters without a resource, a schedule
    // as if it were in the default group, and events without their source.
    let resources = describe(aws, "DescribeStackResources", deployment.stack()).await?;
    let resources = pairs(&resources, "LogicalResourceId", "PhysicalResourceId");
    for (role, action) in [
        ("ContentEventsRole", "sns:PublishBatch"),
        ("ContentEventsRole", "scheduler:CreateSchedule"),
        ("ContentEventsRole", "scheduler:DeleteSchedule"),
        ("FanOutRole", "ssm:GetParametersByPath"),
        ("FanOutRole", "sqs:SendMessageBatch"),
        ("DeliverRole", "ssm:GetParametersByPath"),
        ("DeliverRole", "sqs:SendMessageBatch"),
        ("DeliverRole", "events:PutEvents"),
        ("SubscriberDirectoryRole", "ssm:GetParametersByPath"),
        ("SubscriberDirectoryRole", "ssm:GetParameters"),
    ] {
        let name = resources
            .get(role)
            .ok_or_else(|| DeploymentError::Output(role.to_owned()))?;
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
        });
        let policy_name = format!("emulator-{}", action.replace(':', "-"));
        let parameters = [
            ("RoleName", name.as_str()),
            ("PolicyName", &policy_name),
            ("PolicyDocument", &policy.to_string()),
        ];
        aws.query("iam", "PutRolePolicy", "2010-05-08", &parameters)
            .await?;
    }
    Ok(())
}
