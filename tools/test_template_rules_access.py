#!/usr/bin/env python3
"""Breaks a copy of the template in each way that the rules of template_rules_access.py guard against.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import unittest

import template_rules
from template_testing import SOURCE, TEXT, RulesCase


class AccessRulesTest(RulesCase):
    def test_a_star_without_a_reason(self):
        text = TEXT.replace("                  # X-Ray has no resources to name.\n", "")
        self.assertIn('Resource "*" without a comment', "\n".join(template_rules.violations(SOURCE, text)))

    def test_a_star_that_allows_every_action(self):
        def change(resources, _):
            resources["FanOutRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][1]["Action"] = "sqs:*"

        self.assert_breaks("FanOutRole allows sqs:*", change)

    def test_an_action_on_everything_without_a_reason(self):
        def change(resources, _):
            resources["FanOutRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][1]["Resource"] = "*"

        self.assert_breaks("FanOutRole allows sqs:ReceiveMessage on everything, for which ON_EVERYTHING has no reason", change)

    def test_a_role_that_does_not_allow_what_lambda_calls(self):
        def statement(resources, role, sid):
            own = resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            own = [one["Fn::If"][1] if "Fn::If" in one else one for one in own]
            return next(one for one in own if one.get("Sid") == sid)

        def network(resources, _):
            statement(resources, "MigrateRole", "NetworkInterfaces")["Action"].remove("ec2:DescribeSubnets")

        def queue(resources, _):
            statement(resources, "FanOutRole", "ReadEvents")["Action"].remove("sqs:DeleteMessage")

        self.assert_breaks("MigrateFunction: Lambda calls ec2:DescribeSubnets in the name of MigrateRole, which does not allow it", network)
        self.assert_breaks("FanOutFunction: Lambda calls sqs:DeleteMessage in the name of FanOutRole, which does not allow it", queue)

    def test_a_door_to_the_internet(self):
        def change(resources, _):
            resources["LoadBalancerReachesWeb"]["Properties"]["CidrIp"] = "0.0.0.0/0"

        def hidden(resources, _):
            rule = {"CidrIpv6": "::/0", "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
            resources["DatabaseSecurityGroup"]["Properties"]["SecurityGroupIngress"] = {"Fn::If": ["DatabaseIsPublic", [rule], {"Ref": "AWS::NoValue"}]}

        def chosen(resources, _):
            resources["WebReachesDatabase"]["Properties"]["CidrIp"] = {"Fn::If": ["DatabaseIsPublic", "0.0.0.0/0", {"Ref": "VpcCidr"}]}

        self.assert_breaks("LoadBalancerReachesWeb lets the whole internet in", change)
        self.assert_breaks("DatabaseSecurityGroup lets the whole internet in", hidden)
        self.assert_breaks("WebReachesDatabase lets the whole internet in", chosen)

    def test_a_topic_for_every_principal(self):
        def none(resources, _):
            del resources["EventTopicPolicy"]

        def everybody(resources, _):
            resources["EventTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}

        self.assert_breaks("EventTopic has no AWS::SNS::TopicPolicy", none)
        self.assert_breaks("EventTopicPolicy lets every principal in", everybody)


if __name__ == "__main__":
    unittest.main()
