#!/usr/bin/env python3
"""Tests the resources of the stacks that the template makes: their settings, and that they agree with the code and the SQL.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import json
import math
import re
import unittest

from cost_model import assumptions
import template_render
from template import ROOT, load
from template_choices import DOORBELLS, NIGHT, PSEUDO
from template_testing import APP_RUNNER, ECS_EXPRESS, LOCAL, NO_WEB, SOURCE, TRANSLATED, RenderCase


class StacksTest(RenderCase):
    def test_the_doorbell_can_be_changed_under_a_database_that_is_there(self):
        groups = [self.rendered({**APP_RUNNER, **doorbell})["Resources"]["DatabaseSubnets"] for doorbell in DOORBELLS]
        self.assertEqual(groups[:1] * 3, groups)
        self.assertEqual(["DatabaseSubnetA", "DatabaseSubnetB"], [subnet["Ref"] for subnet in groups[0]["Properties"]["SubnetIds"]])

    def test_every_function_knows_where_its_metrics_go(self):
        functions = {name: resource for name, resource in TRANSLATED["Resources"].items() if resource["Type"] == "AWS::Lambda::Function"}
        self.assertLessEqual(5, len(functions))
        for name, function in functions.items():
            variables = function["Properties"]["Environment"]["Variables"]
            self.assertEqual({"Fn::Sub": "wagrun/${AWS::StackName}"}, variables["METRICS_NAMESPACE"])
            # SAM adds them to the function's own, where it has any.
            self.assertEqual("Environment" in SOURCE["Resources"][name]["Properties"], len(variables) > 1, name)

    def test_a_doorbell_that_fails_twice_a_day_is_seen(self):
        alarm = SOURCE["Resources"]["FailedDoorbellAlarm"]["Properties"]
        self.assertEqual((86400, 2), (alarm["Period"] * alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]))

    def test_a_delivery_that_waits_for_its_next_try_is_still_seen(self):
        retries = [int(seconds) for seconds in SOURCE["Parameters"]["DeliveryRetrySeconds"]["Default"].split(",")]
        alarm = SOURCE["Resources"]["DeliveryAgeAlarm"]["Properties"]
        # A tenth of chance comes on top.
        self.assertLessEqual(max(retries) * 1.1, alarm["Period"])

    def test_the_dashboard_shows_a_database_only_where_there_is_one(self):
        dashboard = load((ROOT / "dashboard.yaml").read_text())
        names = {"Stack": "wagrun-test", "ContentEventsFunction": "ce", "FanOutFunction": "fo", "DeliverFunction": "de"}
        for instance, widgets in (("", 5), ("wagrun-1", 6)):
            rendering = template_render.Rendering(dashboard, {**names, "DatabaseInstance": instance})
            rendering.parameters.update(PSEUDO)
            body = json.loads(rendering.render()["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
            self.assertEqual(widgets, len(body["widgets"]))
            self.assertEqual(bool(instance), "ServerlessDatabaseCapacity" in str(body))
            places = [(widget["x"], widget["y"]) for widget in body["widgets"]]
            self.assertEqual(len(places), len(set(places)))

    def test_what_costs_something_is_there_only_when_asked(self):
        def types(parameters):
            return [resource["Type"] for resource in self.rendered(parameters)["Resources"].values()]

        self.assertEqual(2, types(APP_RUNNER).count("AWS::EC2::VPCEndpoint"))
        for parameters in (APP_RUNNER, ECS_EXPRESS):
            self.assertNotIn("AWS::EC2::NatGateway", types(parameters))
        # The S3 gateway endpoint, which is free.
        self.assertEqual(1, types({**APP_RUNNER, "Doorbell": "Logs"}).count("AWS::EC2::VPCEndpoint"))
        self.assertNotIn("AWS::EC2::InternetGateway", types(APP_RUNNER))
        self.assertNotIn("AWS::SecretsManager::Secret", types({**APP_RUNNER, "SecretKeyParameter": "/site/key"}))

    def test_every_alarm_is_in_the_bill(self):
        def alarms(parameters):
            return sum(resource["Type"] == "AWS::CloudWatch::Alarm" for resource in self.rendered(parameters)["Resources"].values())

        self.assertEqual(assumptions.ALARMS, alarms(NO_WEB))
        self.assertEqual(assumptions.ALARMS + assumptions.WEB_ALARMS, alarms(APP_RUNNER))
        # Those that come on top are in "What is not there, and what it would add".
        chosen = {"ReleaseTag": "prod", "CustomDomain": "www.example.org", "InvalidationBatches": "true", **NIGHT}
        everything = alarms({**APP_RUNNER, **chosen})
        self.assertEqual(assumptions.ALARMS + assumptions.WEB_ALARMS + 4, everything)
        # ECS Express has its own errors instead of App Runner's.
        self.assertEqual(assumptions.ALARMS + assumptions.WEB_ALARMS, alarms(ECS_EXPRESS))
        self.assertEqual(everything + 1, sum(resource["Type"] == "AWS::CloudWatch::Alarm" for resource in SOURCE["Resources"].values()))

    def test_the_local_stack_has_nothing_that_the_emulator_lacks(self):
        kinds = {resource["Type"].split("::")[1] for resource in self.rendered(LOCAL)["Resources"].values()}
        self.assertEqual({"Events", "IAM", "Lambda", "Logs", "S3", "SNS", "SQS", "Scheduler"}, kinds)

    def test_the_endpoint_lets_cloudformation_be_answered(self):
        policy = self.rendered(APP_RUNNER)["Resources"]["S3Endpoint"]["Properties"]["PolicyDocument"]
        resource = policy["Statement"][0]["Resource"]["Fn::Sub"]
        self.assertIn(":s3:::cloudformation-custom-resource-response-${RegionWithoutDashes}/*", resource[0])

    def test_the_second_doorbell_hears_what_the_trigger_writes(self):
        sql = (ROOT / "shared/database/migrations/20261128000003_doorbell.sql").read_text()
        lines = [line.replace("%", "784", 1) for line in re.findall(r"raise log '(wagrun doorbell [^']*)'", sql)]
        resources = self.rendered(APP_RUNNER)["Resources"]
        heard = resources["DoorbellLines"]["Properties"]["FilterPattern"].strip('"')
        counted = re.compile(resources["FailedDoorbells"]["Properties"]["FilterPattern"].strip("%"))
        self.assertEqual(3, len(lines))
        for line in lines:
            self.assertIn(heard, line)
            self.assertEqual("by log" not in line, bool(counted.search(line)), line)

    def test_a_capture_that_fails_is_counted_and_does_not_ring(self):
        resources = self.rendered(APP_RUNNER)["Resources"]
        counted = re.compile(resources["FailedCaptures"]["Properties"]["FilterPattern"].strip("%"))
        heard = resources["DoorbellLines"]["Properties"]["FilterPattern"].strip('"')
        prefix = "2026-11-28 12:00:00 UTC:10.0.0.1(5000):web@wagtail:[784]:LOG:  "
        sql = (ROOT / "shared/database/migrations/20261128000002_capture.sql").read_text()
        lines = [prefix + line for line in re.findall(r"raise log '([^']*)'", sql)]
        self.assertEqual(2, len(lines))
        for line in lines:
            self.assertTrue(counted.search(line), line)
            self.assertNotIn(heard, line)
        for other in ('wagrun doorbell {"xid":"784"} failed: Request timed out', "wagrun capture is off"):
            self.assertFalse(counted.search(prefix + other))

    def test_the_repository_is_found_in_every_form_of_image(self):
        host = "111122223333.dkr.ecr.us-east-1.amazonaws.com/"
        for image in ("site:prod", "site@sha256:" + "0" * 64, "team/site:1.2"):
            rendered = self.rendered({**APP_RUNNER, "ImageUri": host + image})
            statements = rendered["Resources"]["AppRunnerAccessRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            name = image.split("@")[0].split(":")[0]
            self.assertTrue(str(statements[1]["Resource"]).rstrip("]}'").endswith(f":repository/{name}"), statements[1])

    def test_releases_listen_to_this_stacks_own_alone(self):
        def rules(parameters):
            resources = self.rendered({**parameters, "ReleaseTag": "prod"})["Resources"]
            return {
                name: resource["Properties"]
                for name, resource in resources.items()
                if resource["Type"] == "AWS::Events::Rule" and name.startswith("Release")
            }

        push, migrated = "ReleasePushRule", "ReleaseMigratedRule"
        for parameters, platform in ((APP_RUNNER, ["ReleaseAppRunnerRule"]), (ECS_EXPRESS, ["ReleaseEcsRule"]), (NO_WEB, [])):
            found = rules(parameters)
            self.assertEqual({push, migrated, *platform}, set(found))
            allowed = self.rendered({**parameters, "ReleaseTag": "prod"})["Resources"]["ReleaseQueuePolicy"]["Properties"]["PolicyDocument"]
            source = allowed["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
            self.assertTrue(source.endswith(":rule/${AWS::StackName}-Release*"), source)
            self.assertEqual([], [name for name in found if not name.startswith("Release")])
            for name, properties in found.items():
                self.assertEqual({"MessageGroupId": "release"}, properties["Targets"][0]["SqsParameters"], name)
            detail = found[push]["EventPattern"]["detail"]
            self.assertEqual((["prod"], ["team/site"]), (detail["image-tag"], detail["repository-name"]))
            for name in platform:
                self.assertTrue(found[name]["EventPattern"]["resources"][0], name)
        self.assertEqual([], [name for name in self.rendered(APP_RUNNER)["Resources"] if name.startswith("Release")])

    def test_a_message_of_releases_outlasts_its_waits(self):
        source = ROOT / "functions/release/src"

        def constant(file, name):
            factors = re.search(rf"const {name}: \w+ = (?:\w+::from_secs\()?([\d *]+)\)?;", (source / file).read_text())[1]
            return math.prod(map(int, factors.split(" * ")))

        initial, limit, later = (
            constant("queue.rs", name) for name in ("INITIAL_RETRY_INTERVAL", "INITIAL_RETRY_LIMIT", "LATER_RETRY_INTERVAL")
        )
        queue = SOURCE["Resources"]["ReleaseQueue"]["Properties"]
        waits = initial * limit + later * (queue["RedrivePolicy"]["maxReceiveCount"] - limit)
        timeout = max(constant("decide.rs", "COMMAND_TIMEOUT"), constant("decide/migrate.rs", "MIGRATE_UPDATE_TIMEOUT"))
        self.assertGreater(waits, timeout)

    def test_a_sweep_leaves_an_existing_aurora_asleep(self):
        for instance in ("", "cms-1"):
            resources = self.rendered({**LOCAL, "DatabaseInstanceId": instance})["Resources"]
            value = resources["ContentEventsFunction"]["Properties"]["Environment"]["Variables"]["DATABASE_INSTANCE"]
            self.assertEqual(instance, value)
            self.assertEqual(bool(instance), "cloudwatch:GetMetricStatistics" in str(resources["ContentEventsRole"]))

    def test_a_sweep_knows_when_the_database_falls_asleep(self):
        resources = self.rendered({**APP_RUNNER, "SecondsUntilAutoPause": "900"})["Resources"]
        value = resources["ContentEventsFunction"]["Properties"]["Environment"]["Variables"]["DATABASE_PAUSE_SECONDS"]
        scaling = resources["DatabaseCluster"]["Properties"]["ServerlessV2ScalingConfiguration"]
        self.assertEqual(("900", "900"), (value, scaling["SecondsUntilAutoPause"]))

    def test_the_parameter_group_names_no_setting_of_an_extension(self):
        """CloudFormation fails a group with a parameter that the group's family does not have."""
        for name in SOURCE["Resources"]["DatabaseParameters"]["Properties"]["Parameters"]:
            self.assertFalse("." in name and not name.startswith("rds."), name)

    def test_a_restored_database_keeps_the_names_of_its_snapshot(self):
        for snapshot in ("", "before"):
            cluster = self.rendered({**APP_RUNNER, "DatabaseSnapshot": snapshot})["Resources"]["DatabaseCluster"]["Properties"]
            self.assertEqual(bool(snapshot), "SnapshotIdentifier" in cluster)
            for name in ("DatabaseName", "MasterUsername", "StorageEncrypted"):
                self.assertEqual(not snapshot, name in cluster, name)

    def test_another_version_of_the_migration_makes_another_function(self):
        for name in ("MigrateFunction", "MigrateImageFunction"):
            variables = TRANSLATED["Resources"][name]["Properties"]["Environment"]["Variables"]
            self.assertEqual({"Ref": "MigrationVersion"}, variables["MIGRATION_VERSION"])

    def test_app_runner_sends_an_instance_what_gunicorn_serves(self):
        settings = (ROOT / "site/gunicorn.conf.py").read_text()
        threads, workers = re.search(r"^threads = (\d+)", settings, re.M)[1], re.search(r"WEB_CONCURRENCY.*or (\d+)", settings)[1]
        scaling = self.rendered(APP_RUNNER)["Resources"]["AppRunnerScaling"]["Properties"]
        self.assertEqual(int(threads) * int(workers), scaling["MaxConcurrency"])

    def test_a_site_that_sleeps_at_night_is_paused_and_resumed(self):
        resources = self.rendered({**APP_RUNNER, **NIGHT})["Resources"]
        for name, action, expression in (
            ("PauseAtNight", "pauseService", "cron(0 20 * * ? *)"),
            ("ResumeInTheMorning", "resumeService", "cron(0 7 ? * MON-FRI *)"),
        ):
            schedule = resources[name]["Properties"]
            self.assertEqual(expression, schedule["ScheduleExpression"])
            self.assertEqual("Europe/Berlin", schedule["ScheduleExpressionTimezone"])
            self.assertTrue(schedule["Target"]["Arn"]["Fn::Sub"].endswith(f":scheduler:::aws-sdk:apprunner:{action}"))
        self.assertNotIn("PauseAtNight", self.rendered(APP_RUNNER)["Resources"])


if __name__ == "__main__":
    unittest.main()
