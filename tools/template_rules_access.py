"""The project's own rules about permissions: policies, trust and resource policies. template_rules.py runs them with the
others.
"""

import re

from template import functions, listed, of_type, statements, target, walk

# The services whose trust policies must not have a condition on the account, and why. A condition on a key that a service does
# not send locks the service out.
UNASKED = {
    "build.apprunner.amazonaws.com": "App Runner's guide shows none, and nobody reports one that works",
    "tasks.apprunner.amazonaws.com": "the same",
    "ecs.amazonaws.com": "ECS's guide, Infrastructure role for Express, shows none",
    "lambda.amazonaws.com": "Lambda's guide, Execution role, shows none; that it sends aws:SourceAccount is reported and not documented",
    "rds.amazonaws.com": "Aurora's guide, Setting up IAM for Lambda, shows none; it does for S3",
}
# The statements that pass a role without naming the service, and why.
PASSED_UNNAMED = {
    "PassAppRunnersRoles": "App Runner is reported to ask without the key (RoboFinSystems/robosystems#1279)",
}
# The actions by which Lambda attaches a function to a VPC, in the name of the function's role: Lambda's guide, "Giving Lambda
# functions access to resources in an Amazon VPC".
NETWORK_INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
# The actions that a role may be allowed on everything, and why.
ON_EVERYTHING = {
    "cloudwatch:GetMetricStatistics": "the metrics of CloudWatch are no resources",
    "ecr:GetAuthorizationToken": "the login to the registry is no resource",
    "ecs:RegisterTaskDefinition": "ECS Express chooses the name of the definition",
    "logs:DescribeLogGroups": "a caller that may list log groups may list all of them",
    "logs:ListLogGroups": "a caller that may list log groups may list all of them",
    "scheduler:ListSchedules": "the Service Authorization Reference knows no resource for it",
    "xray:PutTelemetryRecords": "X-Ray has no resources",
    "xray:PutTraceSegments": "X-Ray has no resources",
    **dict.fromkeys(NETWORK_INTERFACES, "Lambda asks for it on all resources"),
}


def stars_have_a_reason(template, text):
    """A policy names its resources, or the line above has the reason. No statement allows every action of a service."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if re.search(r"""\bResource:\s*\[?\s*["']\*["']""", line) and not lines[number - 1].strip().startswith("#"):
            yield f"line {number + 1}: Resource \"*\" without a comment above it that says why"
    counted = sum(1 for _, statement in statements(template) if "*" in listed(statement.get("Resource")))
    if counted and not re.search(r"""\bResource:\s*\[?\s*["']\*["']""", text):
        yield 'Resource "*" is written in a form in which its comment cannot be found'
    for path, statement in statements(template):
        for action in listed(statement["Action"]):
            if isinstance(action, str) and "*" in action and statement["Effect"] == "Allow":
                yield f"{path[0]} allows {action}; name the actions"


def roles_allow_nothing_on_everything(template, _text):
    """A role allows an action on "*" only if ON_EVERYTHING has the reason."""
    for path, statement in statements(template):
        if template["Resources"][path[0]]["Type"] not in ("AWS::IAM::Role", "AWS::IAM::RolePolicy"):
            continue
        if statement["Effect"] == "Allow" and any(node == "*" for _, node in walk(statement.get("Resource"))):
            for _, action in walk(statement["Action"]):
                if isinstance(action, str) and ":" in action and action not in ON_EVERYTHING:
                    yield f"{path[0]} allows {action} on everything, for which ON_EVERYTHING has no reason"


def nothing_is_open_to_the_internet(template, _text):
    """No incoming rule of a security group names the whole internet."""
    for name, properties in of_type(template, "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"):
        rules = properties.get("SecurityGroupIngress", []) if "GroupDescription" in properties else properties
        # The address may also be inside an Fn::If.
        if any(node in ("0.0.0.0/0", "::/0") for _, node in walk(rules)):
            yield f"{name} lets the whole internet in"


def topics_have_a_policy(template, _text):
    """A topic has a policy of its own instead of the default one, and it does not let every principal in."""
    named = set()
    for name, properties in of_type(template, "AWS::SNS::TopicPolicy"):
        named |= {target(topic) for topic in properties["Topics"]}
        for _, statement in statements({"Resources": {name: properties}}):
            principal = statement["Principal"]
            if statement["Effect"] == "Allow" and "*" in (principal if principal == "*" else listed(principal.get("AWS"))):
                yield f"{name} lets every principal in"
    for name, _ in of_type(template, "AWS::SNS::Topic"):
        if name not in named:
            yield f"{name} has no AWS::SNS::TopicPolicy that says who may use it"


def roles_take_a_boundary(template, _text):
    """If an account requires a permissions boundary, a role without one cannot be created."""
    for name, properties in of_type(template, "AWS::IAM::Role"):
        if target(properties.get("PermissionsBoundary", {}).get("Fn::If", [None, {}])[1]) != "PermissionsBoundary":
            yield f"{name} takes no PermissionsBoundary"
    for name, properties in functions(template):
        if "Role" not in properties:
            yield f"{name} has SAM make a role, which takes no PermissionsBoundary"
        for event, source in properties.get("Events", {}).items():
            if source["Type"] in ("Schedule", "ScheduleV2") and "RoleArn" not in source["Properties"]:
                yield f"{name} has SAM make a role for {event}, which takes no PermissionsBoundary"


def services_act_for_this_account(template, _text):
    """A service takes a role for this account only, if the service is known to send the account."""
    for name, properties in of_type(template, "AWS::IAM::Role"):
        for _, statement in walk(properties["AssumeRolePolicyDocument"]):
            if not isinstance(statement, dict) or statement.get("Action") != "sts:AssumeRole":
                continue
            asked = "aws:SourceAccount" in statement.get("Condition", {}).get("StringEquals", {})
            for service in listed(statement["Principal"]["Service"]):
                if not asked and service not in UNASKED:
                    yield f"{name} can be taken by {service} for any account (aws:SourceAccount)"
                if asked and service in UNASKED:
                    yield f"{name} requires aws:SourceAccount of {service}, which may not send it: {UNASKED[service]}"


def roles_are_passed_to_one_service(template, _text):
    """A permission to pass a role names the service that gets it."""
    for path, statement in statements(template):
        if "iam:PassRole" in listed(statement["Action"]) and statement["Effect"] == "Allow":
            named = "iam:PassedToService" in statement.get("Condition", {}).get("StringEquals", {})
            if not named and statement.get("Sid") not in PASSED_UNNAMED:
                yield f"{path[0]} may pass a role to any service (iam:PassedToService)"


def lambda_calls(properties):
    """Returns the actions that Lambda itself takes in the name of a function's role."""
    actions = {"logs:CreateLogStream", "logs:PutLogEvents"}
    if any(event["Type"] == "SQS" for event in properties.get("Events", {}).values()):
        actions |= {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    for destination in properties.get("EventInvokeConfig", {}).get("DestinationConfig", {}).values():
        actions.add({"SQS": "sqs:SendMessage", "EventBridge": "events:PutEvents"}[destination["Type"]])
    if properties.get("Tracing"):
        actions |= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    if "VpcConfig" in properties:
        actions |= NETWORK_INTERFACES
    return actions


def allowed_actions(template, role):
    """Returns the actions that the role's own policies allow, whatever their conditions."""
    parts = [template["Resources"][role]["Properties"].get("Policies", [])]
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::RolePolicy" and target(resource["Properties"]["RoleName"]) == role:
            parts.append(resource["Properties"]["PolicyDocument"])
    allowed = [statement for _, statement in statements({"Resources": {role: parts}}) if statement["Effect"] == "Allow"]
    return {action for one in allowed for _, action in walk(one["Action"]) if isinstance(action, str) and ":" in action}


def roles_allow_what_lambda_calls(template, _text):
    """The role of each function allows what Lambda calls in its name. SAM adds nothing to a role of the template's own."""
    for name, properties in functions(template):
        role = target(properties.get("Role"))
        if role in template["Resources"]:
            for action in sorted(lambda_calls(properties) - allowed_actions(template, role)):
                yield f"{name}: Lambda calls {action} in the name of {role}, which does not allow it"


RULES = (
    stars_have_a_reason,
    roles_allow_nothing_on_everything,
    nothing_is_open_to_the_internet,
    topics_have_a_policy,
    roles_take_a_boundary,
    services_act_for_this_account,
    roles_are_passed_to_one_service,
    roles_allow_what_lambda_calls,
)
