#!/usr/bin/env python3
"""Compares the calls of the command wagrun that the tests have recorded with the policies of docs/operator.md: operator_policy.py DIRECTORY

- Each action that the command called must be in one of the policies.
- Each action of the policies must have been called, or be named below with the reason why no test can.
"""

import json
import re
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs/operator.md"
# The command names itself in the User-Agent.
APPLICATION = "app/wagrun"
POLICY = re.compile(r"<!-- policy: \w+ -->\n```json\n(.*?)```\n<!-- /policy -->", re.S)
# Operations whose action has another name.
ACTIONS = {("lambda", "Invoke"): "lambda:InvokeFunction", ("lambda", "Invoke20150331"): "lambda:InvokeFunction"}
# Services whose prefix in IAM is another.
PREFIXES = {"monitoring": "cloudwatch"}
# Actions of the policies that no end-to-end test calls, each with the reason.
NOT_CALLED = {
    "cloudwatch:GetMetricStatistics",  # about Aurora, which the local stack does not have
    "cloudwatch:ListMetrics",  # the emulator makes no metrics of log lines, so it is not asked
    "logs:DescribeSubscriptionFilters",  # the local stack has no log group of the database
    "sqs:PurgeQueue",  # the tests empty their queues themselves
    "sqs:TagQueue",  # a listener's sign of life, after a minute
}


def allowed(document):
    """Returns the actions of all policies in the document."""
    actions = set()
    for policy in POLICY.findall(document):
        for statement in json.loads(policy)["Statement"]:
            action = statement["Action"]
            actions.update([action] if isinstance(action, str) else action)
    return actions


def called(directory):
    """Returns the actions that the command called."""
    actions = set()
    for path in sorted(directory.glob("calls-*.jsonl")):
        for line in path.read_text().splitlines():
            call = json.loads(line)
            if APPLICATION not in (call.get("agent") or ""):
                continue
            service, operation = call["service"], call["operation"]
            actions.add(ACTIONS.get((service, operation), f"{PREFIXES.get(service, service)}:{operation}"))
    return actions


def problems(policies, calls):
    """Returns a sentence for each difference."""
    if not calls:
        return ["no call of the command wagrun was recorded"]
    lacking = [f"docs/operator.md does not allow {action}, which the command calls" for action in sorted(calls - policies)]
    unused = [f"docs/operator.md allows {action}, which the command never called" for action in sorted(policies - calls - NOT_CALLED)]
    return lacking + unused


def main(directory):
    found = problems(allowed(DOCUMENT.read_text()), called(Path(directory)))
    for sentence in found:
        print(sentence)
    if not found:
        print("the policies of docs/operator.md are what the command calls")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
