#!/usr/bin/env python3
"""Breaks a copy of the roles' policies in each way that the evaluation guards against, and expects a sentence for it.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import unittest

import template_access
from access import calls
from access.expectations import evaluate_all
from access.stack import Stack
from access.testing import APP_RUNNER, TRANSLATED, Breaking, statement

ECS_EXPRESS, BY_TAG = template_access.STACKS[3], template_access.STACKS[2]
ANY = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*"}


class RolesTest(Breaking):
    def test_a_missing_statement(self):
        def change(template):
            statement(template, "ContentEventsRole", "PublishEvents")["Action"] = "sns:Subscribe"

        self.assert_breaks(
            "ContentEventsRole: sns:Publish on arn:aws:sns:us-east-1:111122223333:wagrun-test-events.fifo is denied and must be allowed",
            "ContentEventsRole",
            APP_RUNNER,
            change,
        )

    def test_a_resource_of_another_name(self):
        def change(template):
            statement(template, "FanOutRole", "SendDeliveries")["Resource"] = {"Fn::GetAtt": ["EventQueue", "Arn"]}

        self.assert_breaks("wagrun-test-deliveries.fifo is denied and must be allowed", "FanOutRole", APP_RUNNER, change)
        self.assert_breaks(
            "sqs:SendMessage on arn:aws:sqs:us-east-1:111122223333:wagrun-test-events.fifo is allowed and must",
            "FanOutRole",
            APP_RUNNER,
            change,
        )

    def test_a_resource_that_is_too_wide(self):
        def change(template):
            statement(template, "FanOutRole", "SendDeliveries")["Resource"] = ANY

        for other in ("another-stack-deliveries.fifo", "wagrun-test-releases.fifo"):
            self.assert_breaks(
                f"arn:aws:sqs:us-east-1:111122223333:{other} is allowed and must be denied", "FanOutRole", APP_RUNNER, change
            )

    def test_a_prefix_without_its_end(self):
        def change(template):
            statement(template, "DeliverRole", "WriteBacklogs")["Resource"] = {
                "Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${AWS::StackName}*"
            }

        self.assert_breaks(
            "parameter/wagrun-test-two/backlogs/search is allowed and must be denied", "DeliverRole", APP_RUNNER, change
        )

    def test_an_account_that_is_left_open(self):
        def change(template):
            statement(template, "DeliverRole", "PutEventsOnBuses")["Resource"] = {
                "Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:*:event-bus/*"
            }

        self.assert_breaks("arn:aws:events:us-east-1:999988887777:event-bus/another with", "DeliverRole", APP_RUNNER, change)

    def test_an_event_with_a_forged_source(self):
        def any_name(template):
            del statement(template, "DeliverRole", "PutEventsOnBuses")["Condition"]

        def no_name(template):
            del statement(template, "DeliverRole", "PutEventsOnBuses")["Condition"]["Null"]

        forged = 'event-bus/another with {"events:source": ["lambda"]} is allowed'
        self.assert_breaks(forged, "DeliverRole", APP_RUNNER, any_name)
        self.assert_breaks("event-bus/another is allowed", "DeliverRole", APP_RUNNER, no_name)

    def test_what_another_role_may(self):
        def change(template):
            own = template["Resources"]["WebRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            own.append({"Sid": "More", "Effect": "Allow", "Action": "ssm:*", "Resource": "*"})

        self.assert_breaks(
            "WebRole: ssm:PutParameter on arn:aws:ssm:us-east-1:111122223333:parameter/wagrun-test/release is allowed",
            "WebRole",
            APP_RUNNER,
            change,
        )

    def test_a_permission_on_everything(self):
        def change(template):
            statement(template, "DeliverRole", "ReadAndDelayDeliveries")["Resource"] = "*"

        self.assert_breaks("DeliverRole: sqs:DeleteMessage on arn:aws:sqs:us-east-1:111122223333:another-stack-deliveries.fifo is allowed and must be denied", "DeliverRole", APP_RUNNER, change)

    def test_a_resource_that_the_action_is_not_about(self):
        def queue(template):
            statement(template, "ContentEventsRole", "PublishEvents")["Resource"] = {"Fn::GetAtt": ["EventQueue", "Arn"]}

        def bucket(template):
            statement(template, "WebRole", "WriteMedia")["Resource"] = {"Fn::GetAtt": ["MediaBucket", "Arn"]}

        def secret(template):
            statement(template, "EcsExecutionRole", "ReadSecretKey")["Action"] = "ssm:GetParameters"

        def document(template):
            own = statement(template, "FanOutRole", "ReadSubscribers")
            own["Resource"] = [*own["Resource"], {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/*"}]

        for holder, parameters, change, sentence in (
            ("ContentEventsRole", APP_RUNNER, queue, "nothing calls sns:Publish"),
            ("WebRole", APP_RUNNER, bucket, "nothing calls s3:PutObject"),
            ("EcsExecutionRole", BY_TAG, secret, "nothing calls ssm:GetParameters"),
            ("FanOutRole", APP_RUNNER, document, "nothing calls ssm:GetParametersByPath on arn:aws:ssm:us-east-1:111122223333:document/*"),
        ):
            self.assert_breaks(sentence, holder, parameters, change)

    def test_a_role_of_a_service_that_may_more_or_less_than_it_needs(self):
        def more(template):
            statement(template, "WebRole", "ListMedia")["Action"] = ["s3:ListBucket", "s3:DeleteBucket"]

        def less(template):
            template["Resources"]["DoorbellPolicy"]["Properties"]["PolicyDocument"]["Statement"] = []

        self.assert_breaks("WebRole: nothing calls s3:DeleteBucket", "WebRole", APP_RUNNER, more)
        self.assert_breaks("DoorbellRole: lambda:InvokeFunction on", "DoorbellRole", APP_RUNNER, less)

    def test_a_function_that_can_not_be_attached_to_the_vpc(self):
        def change(template):
            statement(template, "MigrateRole", "NetworkInterfaces")["Action"].remove("ec2:DescribeSubnets")

        self.assert_breaks("MigrateRole: ec2:DescribeSubnets on * is denied and must be allowed", "MigrateRole", APP_RUNNER, change)

    def test_a_statement_that_nothing_needs(self):
        def change(template):
            statement(template, "ReleaseRole", "PublishNotifications")["Action"] = ["sns:Publish", "sns:ListTopics"]

        self.assert_breaks("ReleaseRole: nothing calls sns:ListTopics (statement PublishNotifications)", "ReleaseRole", APP_RUNNER, change)

    def test_a_resource_that_nothing_needs(self):
        def change(template):
            statement(template, "ReleaseRole", "PublishNotifications")["Resource"].append({"Fn::Sub": "${AlarmTopic}-more"})

        self.assert_breaks(
            "nothing calls sns:Publish on arn:aws:sns:us-east-1:111122223333:wagrun-test-alarms-more",
            "ReleaseRole",
            APP_RUNNER,
            change,
        )

    def test_a_role_that_may_be_passed_to_any_service(self):
        def change(template):
            del statement(template, "ContentEventsRole", "PassRoleToSchedules")["Condition"]

        self.assert_breaks(
            'with {"iam:PassedToService": "lambda.amazonaws.com"} is allowed', "ContentEventsRole", APP_RUNNER, change
        )

    def test_a_role_that_may_be_passed_to_no_service(self):
        def change(template):
            keys = statement(template, "ContentEventsRole", "PassRoleToSchedules")["Condition"]["StringEquals"]
            keys["iam:PassedToService"] = "events.amazonaws.com"

        self.assert_breaks("iam:PassRole", "ContentEventsRole", APP_RUNNER, change)

    def test_network_interfaces_for_code(self):
        def gone(template):
            statement(template, "MigrateRole", "NoNetworkInterfacesForCode")["Action"].remove("ec2:CreateNetworkInterface")

        def turned(template):
            statement(template, "MigrateRole", "NoNetworkInterfacesForCode")["Condition"] = {
                "Null": {"lambda:SourceFunctionArn": "true"}
            }

        self.assert_breaks("ec2:CreateNetworkInterface on * with", "MigrateRole", APP_RUNNER, gone)
        self.assert_breaks("ec2:CreateNetworkInterface on * is denied and must be allowed", "MigrateRole", APP_RUNNER, turned)

    def test_a_tag_that_is_not_asked_for(self):
        def change(template):
            del statement(template, "LogRetentionRole", "MaintainTaggedLogGroups")["Condition"]

        self.assert_breaks('{"aws:ResourceTag/wagrun:stack": "wagrun-other"} is allowed', "LogRetentionRole", BY_TAG, change)

    def test_log_groups_that_opted_out(self):
        def change(template):
            statement(template, "LogRetentionRole", "DenyOptedOutLogGroups")["Condition"]["Null"] = {
                "aws:ResourceTag/wagrun:other": "false"
            }

        self.assert_breaks('{"aws:ResourceTag/wagrun:log-retention": "ignore"} is allowed', "LogRetentionRole", APP_RUNNER, change)

    def test_a_condition_of_the_template_that_is_the_wrong_one(self):
        def change(template):
            for one in template["Resources"]["ContentEventsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
                if "Fn::If" in one and one["Fn::If"][1].get("Sid") == "RecordTraces":
                    one["Fn::If"][0] = "InVpc"

        self.assert_breaks(
            "xray:PutTraceSegments on * is allowed and must be denied (it is for Traces)", "ContentEventsRole", APP_RUNNER, change
        )

    def test_a_key_that_the_action_does_not_know(self):
        def change(template):
            statement(template, "FanOutRole", "SendDeliveries")["Condition"] = {"StringEquals": {"sqs:NoSuchKey": "1"}}

        self.assert_breaks("wagrun-test-deliveries.fifo is denied and must be allowed", "FanOutRole", APP_RUNNER, change)

    def test_an_action_that_does_not_exist(self):
        table = {
            "FanOutRole": {"trust": {"service": "lambda.amazonaws.com"}, "calls": [{"actions": ["sqs:Send"], "resources": ["*"]}]}
        }
        complaints, _ = evaluate_all(list(calls.Roles(Stack(TRANSLATED, APP_RUNNER), table).expectations()))
        self.assertIn("sqs:Send on * cannot be evaluated", "\n".join(complaints))

    def test_a_role_that_no_table_knows(self):
        stack, known = Stack(TRANSLATED, APP_RUNNER), calls.table()
        self.assertIn("NightRole is in tools/access/roles.yaml and in no stack", list(calls.unknown([stack], known)))
        del known["WebRole"]
        self.assertIn("WebRole is not in tools/access/roles.yaml", list(calls.unknown([stack], known)))

    def test_a_policy_of_awss_own(self):
        known = calls.table()
        known["EcsInfrastructureRole"]["managed"] = {}
        self.assertIn("which cannot be evaluated", "\n".join(calls.unknown([Stack(TRANSLATED, ECS_EXPRESS)], known)))

    def test_a_call_without_neighbours(self):
        known = calls.table()
        del known["WebRole"]["calls"][3]["neighbours"]
        stack = Stack(TRANSLATED, template_access.STACKS[6])
        self.assertIn("WebRole: rds-db:connect", "\n".join(calls.calls_without_neighbours([stack], known)))

    def test_a_condition_that_no_stack_has(self):
        stack = Stack(TRANSLATED, APP_RUNNER)
        self.assertIn("condition Traces is true in none of STACKS", list(template_access.constant_conditions(TRANSLATED, [stack])))


if __name__ == "__main__":
    unittest.main()
