"""Reads the calls of functions that a run of the tests has recorded, and expects them to be allowed.

A line is a JSON object with caller, service, operation, parameters and status. tools/aws_models/recording.py has the details.
The recording also has the stacks and their parameters, because it has the CreateChangeSet calls of SAM. Their policies are
rendered as they are on AWS, and not as the emulator needs them.
"""

import json
import re

from access.calls import Roles
from access.expectations import Expectation
from access.neighbours import neighbours
from access.operations import UnknownOperation, needed
from access.simulator import keys
from access.stack import Stack
from template_choices import PSEUDO

# The caller of a function: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION. Other callers are a test or SAM.
FUNCTION = re.compile(r"arn:aws:sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/")


def calls(directory):
    """Yields the recorded calls of each emulator, as a list in their order."""
    for path in sorted(directory.glob("calls-*.jsonl")):
        yield [json.loads(line) for line in path.read_text().splitlines()]


class Recording:
    """The calls that one emulator received, in their order."""

    def __init__(self, translated, lines, known):
        self.translated, self.lines, self.known = translated, lines, known
        # The deployed stacks: their parameters, their line in the recording, and their roles. The tags of log groups.
        self.parameters, self.created, self.roles, self.tags = {}, {}, {}, {}
        self.problems, self.counts = [], {}

    def expectations(self):
        """Yields that each call is allowed and that its neighbours are denied."""
        for number, line in enumerate(self.lines):
            self.store_state(number, line)
            match = FUNCTION.match(line["caller"] or "")
            if match:
                yield from self.call(line, match["account"], match["role"])

    def store_state(self, number, line):
        """Stores the stacks and the tags that later calls depend on."""
        asked = line["parameters"]
        if line["operation"] == "CreateChangeSet":
            before = self.parameters.get(asked["StackName"], {})
            given = {
                one["ParameterKey"]: one.get("ParameterValue", before.get(one["ParameterKey"]))
                for one in asked.get("Parameters", [])
            }
            self.parameters[asked["StackName"]] = given
            if creates(line, asked["StackName"]):
                self.created[asked["StackName"]] = number
            self.roles = {key: value for key, value in self.roles.items() if key[0] != asked["StackName"]}
        if line["service"] == "logs" and line["operation"] in ("CreateLogGroup", "TagResource"):
            name = asked.get("logGroupName") or asked["resourceArn"].split(":log-group:")[1].removesuffix(":*")
            self.tags[name] = {**self.tags.get(name, {}), **asked.get("tags", {})}

    def call(self, line, account, role_name):
        roles, role = self.role(account, role_name)
        if role is None:
            self.problems.append(f"{role_name} called {line['operation']} and is no role of a stack that was deployed")
            return
        try:
            permissions = needed(roles.stack, line["service"], line["operation"], line["parameters"])
        except UnknownOperation as problem:
            self.problems.append(f"{role}: {problem}")
            return
        self.counts[role] = self.counts.get(role, 0) + 1
        for one in permissions:
            context = keys({**one.context, **self.tagged(one.resource)})
            yield Expectation(roles.request(role, one.action, one.resource, context), True, role)
            opened = {
                name for entry in self.known[role]["calls"] if one.action in entry["actions"] for name in entry.get("open", {})
            }
            for name, beside in neighbours(roles.stack, one.resource).items():
                if name not in opened:
                    yield Expectation(roles.request(role, one.action, beside, context), False, role)

    def role(self, account, name):
        """Returns the roles of the stack that a role of this name belongs to, and the logical id of the role."""
        # The longest name first: the name of one stack may be the beginning of another.
        for stack_name in sorted(self.parameters, key=len, reverse=True):
            logical = name.removeprefix(f"{stack_name}-").rsplit("-", 1)[0]
            if name.startswith(f"{stack_name}-"):
                roles = self.deployed(account, stack_name)
                if logical in roles.calls:
                    return roles, logical
        return None, None

    def deployed(self, account, stack_name):
        if (stack_name, account) not in self.roles:
            pseudo = {**PSEUDO, "AWS::AccountId": account, "AWS::StackName": stack_name}
            stack = Stack(self.translated, self.parameters[stack_name], pseudo)
            stack.names = dict(self.names(stack))
            self.roles[stack_name, account] = Roles(stack, self.known)
        return self.roles[stack_name, account]

    def names(self, stack):
        """Yields the names that the emulator made for the resources of this stack, as they are in the recording."""
        life = []
        for line in self.lines[self.created.get(stack.name, 0) :]:
            if life and creates(line, stack.name):
                break
            life.append(f"{line['caller']} {json.dumps(line['parameters'])}")
        text = "\n".join(life)
        for logical in stack.resources:
            found = re.search(rf"(?<![\w-]){re.escape(stack.name)}-{logical}-[0-9a-f]{{6,}}(?![\w-])", text, re.I)
            if found:
                yield logical, found[0]

    def tagged(self, resource):
        """Returns the tags of a log group as condition keys."""
        _, found, name = resource.partition(":log-group:")
        tags = self.tags.get(name.split(":log-stream:")[0], {}) if found else {}
        return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def creates(line, stack_name):
    """Returns true if a call creates a stack of this name. A deleted stack of this name had other names for its resources."""
    asked = line["parameters"]
    return line["operation"] == "CreateChangeSet" and asked["StackName"] == stack_name and asked.get("ChangeSetType") == "CREATE"
