#!/usr/bin/env python3
"""Breaks a copy of the trust policies and of the policies of resources, and expects a sentence of the evaluation.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import unittest

from access import resources
from access.expectations import evaluate_all
from access.stack import Stack
from access.testing import APP_RUNNER, Breaking, statement
from template import ROOT, load


class DoorsTest(Breaking):
    def test_a_role_that_any_service_takes(self):
        def service(template):
            trust = template["Resources"]["DeliverRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
            trust["Principal"] = {"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}

        def account(template):
            trust = template["Resources"]["DeliverRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
            trust["Principal"] = {"Service": "lambda.amazonaws.com", "AWS": "*"}

        self.assert_breaks("DeliverRole: sts:AssumeRole", "DeliverRole", APP_RUNNER, service)
        self.assert_breaks("DeliverRole: sts:AssumeRole", "DeliverRole", APP_RUNNER, account)

    def test_a_role_that_other_schedules_take(self):
        def change(template):
            trust = template["Resources"]["PublishingRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
            del trust["Condition"]["StringEquals"]["aws:SourceArn"]

        self.assert_breaks("schedule-group/default", "PublishingRole", APP_RUNNER, change)

    def test_a_role_that_a_service_takes_for_any_account(self):
        def change(template):
            del template["Resources"]["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]

        self.assert_breaks('with {"aws:SourceAccount": "999988887777"} is allowed', "ScheduleRole", APP_RUNNER, change)

    def test_a_role_that_its_service_is_locked_out_of(self):
        def change(template):
            trust = template["Resources"]["AppRunnerAccessRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}

        self.assert_breaks("AppRunnerAccessRole: sts:AssumeRole", "AppRunnerAccessRole", APP_RUNNER, change)

    def test_a_queue_that_takes_from_any_topic(self):
        def change(template):
            del statement(template, "EventQueuePolicy", "TopicDelivers")["Condition"]

        self.assert_breaks("999988887777:wagrun-test-events.fifo", "EventQueuePolicy", APP_RUNNER, change)

    def test_a_topic_that_any_principal_publishes_to(self):
        def change(template):
            statement(template, "EventTopicPolicy", "AllowByIam")["Principal"] = "*"

        self.assert_breaks("EventTopicPolicy: sns:Publish", "EventTopicPolicy", APP_RUNNER, change)

    def test_a_bucket_without_tls(self):
        def change(template):
            statement(template, "MediaBucketPolicy", "TlsOnly")["Resource"] = {"Fn::GetAtt": ["MediaBucket", "Arn"]}

        self.assert_breaks('{"aws:SecureTransport": "false"} is allowed', "MediaBucketPolicy", APP_RUNNER, change)

    def test_a_subscriber_directory_that_others_read(self):
        def change(template):
            statement(template, "BacklogBucketPolicy", "DirectoryIsReadByThese")["Action"] = "s3:ListBucket"

        self.assert_breaks("BacklogBucketPolicy: s3:GetObject", "BacklogBucketPolicy", APP_RUNNER, change)

    def test_a_subscriber_directory_that_a_reader_writes(self):
        def change(template):
            allowed = statement(template, "BacklogBucketPolicy", "DirectoryIsWrittenByThis")["Condition"]["ArnNotEquals"]
            allowed["aws:PrincipalArn"] = [allowed["aws:PrincipalArn"], {"Fn::GetAtt": ["DeliverRole", "Arn"]}]

        self.assert_breaks("BacklogBucketPolicy: s3:PutObject", "BacklogBucketPolicy", APP_RUNNER, change)

    def test_an_endpoint_that_any_principal_rings_through(self):
        def change(template):
            del statement(template, "LambdaEndpoint", "RingContentEvents")["Condition"]

        self.assert_breaks("LambdaEndpoint: lambda:InvokeFunction", "LambdaEndpoint", APP_RUNNER, change)

    def test_an_endpoint_that_leads_to_every_bucket(self):
        def change(template):
            statement(template, "S3Endpoint", "AnswerCloudFormation")["Resource"] = "*"

        self.assert_breaks("s3:PutObject on arn:aws:s3:::another/one is allowed", "S3Endpoint", APP_RUNNER, change)

    def test_a_function_that_any_log_group_invokes(self):
        def change(template):
            del template["Resources"]["DoorbellLinesMayInvoke"]["Properties"]["SourceArn"]

        self.assert_breaks("log-group:/wagrun-test/deliver:*", "DoorbellLinesMayInvoke", APP_RUNNER, change)

    def test_images_for_functions_of_another_account(self):
        registry = load((ROOT / "ecr.yaml").read_text())
        one = registry["Resources"]["Repository"]["Properties"]["RepositoryPolicyText"]["Statement"][0]
        del one["Condition"]
        known = resources.Resources(Stack(registry, {}), resources.table())
        complaints, _ = evaluate_all(list(known.expectations()))
        self.assertIn("Repository: ecr:BatchGetImage", "\n".join(complaints))


if __name__ == "__main__":
    unittest.main()
