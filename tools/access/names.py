"""The names and ARNs that resources get from CloudFormation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """The names and ARNs of one type of resource."""

    # The property with the name, if the template may set one. Otherwise CloudFormation makes a name from the stack and the
    # logical id.
    named_by: str | None
    # The attributes and the Ref. {here} stands for region and account.
    attributes: dict
    ref: str = "{name}"


KINDS = {
    "AWS::AppRunner::Service": Kind("ServiceName", {"ServiceArn": "arn:aws:apprunner:{here}:service/{name}/0123456789abcdef"}),
    "AWS::ECR::Repository": Kind("RepositoryName", {"Arn": "arn:aws:ecr:{here}:repository/{name}"}),
    "AWS::ECS::Cluster": Kind("ClusterName", {"Arn": "arn:aws:ecs:{here}:cluster/{name}"}),
    # CloudFormation makes the name of the cluster.
    "AWS::ECS::ExpressGatewayService": Kind(
        "ServiceName", {"ServiceArn": "arn:aws:ecs:{here}:service/{stack}-EcsCluster-{end}/{name}"}
    ),
    "AWS::Events::Rule": Kind("Name", {"Arn": "arn:aws:events:{here}:rule/{name}"}),
    "AWS::IAM::Role": Kind("RoleName", {"Arn": "arn:aws:iam::{account}:role/{name}", "RoleId": "AROA0123456789"}),
    "AWS::Lambda::Function": Kind("FunctionName", {"Arn": "arn:aws:lambda:{here}:function:{name}"}),
    # The asterisk stands for the streams of the group.
    "AWS::Logs::LogGroup": Kind("LogGroupName", {"Arn": "arn:aws:logs:{here}:log-group:{name}:*"}),
    "AWS::RDS::DBCluster": Kind("DBClusterIdentifier", {"DBClusterResourceId": "cluster-0123456789ABCDEF"}),
    "AWS::S3::Bucket": Kind("BucketName", {"Arn": "arn:aws:s3:::{name}"}),
    "AWS::SNS::Topic": Kind("TopicName", {"TopicArn": "arn:aws:sns:{here}:{name}"}, ref="arn:aws:sns:{here}:{name}"),
    "AWS::SQS::Queue": Kind(
        "QueueName",
        {"Arn": "arn:aws:sqs:{here}:{name}", "QueueName": "{name}"},
        ref="https://sqs.us-east-1.amazonaws.com/{account}/{name}",
    ),
    "AWS::Scheduler::Schedule": Kind("Name", {"Arn": "arn:aws:scheduler:{here}:schedule/default/{name}"}),
    "AWS::Scheduler::ScheduleGroup": Kind("Name", {"Arn": "arn:aws:scheduler:{here}:schedule-group/{name}"}),
    "AWS::SecretsManager::Secret": Kind("Name", {}, ref="arn:aws:secretsmanager:{here}:secret:{name}-AbCdEf"),
}
# The end of a name that CloudFormation makes.
END = "A1B2C3D4E5F6"


def generated(stack, logical, kind):
    """Returns the name that CloudFormation makes for a resource. Names of buckets have no capitals."""
    name = f"{stack}-{logical}-{END}"
    return name.lower() if kind == "AWS::S3::Bucket" else name
