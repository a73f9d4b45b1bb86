#!/usr/bin/env python3
"""Evaluates the policies of the templates as IAM does: what must be called is allowed, what is beside it is denied.

template.yaml is rendered for each of STACKS, which between them have every condition that decides about a role or what is in
its policies come out both ways. tools/access/roles.yaml says which calls each role makes; tools/access/resources.yaml whom
the policies of topics, queues, buckets, endpoints, functions and the image repository let in. Everything else that those
tables know is expected to be denied, and so are the neighbours of a call: the same in another account, region or stack.

A statement that no call needs is a fault, and so is a role or a policy that no table knows.
"""

import sys

from access import calls, resources
from access.expectations import judge, unused
from access.stack import Stack, deciding
from template import ROOT, TEMPLATE, load, say, translate, unfold
from template_choices import DATABASE_LOG, EXISTING, IMAGE, NIGHT, SUBNETS, VPC, named

RELEASE = {**IMAGE, "ReleaseTag": "prod"}
IN_VPC = {**EXISTING, **SUBNETS, **VPC, "DatabaseResourceId": "cluster-ABC"}
# The account's own policy, which nobody here knows: roles are evaluated without it.
BOUNDARY = {"PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary"}
STACKS = (
    # App Runner with all that it has, and the secret key from Secrets Manager.
    {
        "WebPlatform": "AppRunner",
        **RELEASE,
        **NIGHT,
        "CustomDomain": "www.example.org",
        "InvalidationBatches": "true",
        "FlowLogs": "true",
    },
    # The secret key from a parameter, tracing, a superuser; published by nobody, released by hand.
    {
        "WebPlatform": "AppRunner",
        **IMAGE,
        "SecretKeyParameter": "/site/key",
        "SuperuserParameter": "/site/superuser",
        "ScheduledPublishing": "false",
        "Tracing": "true",
        "Doorbell": "Logs",
    },
    {
        "WebPlatform": "EcsExpress",
        **RELEASE,
        "Tracing": "true",
        "LogGroupPrefixes": "/builds/wagrun-test/",
        "LogGroupsByTag": "true",
    },
    {"WebPlatform": "EcsExpress", **IMAGE, "SecretKeyParameter": "/site/key", "Doorbell": "PublicAddress"},
    {"WebPlatform": "None", **RELEASE, "DatabaseSnapshot": "before", "Doorbell": "PublicAddress"},
    # A database that was there before: with IAM, and as on one's own machine.
    {"WebPlatform": "EcsExpress", **RELEASE, **IN_VPC, **DATABASE_LOG, **BOUNDARY, "DatabaseInstanceId": "db-1"},
    {"WebPlatform": "AppRunner", **IMAGE, **IN_VPC},
    {"WebPlatform": "None", **EXISTING, "SiteDirectory": "/srv/site", "Tracing": "true"},
    {"WebPlatform": "None", **EXISTING},
)


def stacks(translated):
    """The stacks of template.yaml, each after the template's own Rules have let it pass."""
    for parameters in STACKS:
        stack = Stack(translated, parameters)
        refused = list(stack.rendering.refusals())
        if refused:
            raise ValueError(f"{named(parameters)}: {refused}")
        yield stack


def undecided(translated, found):
    """Conditions that decide about policies and come out one way only, as sentences."""
    for name in sorted(set(deciding(translated))):
        for outcome in (True, False):
            if not any(stack.rendering.condition(name) == outcome for stack in found):
                yield f"condition {name} is {str(outcome).lower()} in none of STACKS"


def problems(translated, repository):
    """The sentences about what is wrong, and how many requests were evaluated."""
    found, registry = list(stacks(translated)), Stack(repository, {})
    roles, policies = calls.table(), resources.table()
    sentences = [*undecided(translated, found), *calls.unknown(found, roles), *calls.lonely(found, roles)]
    sentences += resources.unknown([*found, registry], policies)
    expectations, holders = [], []
    for stack in (*found, registry):
        known = resources.Resources(stack, policies)
        expectations += [*calls.Roles(stack, roles).expectations(), *known.expectations()]
        holders += [(role, policy) for role in stack.roles() for policy in (*stack.identity(role), stack.trust(role))]
        holders += known.policies.items()
    complaints, pairs = judge(expectations)
    sentences += [*complaints, *unused(holders, pairs)]
    return list(dict.fromkeys(sentences)), pairs


def main():
    translated = translate(unfold(load(TEMPLATE.read_text())), {})
    found, pairs = problems(translated, load((ROOT / "ecr.yaml").read_text()))
    allowed = sum(expectation.allowed for expectation, _ in pairs)
    say(found, f"{len(STACKS)} stacks: {allowed} calls are allowed, {len(pairs) - allowed} beside them are denied")


if __name__ == "__main__":
    sys.exit(main())
