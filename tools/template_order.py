#!/usr/bin/env python3
"""Computes the order in which each way to deploy is created and deleted, and holds it to the rules below.

CloudFormation creates a resource when all that it names is there, and deletes it when nothing that is there names it any
more: the reverse. `tools/template_order.py NAME` prints the order of parameters/NAME.yaml, a line for each step, in which
everything happens at once.
"""

import sys

from template import ROOT, TEMPLATE, listed, load, references, say, target, text, translate, unfold, walk
from template_choices import DATABASE_GROUP, DATABASE_LOG, IMAGE, SUBNETS, VPC
from template_render import Rendering

WAYS = {path.stem: path for path in sorted((ROOT / "parameters").glob("*.yaml")) if path.stem not in ("dev", "prod")}
# What the file of a way leaves to fill in.
FILLED_IN = {
    "existing": {
        "DatabaseHost": "cms.cluster-abc.us-east-1.rds.amazonaws.com",
        "DatabaseResourceId": "cluster-ABC",
        "DatabaseInstanceId": "cms-1",
        "VpcId": VPC["VpcId"],
        **DATABASE_GROUP,
        **DATABASE_LOG,
        **SUBNETS,
    }
}
# How a function in the VPC reaches the database, and AWS.
WAYS_OUT = {"FunctionsReachDatabase", "EgressOnlyRoute", "PrivateRoutesOfSubnetA", "PrivateRoutesOfSubnetB"}
# Who sends to a queue or a topic from outside the template's roles, and what lets it.
DOORS = {"AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics"}


def parameters(way):
    """What a deployment of this way gives the template."""
    chosen = {name: text(value) for name, value in load(WAYS[way].read_text()).items()}
    return {**chosen, **FILLED_IN.get(way, {}), **IMAGE}


class Order:
    """What waits for what in one rendered template."""

    def __init__(self, rendered):
        self.resources = rendered["Resources"]
        self.waits = {name: set(references(part)) & set(self.resources) - {name} for name, part in self.resources.items()}

    def before(self, name):
        """Everything that is there when this resource's creation begins, and still there when its deletion ends."""
        found, queue = set(), [name]
        while queue:
            for other in self.waits[queue.pop()] - found:
                found.add(other)
                queue.append(other)
        return found

    def steps(self):
        """The order of creation; each step is a list of names."""
        left = dict(self.waits)
        while left:
            ready = sorted(name for name, others in left.items() if not others & set(left))
            yield ready
            for name in ready:
                del left[name]

    def of_type(self, *types):
        return {name: part.get("Properties") or {} for name, part in self.resources.items() if part["Type"] in types}

    def allowed(self, role, action):
        """What a role may do this to: logical names, wherever the policy is written."""
        policies = listed(self.resources.get(role, {}).get("Properties", {}).get("Policies", []))
        policies += [properties for properties in self.of_type("AWS::IAM::RolePolicy").values() if target(properties["RoleName"]) == role]
        for _, statement in walk(policies):
            if isinstance(statement, dict) and statement.get("Effect") == "Allow" and action in listed(statement["Action"]):
                yield from (target(resource) for resource in listed(statement["Resource"]) if target(resource))

    def doors(self, name):
        """The resource policies of a queue or topic."""
        for kind, key in DOORS.items():
            for policy, properties in self.of_type(kind).items():
                if name in [target(thing) for thing in properties[key]]:
                    yield policy


# ---------------------------------------------------------------- the rules


def nothing_is_published_before_somebody_is_subscribed(order):
    """content-events counts an event as published when the topic has taken it."""
    for function, properties in order.of_type("AWS::Lambda::Function").items():
        there = order.before(function)
        for topic in sorted(set(order.allowed(target(properties["Role"]), "sns:Publish"))):
            needed = set(order.doors(topic))
            for subscription, given in order.of_type("AWS::SNS::Subscription").items():
                # A mail has to be confirmed by a person first, whatever the order is.
                if target(given["TopicArn"]) == topic and given["Protocol"] == "sqs":
                    needed.add(subscription)
            for name in sorted(needed - there):
                yield f"{function} may publish to {topic} before {name} is there, and after it is gone"


def nothing_is_sent_before_it_is_let_in(order):
    """A topic, a rule or an alarm does not try again what a queue's or topic's policy refuses."""
    senders = {name: target(given["Endpoint"]) for name, given in order.of_type("AWS::SNS::Subscription").items() if given["Protocol"] == "sqs"}
    senders |= {name: target(given["Targets"][0]["Arn"]) for name, given in order.of_type("AWS::Events::Rule").items()}
    senders |= {name: target(given["AlarmActions"][0]) for name, given in order.of_type("AWS::CloudWatch::Alarm").items()}
    for sender, receiver in senders.items():
        for policy in sorted(set(order.doors(receiver)) - order.before(sender)):
            yield f"{sender} sends to {receiver} before {policy} lets it in, and after it is gone"


def nothing_is_deleted_before_who_writes_to_it(order):
    """The reverse of: whatever a function writes to is there before it."""
    writes = ("sns:Publish", "sqs:SendMessage", "s3:PutObject", "logs:PutLogEvents")
    for function, properties in order.of_type("AWS::Lambda::Function").items():
        role = target(properties["Role"])
        written = {name for action in writes for name in order.allowed(role, action)}
        for name in sorted(written - order.before(function)):
            yield f"{name} is deleted before {function}, which writes to it"


def no_schedule_fires_before_what_it_calls_can_work(order):
    """A rate begins at once; what fails three times then is the first thing that a new stack says."""
    for schedule, properties in order.of_type("AWS::Scheduler::Schedule").items():
        there, role = order.before(schedule), target(properties["Target"]["RoleArn"])
        called = target(properties["Target"]["Arn"])
        needed = {name for name, given in order.of_type("AWS::IAM::RolePolicy").items() if target(given["RoleName"]) == role}
        if called:
            needed |= {called}
            variables = order.resources[called]["Properties"].get("Environment", {}).get("Variables", {})
            if "DATABASE_HOST" in variables:
                needed |= set(order.of_type("AWS::RDS::DBInstance", "Custom::Migration")) | (WAYS_OUT & set(order.resources))
        else:
            needed |= set(order.of_type("AWS::AppRunner::Service"))
        for name in sorted(needed - there):
            yield f"{schedule} fires before {name} is there"


def whoever_uses_a_role_waits_for_its_policies(order):
    """A policy apart from its role is there for a reason: the role must be there before what the policy names."""
    for policy, given in order.of_type("AWS::IAM::RolePolicy").items():
        role = target(given["RoleName"])
        # The database rings from the first trigger on, and a trigger is the migration's.
        for name in order.of_type("Custom::Migration"):
            if role in order.before(name) and policy not in order.before(name):
                yield f"{name} comes before {policy}, without which {role} may nothing"


RULES = (
    nothing_is_published_before_somebody_is_subscribed,
    nothing_is_sent_before_it_is_let_in,
    nothing_is_deleted_before_who_writes_to_it,
    no_schedule_fires_before_what_it_calls_can_work,
    whoever_uses_a_role_waits_for_its_policies,
)


def broken(rendered):
    """Everything in a rendered template whose order breaks a rule."""
    order = Order(rendered)
    return [problem for rule in RULES for problem in rule(order)]


def rendered(translated, given):
    """The template as one way to deploy has it; refused parameters are an error."""
    rendering = Rendering(translated, given)
    refusals = list(rendering.refusals())
    if refusals:
        raise ValueError("; ".join(refusals))
    return rendering.render()


def main(names):
    unknown = set(names) - set(WAYS)
    if unknown:
        sys.exit(f"usage: tools/template_order.py [NAME...], each one of {', '.join(WAYS)}")
    translated = translate(unfold(load(TEMPLATE.read_text())), {})
    for name in names:
        for number, step in enumerate(Order(rendered(translated, parameters(name))).steps(), 1):
            print(f"{number}: {' '.join(step)}")
    if names:
        return
    problems, more = [], ({}, {"ReleaseTag": "prod"}, {"Doorbell": "LambdaEndpoint"}, {"MigrateOnDeploy": "false"})
    for name in WAYS:
        for extra in more:
            found = broken(rendered(translated, {**parameters(name), **extra}))
            problems += [f"{name}: {problem}" for problem in found]
    say(list(dict.fromkeys(problems)), f"{len(RULES)} rules about order hold in {len(WAYS)} ways to deploy, each in {len(more)} variants")


if __name__ == "__main__":
    main(sys.argv[1:])
