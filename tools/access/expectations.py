"""Compares what is expected of requests with what the evaluation says."""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase

from access.neighbours import kind
from access.simulator import Request, document, evaluate, listed

STRANGER = "arn:aws:iam::999988887777:role/stranger"
EVERYTHING = document({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@dataclass(frozen=True)
class Expectation:
    """A request, and whether it must be allowed."""

    request: Request
    allowed: bool
    # The role or the resource whose policy it is about.
    subject: str
    # The reason, where it is not plain.
    reason: str = ""


def judge(expectations):
    """Evaluates each different request once. Returns sentences about what is not as expected, and the pairs with their answers."""
    different = list(dict.fromkeys(expectations))
    pairs = list(zip(different, evaluate([expectation.request for expectation in different])))
    return [sentence for pair in pairs for sentence in complaint(*pair)], pairs


def complaint(expectation, answer):
    about = f"{expectation.subject}: {expectation.request}"
    because = f" ({expectation.reason})" if expectation.reason else ""
    if answer.error:
        yield f"{about} can't be evaluated: {answer.error}"
    elif answer.allowed != expectation.allowed:
        yield f"{about} is {'allowed and must be denied' if answer.allowed else 'denied and must be allowed'}{because}"


def unused(holders, pairs):
    """Each action that a statement allows or denies on a resource, and that no request has met, as a sentence.

    `holders` are pairs of who has a policy, as the sentences call it, and its document. Without a request nothing says what the
    statement is for.
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
                # A denial is met by one resource; each resource of an allowance has to be called.
                elif statement["Effect"] == "Allow":
                    for resource in listed(statement.get("Resource", "")):
                        if resource not in called and fits(resource, called):
                            sentences.add(
                                f"{holder}: nothing calls {action} on {resource} (statement {statement.get('Sid', index)})"
                            )
    return sorted(sentences)


def fits(resource, called):
    """Returns true if an action that was called on these could be called on this resource too.

    A statement about a bucket has actions for the bucket and others for its objects.
    """
    return not resource.startswith("arn:aws:s3:") or kind(resource) in map(kind, called)
