#!/usr/bin/env python3
"""Hands small recordings to the evaluation of recorded calls, and sees it notice what is wrong with them.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import unittest

from recorded_access import problems
from template import TEMPLATE, load, translate, unfold

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
        self.assertIn("is denied", self.found(by("FanOutRole", "ssm", "GetParameter", Name="/local/subscribers/search")))

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

    def test_an_operation_that_nobody_mapped(self):
        self.assertIn(
            "operations.py does not know sqs PurgeQueue",
            self.found(by("FanOutRole", "sqs", "PurgeQueue", QueueUrl=QUEUE("local-events.fifo"))),
        )

    def test_a_role_of_no_stack(self):
        found = self.found(by("FanOutRole", "sqs", "SendMessage", stack="elsewhere", QueueUrl=QUEUE("local-events.fifo")))
        self.assertIn("elsewhere-FanOutRole-0A1B2C3D4E5F6 called SendMessage and is no role of a stack that was deployed", found)

    def test_a_recording_without_calls(self):
        self.assertEqual("no call of a function was recorded", self.found(call(ROOT, "sqs", "ListQueues")))


if __name__ == "__main__":
    unittest.main()
