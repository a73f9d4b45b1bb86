#!/usr/bin/env python3
"""Evaluates the policies of the templates as IAM does: calls that must work are allowed, and similar calls are denied.

template.yaml is rendered for each of STACKS. Among these, every condition that decides about a role or its policies has both
outcomes. tools/access/roles.yaml has the calls that each role makes. tools/access/resources.yaml has the principals that the
policies of topics, queues, buckets, endpoints, functions and the image repository let in. All other calls in these tables must
be denied, and so must the neighbours of a call: the same in another account, region or stack.

A statement that no call needs is reported, and so is a role or a policy that no table has.
"""

import sys

from access import calls, resources
from access.expectations import evaluate_all, unused
from access.stack import Stack, conditions_of_policies
from template import ROOT, TEMPLATE, load, say, translate, unfold
from template_choices import DATABASE_LOG, EXISTING, IMAGE, NIGHT, SUBNETS, VPC, named

RELEASE = {**IMAGE, "ReleaseTag": "prod"}
IN_VPC = {**EXISTING, **SUBNETS, **VPC, "DatabaseResourceId": "cluster-ABC"}
# A policy of the account, whose content is not known here: roles are evaluated without it.
BOUNDARY = {"PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary"}
STACKS = (
    # App Runner with all its options, and the secret key from Secrets Manager.
    {
        "WebPlatform": "AppRunner",
        **RELEASE,
        **NIGHT,
        "CustomDomain": "www.example.org",
        "InvalidationBatches": "true",
        "FlowLogs": "true",
    },
    # The secret key from a parameter, tracing, a superuser, no scheduled publishing, no release tag.
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
    # An existing database: with IAM, and as on a developer's machine.
    {"WebPlatform": "EcsExpress", **RELEASE, **IN_VPC, **DATABASE_LOG, **BOUNDARY, "DatabaseInstanceId": "db-1"},
    {"WebPlatform": "AppRunner", **IMAGE, **IN_VPC},
    {"WebPlatform": "None", **EXISTING, "SiteDirectory": "/srv/site", "Tracing": "true"},
    {"WebPlatform": "None", **EXISTING},
)


def stacks(translated):
    """Yields the stacks of template.yaml. Raises ValueError if the template's own Rules refuse one."""
    for parameters in STACKS:
        stack = Stack(translated, parameters)
        refused = list(stack.rendering.refusals())
        if refused:
            raise ValueError(f"{named(parameters)}: {refused}")
        yield stack


def constant_conditions(translated, found):
    """Yields a sentence for each condition that decides about policies and has one outcome only."""
    for name in sorted(set(conditions_of_policies(translated))):
        for outcome in (True, False):
            if not any(stack.rendering.condition(name) == outcome for stack in found):
                yield f"condition {name} is {str(outcome).lower()} in none of STACKS"


def problems(translated, repository):
    """Returns the sentences about problems, and the evaluated requests with their answers."""
    found, registry = list(stacks(translated)), Stack(repository, {})
    roles, policies = calls.table(), resources.table()
    sentences = [*constant_conditions(translated, found), *calls.unknown(found, roles), *calls.calls_without_neighbours(found, roles)]
    sentences += resources.unknown([*found, registry], policies)
    expectations, holders = [], []
    for stack in (*found, registry):
        known = resources.Resources(stack, policies)
        expectations += [*calls.Roles(stack, roles).expectations(), *known.expectations()]
        holders += [(role, policy) for role in stack.roles() for policy in (*stack.identity(role), stack.trust(role))]
        holders += known.policies.items()
    complaints, pairs = evaluate_all(expectations)
    sentences += [*complaints, *unused(holders, pairs)]
    return list(dict.fromkeys(sentences)), pairs


def main():
    translated = translate(unfold(load(TEMPLATE.read_text())), {})
    found, pairs = problems(translated, load((ROOT / "ecr.yaml").read_text()))
    allowed = sum(expectation.allowed for expectation, _ in pairs)
    say(found, f"{len(STACKS)} stacks: {allowed} calls are allowed, {len(pairs) - allowed} beside them are denied")


if __name__ == "__main__":
    sys.exit(main())
