"""The permissions that each operation needs, by its parameters. The source is the Service Authorization Reference."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Needed:
    """An action on a resource, with the condition keys of the call."""

    action: str
    resource: str
    context: dict = field(default_factory=dict)


class UnknownOperation(Exception):
    """An operation that is not in OPERATIONS."""


def needed(stack, service, operation, parameters):
    """Returns the permissions that a call needs, in the region and the account of this stack."""
    if (service, operation) not in OPERATIONS:
        raise UnknownOperation(f"tools/access/operations.py does not know {service} {operation}")
    return list(OPERATIONS[service, operation](stack, parameters))


def actions(stack, service, operation, parameters):
    """Returns the actions that a call needs, also those on resources that its parameters do not name."""
    return {one.action for one in needed(stack, service, operation, parameters)} | ALSO_NEEDED.get((service, operation), set())


def queue(action):
    """Permission on the queue of QueueUrl. A batch needs the permission of its single messages."""
    return lambda stack, asked: [Needed(action, f"arn:aws:sqs:{stack.here}:{asked['QueueUrl'].rsplit('/', 1)[1]}")]


def topic(action):
    return lambda stack, asked: [Needed(action, asked["TopicArn"])]


def parameter(action, names):
    """Permission on each parameter, or on the path as if it were a parameter. Names begin with a slash, as paths do."""
    return lambda stack, asked: [Needed(action, f"arn:aws:ssm:{stack.here}:parameter{name}") for name in names(asked)]


def objects(action, keys=lambda asked: [asked["Key"]]):
    return lambda stack, asked: [Needed(action, f"arn:aws:s3:::{asked['Bucket']}/{key}") for key in keys(asked)]


def bucket(action):
    def of(stack, asked):
        context = {"s3:prefix": asked["Prefix"]} if "Prefix" in asked else {}
        return [Needed(action, f"arn:aws:s3:::{asked['Bucket']}", context)]

    return of


def everything(action):
    """Permission on "*": AWS has no resource for the action."""
    return lambda stack, asked: [Needed(action, "*")]


def function(action):
    def of(stack, asked):
        # FunctionName is the name or the ARN of the function, and may end with a version.
        name = asked["FunctionName"].removeprefix(f"arn:aws:lambda:{stack.here}:function:")
        return [Needed(action, f"arn:aws:lambda:{stack.here}:function:{name}")]

    return of


def log_group(action):
    def of(stack, asked):
        # An asterisk after the name stands for the streams of the group.
        arn = asked.get("resourceArn") or f"arn:aws:logs:{stack.here}:log-group:{asked['logGroupName']}"
        stream = f":log-stream:{asked['logStreamName']}" if "logStreamName" in asked else ""
        return [Needed(action, arn.removesuffix(":*") + stream)]

    return of


def schedule(action):
    def of(stack, asked):
        yield Needed(action, f"arn:aws:scheduler:{stack.here}:schedule/{asked.get('GroupName', 'default')}/{asked['Name']}")
        if "Target" in asked:
            # The caller passes the schedule's role to Scheduler: EventBridge Scheduler's guide, "Setting up".
            yield Needed("iam:PassRole", asked["Target"]["RoleArn"], {"iam:PassedToService": "scheduler.amazonaws.com"})

    return of


def buses(stack, asked):
    for name in sorted({entry.get("EventBusName", "default") for entry in asked["Entries"]}):
        sources = {entry["Source"] for entry in asked["Entries"] if entry.get("EventBusName", "default") == name}
        arn = name if name.startswith("arn:") else f"arn:aws:events:{stack.here}:event-bus/{name}"
        yield Needed("events:PutEvents", arn, {"events:source": tuple(sorted(sources))})


def distribution(stack, asked):
    yield Needed("cloudfront:CreateInvalidation", f"arn:aws:cloudfront::{stack.account}:distribution/{asked['DistributionId']}")


def clusters(stack, asked):
    for name in asked["clusters"]:
        yield Needed("ecs:DescribeClusters", name if name.startswith("arn:") else f"arn:aws:ecs:{stack.here}:cluster/{name}")


def apprunner_service(action):
    return lambda stack, asked: [Needed(action, asked["ServiceArn"])]


def ecs_service(action, member):
    return lambda stack, asked: [Needed(action, asked[member])]


def repository(action):
    return lambda stack, asked: [Needed(action, f"arn:aws:ecr:{stack.here}:repository/{asked['repositoryName']}")]


def name(asked):
    return [asked["Name"]]


OPERATIONS = {
    ("apprunner", "AssociateCustomDomain"): apprunner_service("apprunner:AssociateCustomDomain"),
    ("apprunner", "DescribeCustomDomains"): apprunner_service("apprunner:DescribeCustomDomains"),
    ("apprunner", "DescribeService"): apprunner_service("apprunner:DescribeService"),
    ("apprunner", "DisassociateCustomDomain"): apprunner_service("apprunner:DisassociateCustomDomain"),
    ("apprunner", "ListOperations"): apprunner_service("apprunner:ListOperations"),
    ("apprunner", "StartDeployment"): apprunner_service("apprunner:StartDeployment"),
    ("apprunner", "UpdateService"): apprunner_service("apprunner:UpdateService"),
    ("cloudfront", "CreateInvalidation"): distribution,
    ("cloudwatch", "GetMetricStatistics"): everything("cloudwatch:GetMetricStatistics"),
    ("ecr", "DescribeImages"): repository("ecr:DescribeImages"),
    ("ecs", "DescribeClusters"): clusters,
    ("ecs", "DescribeExpressGatewayService"): ecs_service("ecs:DescribeExpressGatewayService", "serviceArn"),
    ("ecs", "ListServiceDeployments"): ecs_service("ecs:ListServiceDeployments", "service"),
    ("ecs", "UpdateExpressGatewayService"): ecs_service("ecs:UpdateExpressGatewayService", "serviceArn"),
    ("events", "PutEvents"): buses,
    ("lambda", "GetFunction"): function("lambda:GetFunction"),
    ("lambda", "GetFunctionConfiguration"): function("lambda:GetFunctionConfiguration"),
    ("lambda", "Invoke"): function("lambda:InvokeFunction"),
    ("lambda", "UpdateFunctionCode"): function("lambda:UpdateFunctionCode"),
    ("logs", "DeleteLogGroup"): log_group("logs:DeleteLogGroup"),
    ("logs", "DeleteLogStream"): log_group("logs:DeleteLogStream"),
    ("logs", "DescribeLogGroups"): everything("logs:DescribeLogGroups"),
    ("logs", "DescribeLogStreams"): log_group("logs:DescribeLogStreams"),
    ("logs", "ListLogGroups"): everything("logs:ListLogGroups"),
    ("logs", "ListTagsForResource"): log_group("logs:ListTagsForResource"),
    ("logs", "PutRetentionPolicy"): log_group("logs:PutRetentionPolicy"),
    ("s3", "DeleteObject"): objects("s3:DeleteObject"),
    ("s3", "DeleteObjects"): objects("s3:DeleteObject", lambda asked: [one["Key"] for one in asked["Delete"]["Objects"]]),
    ("s3", "GetObject"): objects("s3:GetObject"),
    ("s3", "HeadObject"): objects("s3:GetObject"),
    ("s3", "ListObjectsV2"): bucket("s3:ListBucket"),
    ("s3", "PutObject"): objects("s3:PutObject"),
    ("scheduler", "CreateSchedule"): schedule("scheduler:CreateSchedule"),
    ("scheduler", "DeleteSchedule"): schedule("scheduler:DeleteSchedule"),
    ("scheduler", "ListSchedules"): everything("scheduler:ListSchedules"),
    ("sns", "Publish"): topic("sns:Publish"),
    ("sns", "PublishBatch"): topic("sns:Publish"),
    ("sqs", "ChangeMessageVisibility"): queue("sqs:ChangeMessageVisibility"),
    ("sqs", "ChangeMessageVisibilityBatch"): queue("sqs:ChangeMessageVisibility"),
    ("sqs", "DeleteMessage"): queue("sqs:DeleteMessage"),
    ("sqs", "DeleteMessageBatch"): queue("sqs:DeleteMessage"),
    ("sqs", "GetQueueAttributes"): queue("sqs:GetQueueAttributes"),
    ("sqs", "ReceiveMessage"): queue("sqs:ReceiveMessage"),
    ("sqs", "SendMessage"): queue("sqs:SendMessage"),
    ("sqs", "SendMessageBatch"): queue("sqs:SendMessage"),
    ("ssm", "DeleteParameter"): parameter("ssm:DeleteParameter", name),
    ("ssm", "GetParameter"): parameter("ssm:GetParameter", name),
    ("ssm", "GetParameterHistory"): parameter("ssm:GetParameterHistory", name),
    ("ssm", "GetParameters"): parameter("ssm:GetParameters", lambda asked: asked["Names"]),
    ("ssm", "GetParametersByPath"): parameter("ssm:GetParametersByPath", lambda asked: [asked["Path"]]),
    ("ssm", "PutParameter"): parameter("ssm:PutParameter", name),
}
# The further actions that AWS checks, on resources of the service that are not in the call. The sources are the managed policy
# AWSAppRunnerFullAccess, and the permissions that AWS's own GitHub action amazon-ecs-deploy-express-service lists.
ALSO_NEEDED = {
    ("apprunner", "UpdateService"): {"iam:PassRole"},
    ("ecs", "UpdateExpressGatewayService"): {"ecs:RegisterTaskDefinition", "iam:PassRole"},
}
