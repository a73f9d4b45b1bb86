#!/usr/bin/env python3
"""Computes the order in which each way to deploy is created and deleted, and checks it against the rules below.

CloudFormation creates a resource when all resources that it names exist. It deletes a resource when no remaining resource
names it any more, which is the reverse order. `tools/template_order.py NAME` prints the order of parameters/NAME.yaml, one
line for each step. The resources of a step are created at the same time.
"""

import sys

from template import ROOT, TEMPLATE, listed, load, references, say, target, text, translate, unfold, walk
from template_choices import DATABASE_GROUP, DATABASE_LOG, IMAGE, SUBNETS, VPC
from template_render import Rendering

WAYS = {path.stem: path for path in sorted((ROOT / "parameters").glob("*.yaml")) if path.stem not in ("dev", "prod")}
# The values that the file of a way leaves empty.
EXAMPLE_VALUES = {
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
# The resources by which a function in the VPC reaches the database and AWS.
NETWORK_PATHS = {"FunctionsReachDatabase", "EgressOnlyRoute", "PrivateRoutesOfSubnetA", "PrivateRoutesOfSubnetB"}
# The types of policies that let services send to a queue or a topic, and their property with the receivers.
RESOURCE_POLICIES = {"AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics"}


def parameters(way):
    """Returns the parameters of a deployment of this way."""
    chosen = {name: text(value) for name, value in load(WAYS[way].read_text()).items()}
    return {**chosen, **EXAMPLE_VALUES.get(way, {}), **IMAGE}


class Order:
    """The dependencies between the resources of one rendered template."""

    def __init__(self, rendered):
        self.resources = rendered["Resources"]
        self.waits = {name: set(references(part)) & set(self.resources) - {name} for name, part in self.resources.items()}

    def before(self, name):
        """Returns all resources that exist when the creation of this one begins, and still exist when its deletion ends."""
        found, queue = set(), [name]
        while queue:
            for other in self.waits[queue.pop()] - found:
                found.add(other)
                queue.append(other)
        return found

    def steps(self):
        """Yields the order of creation; each step is a list of names."""
        left = dict(self.waits)
        while left:
            ready = sorted(name for name, others in left.items() if not others & set(left))
            yield ready
            for name in ready:
                del left[name]

    def of_type(self, *types):
        return {name: part.get("Properties") or {} for name, part in self.resources.items() if part["Type"] in types}

    def allowed(self, role, action):
        """Yields the logical ids on which a role may take this action, wherever its policy is written."""
        policies = listed(self.resources.get(role, {}).get("Properties", {}).get("Policies", []))
        policies += [properties for properties in self.of_type("AWS::IAM::RolePolicy").values() if target(properties["RoleName"]) == role]
        for _, statement in walk(policies):
            if isinstance(statement, dict) and statement.get("Effect") == "Allow" and action in listed(statement["Action"]):
                yield from (target(resource) for resource in listed(statement["Resource"]) if target(resource))

    def resource_policies(self, name):
        """Yields the resource policies of a queue or a topic."""
        for kind, key in RESOURCE_POLICIES.items():
            for policy, properties in self.of_type(kind).items():
                if name in [target(thing) for thing in properties[key]]:
                    yield policy


# ---------------------------------------------------------------- the rules


def events_are_published_after_the_subscription(order):
    """An event counts as published when the topic has accepted it, so the subscription must exist before."""
    for function, properties in order.of_type("AWS::Lambda::Function").items():
        there = order.before(function)
        for topic in sorted(set(order.allowed(target(properties["Role"]), "sns:Publish"))):
            needed = set(order.resource_policies(topic))
            for subscription, given in order.of_type("AWS::SNS::Subscription").items():
                # A person has to confirm a mail subscription first, whatever the order is.
                if target(given["TopicArn"]) == topic and given["Protocol"] == "sqs":
                    needed.add(subscription)
            for name in sorted(needed - there):
                yield f"{function} may publish to {topic} before {name} is there, and after it is gone"


def messages_are_sent_after_the_permission(order):
    """A topic, a rule or an alarm does not retry a message that the policy of a queue or a topic has refused."""
    senders = {name: target(given["Endpoint"]) for name, given in order.of_type("AWS::SNS::Subscription").items() if given["Protocol"] == "sqs"}
    senders |= {name: target(given["Targets"][0]["Arn"]) for name, given in order.of_type("AWS::Events::Rule").items()}
    senders |= {name: target(given["AlarmActions"][0]) for name, given in order.of_type("AWS::CloudWatch::Alarm").items()}
    for sender, receiver in senders.items():
        for policy in sorted(set(order.resource_policies(receiver)) - order.before(sender)):
            yield f"{sender} sends to {receiver} before {policy} lets it in, and after it is gone"


def functions_are_deleted_before_their_targets(order):
    """A resource that a function writes to exists before the function, and so is deleted after it."""
    writes = ("sns:Publish", "sqs:SendMessage", "s3:PutObject", "logs:PutLogEvents")
    for function, properties in order.of_type("AWS::Lambda::Function").items():
        role = target(properties["Role"])
        written = {name for action in writes for name in order.allowed(role, action)}
        for name in sorted(written - order.before(function)):
            yield f"{name} is deleted before {function}, which writes to it"


def schedules_begin_after_their_targets(order):
    """A rate begins at once. Three failed runs would otherwise raise the first alarm of a new stack."""
    for schedule, properties in order.of_type("AWS::Scheduler::Schedule").items():
        there, role = order.before(schedule), target(properties["Target"]["RoleArn"])
        called = target(properties["Target"]["Arn"])
        needed = {name for name, given in order.of_type("AWS::IAM::RolePolicy").items() if target(given["RoleName"]) == role}
        if called:
            needed |= {called}
            variables = order.resources[called]["Properties"].get("Environment", {}).get("Variables", {})
            if "DATABASE_HOST" in variables:
                needed |= set(order.of_type("AWS::RDS::DBInstance", "Custom::Migration")) | (NETWORK_PATHS & set(order.resources))
        else:
            needed |= set(order.of_type("AWS::AppRunner::Service"))
        for name in sorted(needed - there):
            yield f"{schedule} fires before {name} is there"


def users_of_a_role_wait_for_its_policies(order):
    """A policy is apart from its role if the role must exist before the resources that the policy names."""
    for policy, given in order.of_type("AWS::IAM::RolePolicy").items():
        role = target(given["RoleName"])
        # The database rings from the first trigger on, and the migration attaches the triggers.
        for name in order.of_type("Custom::Migration"):
            if role in order.before(name) and policy not in order.before(name):
                yield f"{name} comes before {policy}, without which {role} allows nothing"


RULES = (
    events_are_published_after_the_subscription,
    messages_are_sent_after_the_permission,
    functions_are_deleted_before_their_targets,
    schedules_begin_after_their_targets,
    users_of_a_role_wait_for_its_policies,
)


def violations(rendered):
    """Returns a sentence for each violation of a rule in a rendered template."""
    order = Order(rendered)
    return [problem for rule in RULES for problem in rule(order)]


def rendered(translated, given):
    """Returns the rendered template of one way to deploy. Raises ValueError if the Rules refuse the parameters."""
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
            found = violations(rendered(translated, {**parameters(name), **extra}))
            problems += [f"{name}: {problem}" for problem in found]
    say(list(dict.fromkeys(problems)), f"{len(RULES)} rules about order hold in {len(WAYS)} ways to deploy, each in {len(more)} variants")


if __name__ == "__main__":
    main(sys.argv[1:])
