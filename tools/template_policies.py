#!/usr/bin/env python3
"""Compares what the roles allow with what is needed: a call without permission fails, and so does the reverse.

What a function needs is read from its Rust source: methods without arguments that are named like an operation of a service
whose SDK the same file uses. What Lambda itself does in the role's name (logs, event sources, failure destinations, network
interfaces) follows from the template. What the other roles need is in a table, each line with where it is written.

What an action is allowed on must be of the kind that it is about, and may be everything only where that is listed with its
reason.
"""

import itertools
import re
import sys

import botocore.session
from botocore import xform_name

from template import ROOT, TEMPLATE, functions, listed, load, say, statements, target, unfold, walk

# Operations whose permission is called otherwise.
PERMISSIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
# SDKs whose name is not that of their service's permissions.
SERVICES = {"cloudwatchlogs": "logs", "eventbridge": "events"}
# What else an operation needs, because it hands a role on or does something more in the caller's name: the managed policy
# AWSAppRunnerFullAccess, what AWS's own GitHub action amazon-ecs-deploy-express-service asks for, and Scheduler's guide,
# "Setting up": whoever creates a schedule passes its role.
BESIDES = {
    "apprunner:UpdateService": {"iam:PassRole"},
    "scheduler:CreateSchedule": {"iam:PassRole"},
    "ecs:UpdateExpressGatewayService": {"ecs:RegisterTaskDefinition", "iam:PassRole"},
}
# Lambda's guide, "Giving Lambda functions access to resources in an Amazon VPC".
NETWORK_INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
# What is allowed on everything, and why.
EVERYTHING = {
    "cloudwatch:GetMetricStatistics": "CloudWatch's metrics are no resources",
    "ecr:GetAuthorizationToken": "the registry's login is no resource",
    "ecs:RegisterTaskDefinition": "ECS Express chooses the definition's name",
    "logs:DescribeLogGroups": "whoever may list log groups may list all of them",
    "logs:ListLogGroups": "the same",
    "scheduler:ListSchedules": "the Service Authorization Reference knows no resource for it",
    "xray:PutTelemetryRecords": "X-Ray has no resources",
    "xray:PutTraceSegments": "X-Ray has no resources",
    **dict.fromkeys(NETWORK_INTERFACES, "Lambda asks for it on all resources"),
}
# What an action, or else any action of its service, is about: a type of the template, or the beginning of an ARN.
KINDS = {
    "apprunner": {"AWS::AppRunner::Service"},
    "apprunner:DescribeService": {"AWS::AppRunner::Service", "apprunner:service"},
    "cloudfront": {"cloudfront:distribution"},
    "ecr": {"ecr:repository"},
    "ecs": {"AWS::ECS::ExpressGatewayService"},
    "ecs:DescribeClusters": {"ecs:cluster"},
    "events": {"events:event-bus"},
    "iam": {"AWS::IAM::Role"},
    # By its ARN where a function is named before it is there.
    "lambda": {"AWS::Serverless::Function", "lambda:function"},
    "logs": {"AWS::Logs::LogGroup", "logs:log-group"},
    "rds-db": {"rds-db:dbuser"},
    "s3": {"AWS::S3::Bucket/*"},
    "s3:ListBucket": {"AWS::S3::Bucket"},
    "scheduler": {"scheduler:schedule"},
    "secretsmanager": {"AWS::SecretsManager::Secret"},
    "sns": {"AWS::SNS::Topic"},
    "sqs": {"AWS::SQS::Queue"},
    "ssm": {"ssm:parameter"},
}
PULL = "the managed policy AWSAppRunnerServicePolicyForECRAccess"
FLOW = "VPC's guide, IAM role for publishing flow logs to CloudWatch Logs"
START = "the managed policy AmazonECSTaskExecutionRolePolicy"
# The roles that are no function's: what each needs, managed policies included, and where that is written.
ROLES = {
    "DoorbellRole": {"lambda:InvokeFunction": "shared/migrations/20261128000003_doorbell.sql calls aws_lambda.invoke"},
    "PublishingRole": {
        "lambda:InvokeFunction": "functions/content-events/src/schedules/group.rs, the target",
        "sqs:SendMessage": "Scheduler's guide, Configuring a dead-letter queue: by the schedule's role",
    },
    "WebRole": {
        "rds-db:connect": "site/website/database/iam.py signs the token",
        "s3:AbortMultipartUpload": "docs/site.md, Uploads",
        "s3:DeleteObject": "docs/site.md, Uploads",
        "s3:GetObject": "docs/site.md, Uploads",
        "s3:ListBucket": "docs/site.md, Uploads",
        "s3:PutObject": "docs/site.md, Uploads",
        "secretsmanager:GetSecretValue": "App Runner's guide, Referencing environment variables: by the instance role",
        "ssm:GetParameters": "the same",
    },
    "AppRunnerAccessRole": {
        "ecr:BatchCheckLayerAvailability": PULL,
        "ecr:BatchGetImage": PULL,
        "ecr:DescribeImages": PULL,
        "ecr:GetAuthorizationToken": PULL,
        "ecr:GetDownloadUrlForLayer": PULL,
    },
    "EcsExecutionRole": {
        "ecr:BatchCheckLayerAvailability": START,
        "ecr:BatchGetImage": START,
        "ecr:GetAuthorizationToken": START,
        "ecr:GetDownloadUrlForLayer": START,
        "logs:CreateLogStream": START,
        "logs:PutLogEvents": START,
        "secretsmanager:GetSecretValue": "ECS's guide, Task execution IAM role, Secrets Manager or Systems Manager permissions",
        "ssm:GetParameters": "the same",
    },
    "ScheduleRole": {"lambda:InvokeFunction": "EventBridge Scheduler's guide, Setting up: the execution role invokes the target"},
    "FlowLogRole": {
        "logs:CreateLogGroup": FLOW,
        "logs:CreateLogStream": FLOW,
        "logs:DescribeLogGroups": FLOW,
        "logs:DescribeLogStreams": FLOW,
        "logs:PutLogEvents": FLOW,
    },
    "NightRole": {
        "apprunner:PauseService": "EventBridge Scheduler's guide, Using universal targets",
        "apprunner:ResumeService": "the same",
        "sqs:SendMessage": "EventBridge Scheduler's guide, Configuring a dead-letter queue",
    },
    "EcsInfrastructureRole": {
        "AmazonECSInfrastructureRoleforExpressGatewayServices": "ECS's guide, Resources created by Express Mode services",
    },
}
FUNCTIONS = {
    "ContentEvents": "content-events",
    "CustomDomain": "custom-domain",
    "Deliver": "deliver",
    "FanOut": "fan-out",
    "LogRetention": "log-retention",
    "Migrate": "migrate",
    "Release": "release",
}


def crate(name):
    """The folder in functions/ that a function of the template is built from."""
    return FUNCTIONS[re.sub(r"(Image)?Function$", "", name)]


def sources(folder):
    """The text of each file of a crate or module, without its tests."""
    files = [folder.with_suffix(".rs"), *sorted(folder.rglob("*.rs"))]
    return [path.read_text().split("#[cfg(test)]")[0] for path in files if path.exists() and "test" not in path.stem]


def code(name):
    """What a function is made of: its own sources, those of the library that it asks for, and its features."""
    folder = ROOT / "functions" / name
    manifest = (folder / "Cargo.toml").read_text()
    asked = re.search(r"^wagrun = .*features = \[([^]]*)\]", manifest, re.M)
    features = re.findall(r'"([a-z-]+)"', asked[1]) if asked else []
    library = (ROOT / "shared/src/lib.rs").read_text()
    modules = re.findall(r'(?:#\[cfg\(feature = "([a-z-]+)"\)\]\n)?^pub mod (\w+);', library, re.M)
    parts = [ROOT / "shared/src" / module for feature, module in modules if feature in ("", *features)]
    return [text for part in [folder / "src", *parts] for text in sources(part)], features


def calls(files, features):
    """The permissions that this code needs."""
    needed, session = set(), botocore.session.get_session()
    named = re.compile(r"\baws_sdk_([a-z0-9]+)\b")
    of_all = set(named.findall("".join(files)))
    for rust in files:
        # A file that names no SDK calls through a client that another one made.
        for sdk in set(named.findall(rust)) or of_all:
            service = SERVICES.get(sdk, sdk)
            for operation in session.get_service_model(service).operation_names:
                if re.search(rf"\.{xform_name(operation)}\(\)", rust):
                    permission = f"{service}:{operation}"
                    needed.add(PERMISSIONS.get(permission, permission))
                    needed |= BESIDES.get(permission, set())
    if "database" in features:
        needed.add("rds-db:connect")
    return needed


def platform(properties):
    """The permissions that Lambda needs in the function's name."""
    needed = {"logs:CreateLogStream", "logs:PutLogEvents"}
    if any(event["Type"] == "SQS" for event in properties.get("Events", {}).values()):
        needed |= {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    for destination in properties.get("EventInvokeConfig", {}).get("DestinationConfig", {}).values():
        needed.add({"SQS": "sqs:SendMessage", "EventBridge": "events:PutEvents"}[destination["Type"]])
    if properties.get("Tracing"):
        needed |= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    if "VpcConfig" in properties:
        needed |= NETWORK_INTERFACES
    return needed


def policies(template, role):
    """The statements of the role's own policies, wherever they are written."""
    resources = template["Resources"]
    parts = [resources[role]["Properties"].get("Policies", [])]
    parts += [
        resource["Properties"]["PolicyDocument"]
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::RolePolicy" and target(resource["Properties"]["RoleName"]) == role
    ]
    return [statement for _, statement in statements({"Resources": {role: parts}})]


def allowed(template, role):
    """The actions that the role's own policies allow, and the managed policies it has, whatever the conditions."""
    given = set()
    for statement in policies(template, role):
        if statement["Effect"] == "Allow":
            given |= {action for _, action in walk(statement["Action"]) if isinstance(action, str) and ":" in action}
    for _, arn in walk(template["Resources"][role]["Properties"].get("ManagedPolicyArns", [])):
        if isinstance(arn, str) and ":policy/" in arn:
            given.add(arn.split("/")[-1])
    return given


def alternatives(node):
    """The node with its Fn::Ifs decided, in every way in which they can be."""
    conditions = sorted({part["Fn::If"][0] for _, part in walk(node) if isinstance(part, dict) and "Fn::If" in part})
    for outcome in itertools.product((True, False), repeat=len(conditions)):
        yield decided(node, dict(zip(conditions, outcome)))


def decided(node, outcome):
    if isinstance(node, list):
        return [decided(item, outcome) for item in node]
    if isinstance(node, dict):
        if "Fn::If" in node:
            name, then, otherwise = node["Fn::If"]
            return decided(then if outcome[name] else otherwise, outcome)
        return {key: decided(value, outcome) for key, value in node.items()}
    return node


def kind(template, resource):
    """What a policy's resource is: a type of the template, with what is added to its ARN, or the beginning of an ARN."""
    if isinstance(resource, dict) and "Fn::Sub" in resource:
        text = resource["Fn::Sub"][0] if isinstance(resource["Fn::Sub"], list) else resource["Fn::Sub"]
        if text.startswith("arn:"):
            # The account is a name with colons of its own.
            _, _, service, _, _, rest = re.sub(r"\$\{[^}]*\}", "$", text).split(":", 5)
            return f"{service}:{re.split('[/:$]', rest)[0]}"
        name, added = re.fullmatch(r"\$\{(\w+)[^}]*\}(.*)", text).groups()
        return template["Resources"][name]["Type"] + added
    return template["Resources"][target(resource)]["Type"] if target(resource) else resource


def misplaced(template, role):
    """Each action that is allowed on what it is not about, or on everything without a reason, as a sentence."""
    for statement in policies(template, role):
        if statement["Effect"] != "Allow":
            continue
        for version in alternatives({key: statement[key] for key in ("Action", "Resource")}):
            resources = [resource for resource in listed(version["Resource"]) if target(resource) != "AWS::NoValue"]
            for action, resource in itertools.product(listed(version["Action"]), resources):
                found = kind(template, resource)
                fitting = KINDS.get(action, KINDS.get(action.split(":")[0], set()))
                if found == "*" and action not in EVERYTHING:
                    yield f"{role} allows {action} on everything, for which EVERYTHING has no reason"
                elif found != "*" and found not in fitting:
                    yield f"{role} allows {action} on {found}, which KINDS does not name"


def differences(template, read=code):
    """Each call without a permission, permission without a call, and permission on the wrong thing, as a sentence."""
    own = {}
    for name, properties in functions(template):
        needed, role = calls(*read(crate(name))) | platform(properties), target(properties["Role"])
        for permission in sorted(needed - allowed(template, role)):
            yield f"{name} needs {permission}, which its role does not allow"
        own.setdefault(role, []).append((name, needed))
    # Two functions, of which a condition leaves one, may share a role.
    for role, users in own.items():
        for permission in sorted(allowed(template, role).difference(*(needed for _, needed in users))):
            yield f"{users[0][0]} may {permission}, which nothing in its code calls"
    roles = {name for name, resource in template["Resources"].items() if resource["Type"] == "AWS::IAM::Role"}
    for role in sorted(ROLES.keys() | roles - own.keys()):
        needed, given = set(ROLES.get(role, ())), allowed(template, role) if role in roles else set()
        for permission in sorted(needed - given):
            yield f"{role} needs {permission} ({ROLES[role][permission]}), which it does not allow"
        for permission in sorted(given - needed):
            yield f"{role} may {permission}, for which ROLES has no source"
    for role in sorted(roles):
        yield from sorted(set(misplaced(template, role)))


def main():
    template = unfold(load(TEMPLATE.read_text()))
    say(list(differences(template)), "every call has its permission, and every permission its call and its kind of resource")


if __name__ == "__main__":
    sys.exit(main())
