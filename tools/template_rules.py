#!/usr/bin/env python3
"""Checks the templates against the project's own rules, which cfn-lint and checkov do not have.

Each rule is a function that takes a template as it is written, and yields a sentence for each violation.
"""

import re
import sys

import template_rules_access
from template import ROOT, TEMPLATES, functions, load, of_type, references, say, target, unfold, walk

RUNBOOK = ROOT / "docs/runbook.md"


def resources_with_alarm(template, metric):
    """Yields the logical ids of the resources that have an alarm on this metric."""
    for _, properties in of_type(template, "AWS::CloudWatch::Alarm"):
        if properties.get("MetricName") == metric:
            for _, node in walk(properties.get("Dimensions", [])):
                if target(node):
                    yield target(node)


# ---------------------------------------------------------------- the rules


def functions_keep_logs(template, _text):
    """Every function writes to a log group of the template, and every log group has a retention."""
    groups = dict(of_type(template, "AWS::Logs::LogGroup"))
    for name, properties in functions(template):
        if target(properties.get("LoggingConfig", {}).get("LogGroup")) not in groups:
            yield f"{name} has no log group of its own (LoggingConfig.LogGroup)"
    for name, properties in groups.items():
        if "RetentionInDays" not in properties:
            yield f"{name} keeps its logs for ever (RetentionInDays)"


def failures_are_kept_and_have_an_alarm(template, _text):
    """Failed work of a function goes to a queue with an alarm. Otherwise its errors have an alarm, and it is not retried."""
    queues = dict(of_type(template, "AWS::SQS::Queue"))
    watched = set(resources_with_alarm(template, "ApproximateNumberOfMessagesVisible"))
    errors = set(resources_with_alarm(template, "Errors"))
    for name, properties in functions(template):
        asynchronous = properties.get("EventInvokeConfig", {})
        kept = target(asynchronous.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        sources = [target(event["Properties"]["Queue"]) for event in properties.get("Events", {}).values() if event["Type"] == "SQS"]
        for source in sources:
            if target(queues.get(source, {}).get("RedrivePolicy", {}).get("deadLetterTargetArn")) not in queues:
                yield f"{name} reads {source}, which has no dead-letter queue"
        if not sources and kept not in queues and not (asynchronous.get("MaximumRetryAttempts") == 0 and name in errors):
            yield f"{name} has no failure destination, and not both an alarm on its errors and MaximumRetryAttempts 0"
    # Lambda drops a doorbell later without an error for the caller.
    for _, properties in of_type(template, "AWS::Logs::SubscriptionFilter"):
        for metric in ("AsyncEventsDropped", "DestinationDeliveryFailures"):
            if target(properties["DestinationArn"]) not in set(resources_with_alarm(template, metric)):
                yield f"{target(properties['DestinationArn'])} is rung by the database's log and has no alarm on {metric}"
    for name, properties in of_type(template, "AWS::Scheduler::Schedule"):
        if target(properties.get("Target", {}).get("DeadLetterConfig", {}).get("Arn")) not in queues:
            yield f"{name} has no dead-letter queue"
    ends = {target(node["deadLetterTargetArn"]) for _, node in walk(template) if isinstance(node, dict) and "deadLetterTargetArn" in node}
    ends |= {target(node["OnFailure"].get("Destination")) for _, node in walk(template) if isinstance(node, dict) and "OnFailure" in node}
    ends |= {target(node["DeadLetterConfig"].get("Arn")) for _, node in walk(template) if isinstance(node, dict) and "DeadLetterConfig" in node}
    for queue in sorted(ends - watched - {None}):
        yield f"{queue} receives failed work and has no alarm on ApproximateNumberOfMessagesVisible"


def queues_are_encrypted(template, _text):
    for name, properties in of_type(template, "AWS::SQS::Queue"):
        if properties.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in properties:
            yield f"{name} is not encrypted (SqsManagedSseEnabled)"


def the_database_is_encrypted(template, _text):
    """A new cluster is encrypted. A restored one is as its snapshot was, and does not take the property."""
    for name, properties in of_type(template, "AWS::RDS::DBCluster"):
        encrypted = properties.get("StorageEncrypted")
        if encrypted not in (True, {"Fn::If": ["RestoresDatabase", {"Ref": "AWS::NoValue"}, True]}):
            yield f"{name} is not encrypted (StorageEncrypted)"


def failed_creations_can_be_rolled_back(template, _text):
    """A resource that a rollback cannot delete leaves the stack in ROLLBACK_FAILED, or leaves itself behind at each attempt."""
    for name, resource in template.get("Resources", {}).items():
        if resource.get("DeletionPolicy") == "Retain":
            yield f"{name} stays behind when its own creation is rolled back (RetainExceptOnCreate)"
        protection = (resource.get("Properties") or {}).get("DeletionProtection", False)
        if target(protection):
            protection = template["Parameters"][target(protection)]["Default"]
        if str(protection).lower() != "false":
            yield f"{name} is protected from deletion from the start (DeletionProtection)"


def the_database_can_pause(template, _text):
    """Aurora pauses when nothing keeps it awake. Each of these would keep it awake, without an error."""
    for name, resource in template.get("Resources", {}).items():
        if resource["Type"] in ("AWS::RDS::DBProxy", "AWS::RDS::GlobalCluster", "AWS::RDS::Integration", "AWS::DMS::ReplicationInstance"):
            yield f"{name} ({resource['Type']}) keeps the database awake"
    for name, properties in of_type(template, "AWS::RDS::DBInstance"):
        if properties.get("DBInstanceClass") != "db.serverless":
            yield f"{name} is a provisioned instance, beside which the database never pauses"
    for name, properties in of_type(template, "AWS::RDS::DBInstance", "AWS::RDS::DBCluster"):
        for insight in ("EnablePerformanceInsights", "PerformanceInsightsEnabled"):
            if properties.get(insight) not in (None, False):
                yield f"{name} has Performance Insights, which AWS offers only for a database that does not pause"
    for name, properties in of_type(template, "AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBParameterGroup"):
        parameters = properties.get("Parameters", {})
        if str(parameters.get("rds.logical_replication", 0)) != "0":
            yield f"{name} switches logical replication on, which keeps the database awake"
        if "pg_cron" in str(parameters.get("shared_preload_libraries", "")):
            yield f"{name} loads pg_cron, whose jobs a paused database skips"
        if "idle_session_timeout" not in parameters:
            yield f"{name} has no idle_session_timeout, so one forgotten session keeps the database awake"
    for name, properties in of_type(template, "AWS::RDS::DBCluster"):
        minimum = properties.get("ServerlessV2ScalingConfiguration", {}).get("MinCapacity")
        if target(minimum) in template.get("Parameters", {}):
            minimum = template["Parameters"][target(minimum)]["Default"]
        if str(minimum) != "0":
            yield f"{name} has no MinCapacity that is 0 by default, so it never pauses"


def schedules_have_no_fixed_name(template, _text):
    """SAM names a schedule without the name of the stack, so a second stack in the account could not be created."""
    for name, properties in functions(template):
        for event, source in properties.get("Events", {}).items():
            settings = source.get("Properties", {})
            if source["Type"] == "ScheduleV2" and (settings.get("OmitName") is not True or "Name" in settings):
                yield f"{name}: schedule {event} has a fixed name (OmitName: true)"
            if source["Type"] == "Schedule" and "Name" in settings:
                yield f"{name}: schedule {event} has a fixed name"
    for name, properties in of_type(template, "AWS::Scheduler::Schedule", "AWS::Events::Rule"):
        if isinstance(properties.get("Name"), str):
            yield f"{name} has a fixed name"


def parameters_are_documented(template, _text):
    """Each parameter has a description, and a place in the form of the console."""
    parameters = template.get("Parameters", {})
    groups = template.get("Metadata", {}).get("AWS::CloudFormation::Interface", {}).get("ParameterGroups", [])
    shown = [name for group in groups for name in group["Parameters"]]
    for name, parameter in parameters.items():
        if not parameter.get("Description", "").strip().endswith("."):
            yield f"parameter {name} has no Description that is a sentence"
        if shown.count(name) != 1:
            yield f"parameter {name} is {shown.count(name)} times in AWS::CloudFormation::Interface"
    for name in shown:
        if name not in parameters:
            yield f"AWS::CloudFormation::Interface names {name}, which is not a parameter"


def alarms_say_what_to_do(template, _text):
    """Each alarm notifies the topic, also when it ends, and names a heading of the runbook."""
    headings = {anchor(line) for line in RUNBOOK.read_text().splitlines() if line.startswith("#")} if RUNBOOK.exists() else None
    for name, properties in of_type(template, "AWS::CloudWatch::Alarm"):
        for actions in ("AlarmActions", "OKActions"):
            if [target(action) for action in properties.get(actions, [])] != ["AlarmTopic"]:
                yield f"{name} does not notify AlarmTopic ({actions})"
        named = re.search(r"docs/runbook\.md#([a-z0-9-]+)$", properties.get("AlarmDescription", ""))
        if not named:
            yield f"{name} does not end with a heading of docs/runbook.md"
        elif headings is not None and named[1] not in headings:
            yield f"{name} names docs/runbook.md#{named[1]}, which is not a heading there"


def alarms_cover_an_allowed_time(template, _text):
    """An alarm may cover a week with periods of an hour or more, and a day with shorter ones (PutMetricAlarm). No schema says
    so.
    """
    for name, properties in of_type(template, "AWS::CloudWatch::Alarm"):
        period, periods = properties.get("Period", 0), properties["EvaluationPeriods"]
        if period * periods > (604800 if period >= 3600 else 86400):
            yield f"{name} covers {period * periods} seconds, which CloudWatch does not allow with periods of {period}"
        if properties.get("DatapointsToAlarm", 1) > periods:
            yield f"{name} has more DatapointsToAlarm than EvaluationPeriods"


def own_metrics_are_in_the_functions_namespace(template, _text):
    """The alarms use the namespace to which the functions write. The log level keeps INFO, the level of a metric."""
    level = template.get("Globals", {}).get("Function", {}).get("LoggingConfig", {}).get("ApplicationLogLevel", "INFO")
    if level not in ("TRACE", "DEBUG", "INFO"):
        yield f"ApplicationLogLevel {level} drops the functions' metrics"
    namespace = template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {}).get("METRICS_NAMESPACE")
    for name, properties in of_type(template, "AWS::CloudWatch::Alarm") if namespace else ():
        if not str(properties.get("Namespace")).startswith("AWS/") and properties.get("Namespace") != namespace:
            yield f"{name} uses the namespace {properties.get('Namespace')}, and the functions write to {namespace}"


def anchor(heading):
    """Returns the anchor of a Markdown heading, as a link names it."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lstrip("#").strip().lower()).replace(" ", "-")


def vpc_functions_reach_aws_by_ipv6(template, _text):
    """Without NAT, IPv6 is the only way of a function in the VPC to AWS."""
    for name, properties in functions(template):
        if "VpcConfig" not in properties:
            continue
        if not any(isinstance(node, dict) and node.get("Ipv6AllowedForDualStack") is True for _, node in walk(properties["VpcConfig"])):
            yield f"{name} is in the VPC without Ipv6AllowedForDualStack"
        if "AWS_USE_DUALSTACK_ENDPOINT" not in properties.get("Environment", {}).get("Variables", {}):
            yield f"{name} is in the VPC without AWS_USE_DUALSTACK_ENDPOINT"


def concurrency_is_reserved_only_when_asked(template, _text):
    """A reservation fails the deployment in a new account, whose quota is too small."""
    for name, properties in functions(template):
        if "ReservedConcurrentExecutions" in properties and "Fn::If" not in str(properties["ReservedConcurrentExecutions"]):
            yield f"{name} reserves concurrency without a parameter for it"


def maps_have_every_choice(template, _text):
    """CloudFormation may look up a value that no resource uses, and fails if the row is missing."""
    for path, node in walk(template.get("Resources", {})):
        if isinstance(node, dict) and "Fn::FindInMap" in node:
            name, row, _ = node["Fn::FindInMap"]
            choices = template.get("Parameters", {}).get(target(row), {}).get("AllowedValues", [])
            for choice in choices:
                if choice not in template["Mappings"][name]:
                    yield f"mapping {name} has no row {choice}, which {path[0]} may look up"


def clusters_have_fargate(template, _text):
    """ECS Express uses this capacity provider by name. Only the default cluster of an account has it without a setting."""
    for name, properties in of_type(template, "AWS::ECS::Cluster"):
        if "FARGATE" not in properties.get("CapacityProviders", []):
            yield f"{name} lacks the capacity provider FARGATE, which ECS Express asks for"


def tags_name_no_routes(template, _text):
    """The id of a route has a vertical bar, which RDS and ECS refuse in a tag."""
    routes = {name for name, _ in of_type(template, "AWS::EC2::Route")}
    for path, node in walk(template.get("Resources", {})):
        if path and path[-1] == "Tags":
            for route in sorted(routes & set(references(node))):
                yield f"{path[0]} names {route} in a tag (Metadata.WaitsFor waits as well)"


def consumers_are_capped(template, _text):
    """Without a cap, Lambda receives more messages than the quota of the account lets it run. Each such message loses an
    attempt.
    """
    for name, properties in functions(template):
        for event, source in properties.get("Events", {}).items():
            if source["Type"] == "SQS" and "MaximumConcurrency" not in source["Properties"].get("ScalingConfig", {}):
                yield f"{name} reads a queue by {event} without ScalingConfig.MaximumConcurrency"
    for name, properties in of_type(template, "AWS::Lambda::EventSourceMapping"):
        if "MaximumConcurrency" not in properties.get("ScalingConfig", {}):
            yield f"{name} reads a queue without ScalingConfig.MaximumConcurrency"


RULES = (
    functions_keep_logs,
    failures_are_kept_and_have_an_alarm,
    queues_are_encrypted,
    the_database_is_encrypted,
    failed_creations_can_be_rolled_back,
    the_database_can_pause,
    schedules_have_no_fixed_name,
    parameters_are_documented,
    alarms_say_what_to_do,
    alarms_cover_an_allowed_time,
    own_metrics_are_in_the_functions_namespace,
    vpc_functions_reach_aws_by_ipv6,
    concurrency_is_reserved_only_when_asked,
    maps_have_every_choice,
    clusters_have_fargate,
    tags_name_no_routes,
    consumers_are_capped,
    *template_rules_access.RULES,
)


def violations(template, text=""):
    """Returns a sentence for each violation of a rule in a template."""
    return [problem for rule in RULES for problem in rule(template, text)]


def main():
    problems = []
    for path in TEMPLATES:
        text = path.read_text()
        problems += [f"{path.name}: {problem}" for problem in violations(unfold(load(text)), text)]
    say(problems, f"{len(RULES)} rules hold in {len(TEMPLATES)} templates")


if __name__ == "__main__":
    sys.exit(main())
