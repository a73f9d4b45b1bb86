"""The calls that each role must be able to make, and the calls that it must not, from roles.yaml and roles-of-services.yaml."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from access.expectations import EVERYTHING, STRANGER, Expectation
from access.names import KINDS
from access.neighbours import ANOTHER_ACCOUNT, kind, neighbours
from access.simulator import Request, keys
from access.stack import Unknown
from template import load
from template_rules_access import UNASKED

HERE = Path(__file__).resolve().parent
# The services that take a role or call a resource in the templates, and some others.
SERVICES = (
    "apprunner.amazonaws.com",
    "build.apprunner.amazonaws.com",
    "cloudwatch.amazonaws.com",
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "ecs.amazonaws.com",
    "events.amazonaws.com",
    "lambda.amazonaws.com",
    "logs.amazonaws.com",
    "rds.amazonaws.com",
    "s3.amazonaws.com",
    "scheduler.amazonaws.com",
    "sns.amazonaws.com",
    "tasks.apprunner.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)


def table():
    """Returns the entry of each role, by its logical id."""
    return {**load((HERE / "roles.yaml").read_text()), **load((HERE / "roles-of-services.yaml").read_text())}


@dataclass(frozen=True)
class Call:
    """One action on one resource that a role makes in a stack."""

    role: str
    action: str
    resource: str
    entry: dict


def active(stack, entry):
    return all(stack.holds(condition) for condition in entry.get("when", []))


def resolved(stack, texts):
    """Yields these texts with the names of the stack in them, without those that name a resource the stack does not have."""
    for text in texts:
        try:
            yield stack.text(text)
        except Unknown:
            continue


def calls_made(stack, role, entries):
    """Yields the calls that a role makes in this stack."""
    for entry in entries:
        if active(stack, entry):
            for action in entry["actions"]:
                for resource in entry["resources"]:
                    yield Call(role, action, stack.text(resource), entry)


def is_among(stack, calls, action, resource):
    """Returns true if an action on a resource is among these calls, or is of the family of one."""
    for call in calls:
        if call.action == action:
            family = call.entry.get("family")
            if resource == call.resource or (family and fnmatchcase(resource, stack.text(family))):
                return True
    return False


class Roles:
    """All expectations about the roles of one stack."""

    def __init__(self, stack, known):
        self.stack, self.known = stack, known
        self.calls = {role: list(calls_made(stack, role, known[role]["calls"])) for role in stack.roles() if role in known}
        self.identities = {role: (stack.attribute(role, "Arn"), stack.identity(role)) for role in self.calls}
        self.there = {call.resource for calls in self.calls.values() for call in calls} | set(self.resources())

    def request(self, role, action, resource, context):
        """Returns a request of the role about a resource in its own account, so only its own policies decide."""
        arn, identity = self.identities[role]
        return Request(arn, action, resource, self.stack.account, context, identity)

    def expectations(self):
        for role in self.calls:
            yield from self.of(role)

    def of(self, role):
        yield from self.own(role)
        yield from self.others(role)
        yield from self.trust(role)

    def own(self, role):
        """Yields the calls of the role, which must be allowed, and their neighbours, which must be denied."""
        for call in self.calls[role]:
            context = self.context(call.entry.get("with", {}))
            yield Expectation(self.request(role, call.action, call.resource, context), True, role)
            yield from self.denied_with(role, call.action, call.resource, call.entry)
            opened = call.entry.get("open", {})
            for name, beside in neighbours(self.stack, call.resource).items():
                yield Expectation(self.request(role, call.action, beside, context), name in opened, role, opened.get(name, ""))
            for beside in resolved(self.stack, call.entry.get("neighbours", [])):
                if kind(beside) == kind(call.resource) and not is_among(self.stack, self.calls[role], call.action, beside):
                    yield Expectation(self.request(role, call.action, beside, context), False, role)
        for entry in self.known[role]["calls"]:
            if not active(self.stack, entry):
                for action in entry["actions"]:
                    for resource in resolved(self.stack, entry["resources"]):
                        if not is_among(self.stack, self.calls[role], action, resource):
                            reason = f"it is for {' and '.join(entry['when'])}"
                            context = self.context(entry.get("with", {}))
                            yield Expectation(self.request(role, action, resource, context), False, role, reason)
        for entry in self.known[role].get("never", []):
            if active(self.stack, entry):
                for action in entry["actions"]:
                    for resource in entry["resources"]:
                        yield from self.denied_with(role, action, self.stack.text(resource), entry)

    def denied_with(self, role, action, resource, entry):
        for context in entry.get("not with", []):
            yield Expectation(self.request(role, action, resource, self.context(context)), False, role)

    def others(self, role):
        """Yields the calls of other roles, and the actions of this role on other resources of the same kind. All must be
        denied.
        """
        mine = self.calls[role]
        for call in {(call.action, call.resource): call for calls in self.calls.values() for call in calls}.values():
            if not is_among(self.stack, mine, call.action, call.resource):
                yield Expectation(
                    self.request(role, call.action, call.resource, self.context(call.entry.get("with", {}))), False, role
                )
        for call in mine:
            for resource in self.there:
                if kind(resource) == kind(call.resource) and not is_among(self.stack, mine, call.action, resource):
                    yield Expectation(
                        self.request(role, call.action, resource, self.context(call.entry.get("with", {}))), False, role
                    )

    def resources(self):
        """Yields the ARNs of the resources of the stack."""
        for name in self.stack.of_type(*KINDS):
            for attribute in KINDS[self.stack.resources[name]["Type"]].attributes:
                # The ARN of a log group ends with an asterisk, and is not a name.
                if attribute.endswith("Arn") and not self.stack.attribute(name, attribute).endswith("*"):
                    yield self.stack.attribute(name, attribute)

    def context(self, entry):
        return keys(self.stack.texts(entry))

    def trust(self, role):
        """Yields the requests to take the role: by its service for this account, and by other principals."""
        known = self.known[role]["trust"]
        service = known["service"]
        if isinstance(service, dict):
            service = next(name for condition, name in service.items() if self.stack.holds(condition))
        arn, policy, account = self.stack.attribute(role, "Arn"), self.stack.trust(role), self.stack.account
        right = self.context({"aws:SourceAccount": account, **known.get("from", {})})

        def taken(principal, context, identity=()):
            return Request(principal, "sts:AssumeRole", arn, account, context, identity, policy)

        yield Expectation(taken(service, right), True, role)
        for other in SERVICES:
            if other != service:
                yield Expectation(taken(other, right), False, role)
        for principal in (f"arn:aws:iam::{account}:role/another", STRANGER):
            yield Expectation(taken(principal, (), (EVERYTHING,)), False, role)
        for context in known.get("not from", []):
            yield Expectation(taken(service, self.context(context)), False, role)
        for context in (keys({"aws:SourceAccount": ANOTHER_ACCOUNT}), ()):
            yield Expectation(taken(service, context), service in UNASKED, role, UNASKED.get(service, ""))


def unknown(stacks, known):
    """Yields a sentence for each role without an entry, each entry without a role, and each policy that is not evaluated."""
    there = {role for stack in stacks for role in stack.roles()}
    for role in sorted(there - known.keys()):
        yield f"{role} is not in tools/access/roles.yaml"
    for role in sorted(known.keys() - there):
        yield f"{role} is in tools/access/roles.yaml and in no stack"
    managed = {(role, arn) for stack in stacks for role in stack.roles() for arn in stack.managed(role)}
    for role, arn in sorted(managed):
        if arn not in known.get(role, {}).get("managed", {}):
            yield f"{role} has {arn}, which cannot be evaluated and has no reason in tools/access/roles.yaml"


def calls_without_neighbours(stacks, known):
    """Yields a sentence for each call that has no neighbours, so no similar call is denied."""
    for stack in stacks:
        for role in stack.roles():
            for call in calls_made(stack, role, known.get(role, {"calls": []})["calls"]):
                beside = {*neighbours(stack, call.resource)} - {"account", "region"}
                if call.resource != "*" and not beside and not call.entry.get("neighbours"):
                    yield f"{role}: {call.action} on {call.resource} has no neighbours in tools/access/roles.yaml"
