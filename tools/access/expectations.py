"""Compares the expected decisions about requests with the evaluated ones."""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase

from access.neighbours import kind
from access.simulator import Request, document, evaluate, listed

STRANGER = "arn:aws:iam::999988887777:role/stranger"
EVERYTHING = document({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@dataclass(frozen=True)
class Expectation:
    """A request and its expected decision."""

    request: Request
    allowed: bool
    # The role or the resource that has the evaluated policy.
    subject: str
    # The reason, if it is not obvious.
    reason: str = ""


def evaluate_all(expectations):
    """Evaluates each different request once. Returns a sentence for each unexpected decision, and the expectations with their
    answers.
    """
    different = list(dict.fromkeys(expectations))
    pairs = list(zip(different, evaluate([expectation.request for expectation in different])))
    return [sentence for pair in pairs for sentence in complaint(*pair)], pairs


def complaint(expectation, answer):
    about = f"{expectation.subject}: {expectation.request}"
    because = f" ({expectation.reason})" if expectation.reason else ""
    if answer.error:
        yield f"{about} cannot be evaluated: {answer.error}"
    elif answer.allowed != expectation.allowed:
        yield f"{about} is {'allowed and must be denied' if answer.allowed else 'denied and must be allowed'}{because}"


def unused(holders, pairs):
    """Returns a sentence for each action that a statement allows or denies on a resource and that no request uses.

    `holders` are pairs of the name of a policy's holder, as the sentences have it, and the document of the policy. A statement
    without a request has no known purpose.
    """
    met = {}
    for expectation, answer in pairs:
        for applied in answer.applied:
            if expectation.allowed == (applied.effect == "Allow"):
                for resource in applied.resources or ("",):
                    statement = (expectation.subject, applied.policy, applied.index)
                    met.setdefault(statement, set()).add((expectation.request.action, resource))
    sentences = set()
    for holder, policy in holders:
        for index, statement in enumerate(json.loads(policy)["Statement"]):
            here = met.get((holder, policy, index), set())
            for action in listed(statement["Action"]):
                called = {resource for one, resource in here if fnmatchcase(one, action)}
                if not called:
                    sentences.add(f"{holder}: nothing calls {action} (statement {statement.get('Sid', index)})")
                # A denial needs one request. An allowance needs one for each of its resources.
                elif statement["Effect"] == "Allow":
                    for resource in listed(statement.get("Resource", "")):
                        if resource not in called and fits(resource, called):
                            sentences.add(
                                f"{holder}: nothing calls {action} on {resource} (statement {statement.get('Sid', index)})"
                            )
    return sorted(sentences)


def fits(resource, called):
    """Returns true if an action that was called on these resources could be called on this resource too.

    A statement about a bucket has actions for the bucket and others for its objects.
    """
    return not resource.startswith("arn:aws:s3:") or kind(resource) in map(kind, called)
