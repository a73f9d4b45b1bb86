#!/usr/bin/env python3
"""Breaks a rendered template in ways that cfn-lint does not find, and expects a finding of cloudformation-validate.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import json
import unittest

import template_validate
from cloudformation_validate import CompositeEngine
from template import TEMPLATE, load, translate, unfold

ENGINE = CompositeEngine()
RENDERED = template_validate.rendered(translate(unfold(load(TEMPLATE.read_text())), {}), template_validate.STACKS[0])


class ValidateTest(unittest.TestCase):
    def found(self, change=lambda resources: None):
        template = json.loads(RENDERED)
        change(template["Resources"])
        found = template_validate.findings(ENGINE, "template.yaml", json.dumps(template))
        return "\n".join(sentence for waiver, sentence in found if waiver is None)

    def assert_noticed(self, sentence, logical, **properties):
        self.assertIn(sentence, self.found(lambda resources: resources[logical]["Properties"].update(properties)))

    def test_the_template_itself(self):
        self.assertEqual("", self.found())

    def test_a_subnet_outside_of_its_network(self):
        self.assert_noticed("E3059 PrivateSubnetA", "PrivateSubnetA", CidrBlock="192.168.0.0/24")

    def test_a_misspelt_pattern_of_events(self):
        self.assert_noticed("E9014 ReleasePushRule", "ReleasePushRule", EventPattern={"sorce": "aws.ecr"})

    def test_ports_the_wrong_way_round(self):
        self.assert_noticed("E9002 DatabaseRingsAtEndpoint", "DatabaseRingsAtEndpoint", FromPort=500)

    def test_a_database_that_the_internet_reaches(self):
        def change(resources):
            del resources["FunctionsReachDatabase"]["Properties"]["SourceSecurityGroupId"]
            resources["FunctionsReachDatabase"]["Properties"]["CidrIp"] = "0.0.0.0/0"

        self.assertIn("W2508 FunctionsReachDatabase", self.found(change))

    def test_a_property_that_does_not_exist(self):
        self.assert_noticed("F3002 DeliverFunction", "DeliverFunction", Timout=5)


if __name__ == "__main__":
    unittest.main()
