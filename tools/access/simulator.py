"""Asks the evaluation of policies, a program in Node.js, about many requests at once."""

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
    """A policy as a text, which is how requests and answers name it. A single statement may be written without a list."""
    return json.dumps({**policy, "Statement": listed(policy["Statement"])}, sort_keys=True)


def keys(context):
    """Condition keys and their values, in an order of their own."""
    return tuple(sorted(context.items()))


def listed(value):
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Request:
    """One call of an action on one resource, and the policies that say whether it may be."""

    principal: str
    action: str
    resource: str
    # The account that the resource is said to be in. In the principal's own, its policies alone decide; in another one the
    # resource's policy has to agree.
    account: str
    context: tuple = ()
    # The policies' documents.
    identity: tuple = ()
    resource_policy: str | None = None
    endpoint_policy: str | None = None

    def __str__(self):
        among = f" with {json.dumps(dict(self.context))}" if self.context else ""
        return f"{self.action} on {self.resource}{among}"


@dataclass(frozen=True)
class Applied:
    """A statement that applied to a request, with those of its resources that did."""

    policy: str
    index: int
    effect: str
    resources: tuple


@dataclass(frozen=True)
class Answer:
    """The decision about a request. With an error it could not be evaluated, which is neither yes nor no."""

    allowed: bool | None
    applied: tuple = ()
    error: str | None = None


def evaluate(requests):
    """The answer to each request, in their order."""
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
    """Sends the program a line, and returns its answer."""
    process = program()
    process.stdin.write(f"{text}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        sys.exit(f"{PROGRAM.relative_to(ROOT)} failed; tools/npm.py access installs what it needs")
    return json.loads(answer)


@functools.cache
def program():
    """The program, which runs where its packages are and ends with its input."""
    process = subprocess.Popen(
        [DIRECTORY / "node", PROGRAM], cwd=DIRECTORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)
    return process
