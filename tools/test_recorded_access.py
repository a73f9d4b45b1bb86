#!/usr/bin/env python3
"""Gives small recordings to the evaluation of recorded calls, and expects a sentence for each fault in them.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import base64
import json
import tempfile
import unittest
from pathlib import Path

from access.coverage import allowed_actions, differences, packages
from access.replayed import replayed
from recorded_access import called, problems
from template import TEMPLATE, load, translate, unfold

SOURCE = unfold(load(TEMPLATE.read_text()))
TRANSLATED = translate(unfold(load(TEMPLATE.read_text())), {})
ROOT = "arn:aws:iam::000000000000:root"
PARAMETERS = {
    "WebPlatform": "None",
    "Database": "Existing",
    "Network": "Existing",
    "DatabaseHost": "localhost",
    "SiteDirectory": "/srv/site",
}
QUEUE = "http://localhost:4566/000000000000/{}".format
ARN = "arn:aws:{}:us-east-1:000000000000:{}".format


def deployed(stack, **more):
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in {**PARAMETERS, **more}.items()]
    return call(ROOT, "cloudformation", "CreateChangeSet", StackName=stack, ChangeSetType="CREATE", Parameters=given)


def call(caller, service, operation, **parameters):
    return {"caller": caller, "agent": None, "service": service, "operation": operation, "parameters": parameters, "status": 200}


def by(role, service, operation, stack="local", **parameters):
    """A call by a function, whose role has a name as the emulator makes them."""
    return call(
        f"arn:aws:sts::000000000000:assumed-role/{stack}-{role}-0A1B2C3D4E5F6/{stack}-Function", service, operation, **parameters
    )


class RecordedTest(unittest.TestCase):
    def found(self, *lines):
        sentences, pairs, counts = problems(TRANSLATED, [[deployed("local"), *lines]])
        self.pairs, self.counts = pairs, counts
        return "\n".join(sentences)

    def assert_allowed(self, *lines):
        self.assertEqual("", self.found(*lines))
        # Each of them with something that is denied.
        self.assertTrue(any(not expectation.allowed for expectation, _ in self.pairs))

    def test_a_batch_takes_the_permission_of_its_messages(self):
        self.assert_allowed(
            by("ContentEventsRole", "sns", "PublishBatch", TopicArn=ARN("sns", "local-events.fifo")),
            by("FanOutRole", "sqs", "SendMessageBatch", QueueUrl=QUEUE("local-deliveries.fifo")),
        )
        self.assertEqual({"ContentEventsRole": 1, "FanOutRole": 1}, dict(self.counts))

    def test_a_call_on_what_is_not_its_own(self):
        found = self.found(by("FanOutRole", "sqs", "SendMessageBatch", QueueUrl=QUEUE("local-events.fifo")))
        self.assertIn(f"FanOutRole: sqs:SendMessage on {ARN('sqs', 'local-events.fifo')} is denied and must be allowed", found)

    def test_a_policy_that_allows_the_neighbours(self):
        # What nothing limits is allowed for every stack.
        template = translate(unfold(load(TEMPLATE.read_text())), {})
        statements = template["Resources"]["FanOutRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        next(one for one in statements if one.get("Sid") == "SendDeliveries")["Resource"] = "*"
        lines = [deployed("local"), by("FanOutRole", "sqs", "SendMessage", QueueUrl=QUEUE("local-deliveries.fifo"))]
        sentences, _, _ = problems(template, [lines])
        self.assertEqual(4, len(sentences))
        self.assertIn("999988887777:local-deliveries.fifo is allowed and must be denied", "\n".join(sentences))

    def test_a_path_of_parameters(self):
        self.assert_allowed(by("FanOutRole", "ssm", "GetParametersByPath", Path="/local/subscribers"))
        self.assertIn("is denied", self.found(by("FanOutRole", "ssm", "GetParametersByPath", Path="/local")))
        self.assert_allowed(by("FanOutRole", "ssm", "GetParameterHistory", Name="/local/subscribers/search"))
        self.assertIn("is denied", self.found(by("FanOutRole", "ssm", "GetParameterHistory", Name="/local/release")))
        self.assertIn("is denied", self.found(by("FanOutRole", "ssm", "PutParameter", Name="/local/subscribers/search")))

    def test_a_schedule_hands_its_role_on(self):
        schedule = {"Name": "one", "GroupName": "local-publishing"}
        role = "arn:aws:iam::000000000000:role/local-PublishingRole-0123456789AB"
        self.assert_allowed(by("ContentEventsRole", "scheduler", "CreateSchedule", **schedule, Target={"RoleArn": role}))
        role = "arn:aws:iam::000000000000:role/local-MigrateRole-0123456789AB"
        found = self.found(by("ContentEventsRole", "scheduler", "CreateSchedule", **schedule, Target={"RoleArn": role}))
        self.assertIn(f"ContentEventsRole: iam:PassRole on {role}", found)
        found = self.found(by("ContentEventsRole", "scheduler", "DeleteSchedule", Name="one"))
        self.assertIn("schedule/default/one is denied", found)

    def test_a_bucket_whose_name_the_emulator_made(self):
        self.assert_allowed(by("DeliverRole", "s3", "PutObject", Bucket="local-backlogbucket-0123456789abc", Key="search/one"))
        self.assertIn("is denied", self.found(by("DeliverRole", "s3", "PutObject", Bucket="mine", Key="search/one")))

    def test_a_stack_that_was_made_anew(self):
        def put(end):
            return by("DeliverRole", "s3", "PutObject", Bucket=f"local-backlogbucket-{end}", Key="search/one")

        self.assert_allowed(put("0123456789abc"), deployed("local"), put("abcdefabcdef0"))
        self.assertIn("is denied", self.found(put("0123456789abc"), put("abcdefabcdef0")))

    def test_parameters_of_an_update(self):
        superuser = by("MigrateRole", "ssm", "GetParameter", Name="/site/superuser")
        update = deployed("local", SuperuserParameter="/site/superuser")
        update["parameters"]["ChangeSetType"] = "UPDATE"
        self.assertIn("is denied", self.found(superuser))
        # Without a stack's name in it, the parameter is beside those of other accounts and regions.
        self.assert_allowed(update, superuser)

    def test_a_log_group_by_its_tags(self):
        group = {"logGroupName": "/builds/another"}
        look = by("LogRetentionRole", "logs", "PutRetentionPolicy", retentionInDays=7, **group)
        tagged = call(ROOT, "logs", "CreateLogGroup", **group, tags={"wagrun:stack": "local"})
        by_tag = deployed("local", LogGroupsByTag="true")
        self.assertIn("is denied", self.found(by_tag, look))
        self.assert_allowed(by_tag, tagged, look)
        opted_out = call(
            ROOT,
            "logs",
            "TagResource",
            resourceArn=ARN("logs", "log-group:/builds/another"),
            tags={"wagrun:log-retention": "ignore"},
        )
        self.assertIn("is denied", self.found(by_tag, tagged, opted_out, look))

    def test_stacks_with_names_that_begin_alike(self):
        queue = QUEUE("local-two-deliveries.fifo")
        self.assert_allowed(deployed("local-two"), by("FanOutRole", "sqs", "SendMessage", stack="local-two", QueueUrl=queue))
        self.assertIn("is denied", self.found(deployed("local-two"), by("FanOutRole", "sqs", "SendMessage", QueueUrl=queue)))

    def test_an_unknown_operation(self):
        self.assertIn(
            "operations.py does not know sqs PurgeQueue",
            self.found(by("FanOutRole", "sqs", "PurgeQueue", QueueUrl=QUEUE("local-events.fifo"))),
        )

    def test_a_role_of_no_stack(self):
        found = self.found(by("FanOutRole", "sqs", "SendMessage", stack="elsewhere", QueueUrl=QUEUE("local-events.fifo")))
        self.assertIn("elsewhere-FanOutRole-0A1B2C3D4E5F6 called SendMessage and is no role of a stack that was deployed", found)

    def test_a_recording_without_calls(self):
        self.assertEqual("no call of a function was recorded", self.found(call(ROOT, "sqs", "ListQueues")))


class CoverageTest(unittest.TestCase):
    """Each permission is called, and each call of a test without an emulator has a permission."""

    def setUp(self):
        self.replayed = {package: set(allowed_actions(SOURCE, role)) for package, role in packages(SOURCE).items()}

    def differences(self, emulated=None):
        return list(differences(SOURCE, emulated or {}, self.replayed))

    def test_every_function_is_of_a_package(self):
        self.assertEqual(
            {"content-events", "custom-domain", "deliver", "fan-out", "log-retention", "migrate", "release", "subscriber-directory"},
            set(self.replayed),
        )
        self.assertEqual([], self.differences())

    def test_a_permission_that_no_recorded_call_needs(self):
        self.replayed["deliver"].remove("sqs:ChangeMessageVisibility")
        sentence = "DeliverRole allows sqs:ChangeMessageVisibility, which no recorded call needs"
        self.assertEqual([sentence], self.differences())
        # A call in the emulator counts as well, if it is by this role.
        self.assertEqual([sentence], self.differences({"ReleaseRole": {"sqs:ChangeMessageVisibility"}}))
        self.assertEqual([], self.differences({"DeliverRole": {"sqs:ChangeMessageVisibility"}}))

    def test_a_recorded_call_without_a_permission(self):
        self.replayed["deliver"].add("sqs:PurgeQueue")
        self.assertEqual(["the tests of deliver call sqs:PurgeQueue, which DeliverRole does not allow"], self.differences())

    def test_lambda_s_own_calls_and_the_database_s_token_are_not_recorded(self):
        for package in self.replayed:
            self.replayed[package] = set()
        found = "\n".join(self.differences())
        for action in ("logs:PutLogEvents", "sqs:ReceiveMessage", "xray:", "ec2:", "rds-db:connect"):
            self.assertNotIn(action, found)
        self.assertIn("FanOutRole allows sqs:SendMessage, which no recorded call needs", found)

    def test_the_emulator_s_calls_by_role(self):
        lines = [deployed("local"), by("FanOutRole", "sqs", "SendMessageBatch", QueueUrl=QUEUE("local-deliveries.fifo"))]
        _, pairs, _ = problems(TRANSLATED, [lines])
        self.assertEqual({"FanOutRole": {"sqs:SendMessage"}}, called(pairs))


class ReplayedTest(unittest.TestCase):
    """Reads requests that tests have recorded without an emulator."""

    def replayed(self, *requests):
        with tempfile.TemporaryDirectory() as directory:
            lines = "".join(json.dumps(request) + "\n" for request in requests)
            Path(directory, "requests-deliver-1.jsonl").write_text(lines)
            return replayed(Path(directory), {"deliver", "release"})

    def request(self, package, service, target, **parameters):
        return {
            "package": package,
            "test": "a_test",
            "method": "POST",
            "uri": f"https://{service}.eu-central-1.amazonaws.com/",
            "headers": {
                "authorization": f"AWS4-HMAC-SHA256 Credential=test/20261128/eu-central-1/{service}/aws4_request, Signature=0",
                "content-type": "application/x-amz-json-1.0",
                "x-amz-target": target,
            },
            "body": base64.b64encode(json.dumps(parameters).encode()).decode(),
        }

    def test_a_request_is_an_action_of_its_package(self):
        queue = "https://sqs.eu-central-1.amazonaws.com/111122223333/t.fifo"
        request = self.request("deliver", "sqs", "AmazonSQS.PurgeQueue", QueueUrl=queue)
        change = self.request(
            "deliver", "sqs", "AmazonSQS.ChangeMessageVisibility", QueueUrl=queue, ReceiptHandle="one", VisibilityTimeout=1
        )
        actions = {"deliver": {"sqs:ChangeMessageVisibility"}}
        self.assertEqual((actions, []), self.replayed(change))
        self.assertEqual((actions, ["deliver: tools/access/operations.py does not know sqs PurgeQueue"]), self.replayed(change, request))

    def test_an_update_of_a_service_passes_roles(self):
        service = "arn:aws:apprunner:eu-central-1:111122223333:service/wagrun/8fe1e10304f84fd2b0df550fe98a71fa"
        request = self.request("release", "apprunner", "AppRunner.UpdateService", ServiceArn=service)
        self.assertEqual(({"release": {"apprunner:UpdateService", "iam:PassRole"}}, []), self.replayed(request))

    def test_requests_of_other_packages_are_no_function_s(self):
        request = self.request("subscriber-test", "lambda", "ListFunctions")
        self.assertEqual(({}, []), self.replayed(request))


if __name__ == "__main__":
    unittest.main()
