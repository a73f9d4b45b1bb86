"""Evaluates many requests against policies at once, by a program in Node.js."""

import atexit
import functools
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from template import ROOT

DIRECTORY = ROOT / ".local/npm/access"
PROGRAM = Path(__file__).resolve().parent / "simulate.mjs"


def document(policy):
    """Returns a policy as a text, which requests and answers use as its name. A single statement may be given without a
    list.
    """
    return json.dumps({**policy, "Statement": listed(policy["Statement"])}, sort_keys=True)


def keys(context):
    """Returns condition keys and their values as a sorted tuple."""
    return tuple(sorted(context.items()))


def listed(value):
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Request:
    """One call of an action on one resource, and the policies that decide about it."""

    principal: str
    action: str
    resource: str
    # The account of the resource. In the account of the principal, the policies of the principal decide alone. In another
    # account, the policy of the resource must allow the call too.
    account: str
    context: tuple = ()
    # The documents of the policies.
    identity: tuple = ()
    resource_policy: str | None = None
    endpoint_policy: str | None = None

    def __str__(self):
        among = f" with {json.dumps(dict(self.context))}" if self.context else ""
        return f"{self.action} on {self.resource}{among}"


@dataclass(frozen=True)
class Applied:
    """A statement that applied to a request, with those of its resources that applied."""

    policy: str
    index: int
    effect: str
    resources: tuple


@dataclass(frozen=True)
class Answer:
    """The decision about a request. With an error there is no decision."""

    allowed: bool | None
    applied: tuple = ()
    error: str | None = None


def evaluate(requests):
    """Returns the answer to each request, in their order."""
    policies = {}

    def number(policy):
        return policies.setdefault(policy, len(policies))

    asked = []
    for request in requests:
        one = {
            "principal": request.principal,
            "action": request.action,
            "resource": request.resource,
            "account": request.account,
            "context": dict(request.context),
            "identity": [number(policy) for policy in request.identity],
        }
        if request.resource_policy is not None:
            one["resourcePolicy"] = number(request.resource_policy)
        if request.endpoint_policy is not None:
            one["endpoint"] = number(request.endpoint_policy)
        asked.append(one)
    texts = list(policies)

    def answer(found):
        if "error" in found:
            return Answer(None, error=found["error"])
        applied = [
            Applied(texts[one["policy"]], one["index"], one["effect"], tuple(one["resources"])) for one in found["statements"]
        ]
        return Answer(found["allowed"], tuple(applied))

    return [answer(found) for found in run(json.dumps({"policies": [json.loads(text) for text in texts], "requests": asked}))]


def run(text):
    """Sends a line to the program, and returns its answer."""
    process = program()
    process.stdin.write(f"{text}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        sys.exit(f"{PROGRAM.relative_to(ROOT)} failed; tools/npm.py access installs what it needs")
    return json.loads(answer)


@functools.cache
def program():
    """Starts the program in the directory of its packages. It ends when its input ends."""
    process = subprocess.Popen(
        [DIRECTORY / "node", PROGRAM], cwd=DIRECTORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)
    return process
