"""Breaks copies of the policies of a template, for the tests of the evaluation."""

import copy
import unittest

from access import calls, resources
from access.expectations import evaluate_all, unused
from access.stack import Stack
from template import TEMPLATE, load, translate, unfold
from template_choices import IMAGE

TRANSLATED = translate(unfold(load(TEMPLATE.read_text())), {})
ROLES, POLICIES = calls.table(), resources.table()
APP_RUNNER = {"WebPlatform": "AppRunner", **IMAGE, "ReleaseTag": "prod"}


def statement(template, holder, sid):
    """Returns the statement with this Sid in the policies of a resource."""
    properties = template["Resources"][holder]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties[key] for key in ("PolicyDocument", "AssumeRolePolicyDocument") if key in properties]
    for document in documents:
        for one in document["Statement"]:
            # The second element of an Fn::If is its value if the condition holds.
            one = one["Fn::If"][1] if "Fn::If" in one else one
            if one.get("Sid") == sid:
                return one
    raise AssertionError(f"{holder} has no statement {sid}")


class Breaking(unittest.TestCase):
    """A test that breaks the policy of one role or resource in one stack."""

    def found(self, holder, parameters, change=lambda template: None):
        """Returns the problems of one role or resource, in one stack."""
        template = copy.deepcopy(TRANSLATED)
        change(template)
        stack = Stack(template, parameters)
        if holder in stack.roles():
            expectations = calls.Roles(stack, ROLES).of(holder)
            holders = [(holder, policy) for policy in (*stack.identity(holder), stack.trust(holder))]
        else:
            known = resources.Resources(stack, POLICIES)
            expectations, holders = known.of(holder), [(holder, known.policies[holder])]
        complaints, pairs = evaluate_all(list(expectations))
        self.assertGreater(len(pairs), 5)
        return "\n".join([*complaints, *unused(holders, pairs)])

    UNBROKEN = set()

    def assert_breaks(self, sentence, holder, parameters, change):
        if (holder, str(parameters)) not in self.UNBROKEN:
            self.assertEqual("", self.found(holder, parameters))
            self.UNBROKEN.add((holder, str(parameters)))
        self.assertIn(sentence, self.found(holder, parameters, change))
