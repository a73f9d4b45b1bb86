#!/usr/bin/env python3
"""Breaks a copy of the template in each way that the checks guard against, and sees the check notice.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import copy
import re
import unittest
import zoneinfo

import template_policies
import template_render
import template_rules
from template import ROOT, TEMPLATE, load, translate

TEXT = TEMPLATE.read_text()
SOURCE = load(TEXT)
TRANSLATED = translate(load(TEXT), {})


class RulesTest(unittest.TestCase):
    """A rule that never fires guards nothing."""

    def broken(self, change):
        template = copy.deepcopy(SOURCE)
        change(template["Resources"], template)
        return template_rules.broken(template, TEXT)

    def assert_breaks(self, sentence, change):
        self.assertIn(sentence, "\n".join(self.broken(change)))

    def test_the_template_itself_breaks_none(self):
        self.assertEqual([], template_rules.broken(copy.deepcopy(SOURCE), TEXT))

    def test_a_function_without_a_log_group(self):
        def change(resources, _):
            del resources["DeliverFunction"]["Properties"]["LoggingConfig"]

        self.assert_breaks("DeliverFunction has no log group", change)

    def test_a_log_group_that_keeps_everything(self):
        def change(resources, _):
            del resources["DatabaseLogGroup"]["Properties"]["RetentionInDays"]

        self.assert_breaks("DatabaseLogGroup keeps its logs for ever", change)

    def test_a_queue_without_a_dead_letter_queue(self):
        def change(resources, _):
            del resources["EventQueue"]["Properties"]["RedrivePolicy"]

        self.assert_breaks("FanOutFunction reads EventQueue, which has no dead-letter queue", change)

    def test_a_dead_letter_queue_that_nobody_watches(self):
        def change(resources, _):
            del resources["DeliveryDeadLetterAlarm"]

        self.assert_breaks("DeliveryDeadLetterQueue takes what failed and has no alarm", change)

    def test_a_schedule_whose_failures_go_nowhere(self):
        def change(resources, _):
            del resources["PauseAtNight"]["Properties"]["Target"]["DeadLetterConfig"]
            del resources["NightFailureAlarm"]

        self.assert_breaks("PauseAtNight has no dead-letter queue", change)
        self.assert_breaks("NightFailureQueue takes what failed and has no alarm", change)

    def test_a_function_whose_failures_go_nowhere(self):
        def change(resources, _):
            del resources["ContentEventsFunction"]["Properties"]["EventInvokeConfig"]["DestinationConfig"]

        self.assert_breaks("ContentEventsFunction has no failure destination", change)

    def test_a_migration_whose_errors_nobody_sees(self):
        def change(resources, _):
            del resources["MigrationFailedAlarm"]

        self.assert_breaks("MigrateImageFunction has no failure destination", change)

    def test_a_star_without_a_reason(self):
        text = TEXT.replace("                  # X-Ray has no resources to name.\n", "")
        self.assertIn('Resource "*" without a comment', "\n".join(template_rules.broken(SOURCE, text)))

    def test_a_star_that_allows_every_action(self):
        def change(resources, _):
            resources["FanOutRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][1]["Action"] = "sqs:*"

        self.assert_breaks("FanOutRole allows sqs:*", change)

    def test_a_queue_in_the_clear(self):
        def change(resources, _):
            del resources["EventQueue"]["Properties"]["SqsManagedSseEnabled"]

        self.assert_breaks("EventQueue is not encrypted", change)

    def test_what_keeps_the_database_awake(self):
        def proxy(resources, _):
            resources["Proxy"] = {"Type": "AWS::RDS::DBProxy"}

        def provisioned(resources, _):
            resources["DatabaseInstance"]["Properties"]["DBInstanceClass"] = "db.t4g.medium"

        def insights(resources, _):
            resources["DatabaseInstance"]["Properties"]["EnablePerformanceInsights"] = True

        def replication(resources, _):
            resources["DatabaseParameters"]["Properties"]["Parameters"]["rds.logical_replication"] = "1"

        def cron(resources, _):
            resources["DatabaseParameters"]["Properties"]["Parameters"]["shared_preload_libraries"] = "pg_cron"

        def sessions(resources, _):
            del resources["DatabaseParameters"]["Properties"]["Parameters"]["idle_session_timeout"]

        def capacity(_, template):
            template["Parameters"]["MinCapacity"]["Default"] = 0.5

        self.assert_breaks("Proxy (AWS::RDS::DBProxy) keeps the database awake", proxy)
        self.assert_breaks("DatabaseInstance is a provisioned instance", provisioned)
        self.assert_breaks("DatabaseInstance has Performance Insights", insights)
        self.assert_breaks("DatabaseParameters switches logical replication on", replication)
        self.assert_breaks("DatabaseParameters loads pg_cron", cron)
        self.assert_breaks("DatabaseParameters has no idle_session_timeout", sessions)
        self.assert_breaks("MinCapacity is not 0", capacity)

    def test_a_schedule_with_a_fixed_name(self):
        def change(resources, _):
            del resources["ContentEventsFunction"]["Properties"]["Events"]["Sweep"]["Properties"]["OmitName"]

        self.assert_breaks("schedule Sweep has a fixed name", change)

    def test_a_parameter_that_nobody_explains(self):
        def change(_, template):
            del template["Parameters"]["Tracing"]["Description"]
            template["Parameters"]["Another"] = {"Type": "String", "Description": "Another one."}

        self.assert_breaks("parameter Tracing has no Description", change)
        self.assert_breaks("parameter Another is 0 times in AWS::CloudFormation::Interface", change)

    def test_an_alarm_without_a_next_step(self):
        def change(resources, _):
            resources["EventAgeAlarm"]["Properties"]["AlarmDescription"] = "Something is wrong."
            resources["DeliveryAgeAlarm"]["Properties"]["AlarmDescription"] = "See docs/runbook.md#no-such-heading"
            resources["DatabaseAwakeAlarm"]["Properties"]["AlarmActions"] = []

        self.assert_breaks("EventAgeAlarm does not end with a heading", change)
        self.assert_breaks("DeliveryAgeAlarm names docs/runbook.md#no-such-heading, which is no heading there", change)
        self.assert_breaks("DatabaseAwakeAlarm does not tell AlarmTopic (AlarmActions)", change)

    def test_a_door_to_the_internet(self):
        def change(resources, _):
            resources["LoadBalancerReachesWeb"]["Properties"]["CidrIp"] = "0.0.0.0/0"

        self.assert_breaks("LoadBalancerReachesWeb lets the whole internet in", change)

    def test_a_function_that_can_not_reach_aws(self):
        def change(resources, _):
            del resources["MigrateFunction"]["Properties"]["VpcConfig"]["Fn::If"][1]["Ipv6AllowedForDualStack"]
            del resources["ContentEventsFunction"]["Properties"]["Environment"]["Variables"]["AWS_USE_DUALSTACK_ENDPOINT"]

        self.assert_breaks("MigrateFunction is in the VPC without Ipv6AllowedForDualStack", change)
        self.assert_breaks("ContentEventsFunction is in the VPC without AWS_USE_DUALSTACK_ENDPOINT", change)

    def test_concurrency_that_nobody_asked_for(self):
        def change(resources, _):
            resources["MigrateFunction"]["Properties"]["ReservedConcurrentExecutions"] = 1

        self.assert_breaks("MigrateFunction reserves concurrency", change)


class PoliciesTest(unittest.TestCase):
    def test_every_call_has_its_permission_and_the_reverse(self):
        self.assertEqual([], list(template_policies.differences(SOURCE)))

    def test_a_call_without_permission(self):
        template = copy.deepcopy(SOURCE)
        statements = template["Resources"]["ContentEventsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        statements[:] = [statement for statement in statements if statement.get("Sid") != "PublishEvents"]
        self.assertIn("ContentEventsFunction needs sns:Publish, which its role does not allow", list(template_policies.differences(template)))

    def test_a_permission_without_a_call(self):
        def read(name):
            rust, features = template_policies.code(name)
            return rust.replace(".change_message_visibility()", ""), features

        self.assertIn(
            "DeliverFunction may sqs:ChangeMessageVisibility, which nothing in its code calls",
            list(template_policies.differences(SOURCE, read)),
        )


class RenderTest(unittest.TestCase):
    APP_RUNNER = {**template_render.IMAGE, "AvailabilityZones": "3"}
    ECS_EXPRESS = {**APP_RUNNER, "WebPlatform": "EcsExpress"}
    LOCAL = {"WebPlatform": "None", **template_render.EXISTING, "SiteDirectory": "/srv/site", "MigrateOnDeploy": "false", "Dashboard": "false"}

    def rendered(self, parameters, translated=TRANSLATED):
        found, rendered = template_render.check(translated, parameters)
        self.assertEqual([], found)
        return rendered

    def test_migrations_come_after_the_database_and_before_the_site(self):
        for parameters, service in ((self.APP_RUNNER, "AppRunnerService"), (self.ECS_EXPRESS, "EcsService")):
            rendered = self.rendered(parameters)
            self.assertTrue(template_render.order(rendered, "Migration", service), service)
            for needed in ("DatabaseInstance", "FunctionsReachDatabase", "S3Endpoint", "PrivateRoutesOfSubnetC"):
                self.assertTrue(template_render.order(rendered, needed, "Migration"), needed)

    def test_routes_come_before_what_looks_at_them(self):
        rendered = self.rendered(self.ECS_EXPRESS)
        for needed in ("PublicRoute", "PublicRoutesOfSubnetA", "PublicRoutesOfSubnetB", "PublicRoutesOfSubnetC"):
            self.assertTrue(template_render.order(rendered, needed, "EcsService"), needed)
        rendered = self.rendered({**self.APP_RUNNER, "Doorbell": "PublicAddress"})
        self.assertTrue(template_render.order(rendered, "PublicRoute", "DatabaseInstance"))

    def test_what_costs_something_is_there_only_when_asked(self):
        def types(parameters):
            return [resource["Type"] for resource in self.rendered(parameters)["Resources"].values()]

        self.assertEqual(2, types(self.APP_RUNNER).count("AWS::EC2::VPCEndpoint"))
        for parameters in (self.APP_RUNNER, self.ECS_EXPRESS):
            self.assertNotIn("AWS::EC2::NatGateway", types(parameters))
        # The S3 gateway endpoint, which is free.
        self.assertEqual(1, types({**self.APP_RUNNER, "Doorbell": "Logs"}).count("AWS::EC2::VPCEndpoint"))
        self.assertNotIn("AWS::EC2::InternetGateway", types(self.APP_RUNNER))
        self.assertNotIn("AWS::SecretsManager::Secret", types({**self.APP_RUNNER, "SecretKeyParameter": "/site/key"}))

    def test_the_local_stack_has_nothing_that_the_emulator_lacks(self):
        kinds = {resource["Type"].split("::")[1] for resource in self.rendered(self.LOCAL)["Resources"].values()}
        self.assertEqual({"CloudWatch", "Events", "IAM", "Lambda", "Logs", "SNS", "SQS", "Scheduler"}, kinds)

    def test_the_endpoint_lets_cloudformation_be_answered(self):
        policy = self.rendered(self.APP_RUNNER)["Resources"]["S3Endpoint"]["Properties"]["PolicyDocument"]
        resource = policy["Statement"][0]["Resource"]["Fn::Sub"]
        self.assertIn(":s3:::cloudformation-custom-resource-response-${RegionWithoutDashes}/*", resource[0])

    def test_the_second_doorbell_hears_what_the_trigger_writes(self):
        sql = (ROOT / "shared/migrations/20261121000003_doorbell.sql").read_text()
        lines = [line.replace("%", "784", 1) for line in re.findall(r"raise log '([^']*)'", sql)]
        resources = self.rendered(self.APP_RUNNER)["Resources"]
        heard = resources["DoorbellLines"]["Properties"]["FilterPattern"].strip('"')
        counted = re.compile(resources["FailedDoorbells"]["Properties"]["FilterPattern"].strip("%"))
        self.assertEqual(3, len(lines))
        for line in lines:
            self.assertIn(heard, line)
            self.assertEqual("by log" not in line, bool(counted.search(line)), line)

    def test_the_repository_is_found_in_every_form_of_image(self):
        host = "111122223333.dkr.ecr.us-east-1.amazonaws.com/"
        for image in ("site:prod", "site@sha256:" + "0" * 64, "team/site:1.2"):
            rendered = self.rendered({**self.APP_RUNNER, "ImageUri": host + image})
            statements = rendered["Resources"]["AppRunnerAccessRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            name = image.split("@")[0].split(":")[0]
            self.assertTrue(str(statements[1]["Resource"]).rstrip("]}'").endswith(f":repository/{name}"), statements[1])

    def test_choices_that_exclude_each_other_are_refused(self):
        table = [
            ({}, "WebPlatform=AppRunner and EcsExpress need ImageUri"),
            ({"WebPlatform": "None", "Network": "Existing"}, "Database=Aurora with Network=Existing needs VpcId and SubnetIds"),
            ({"WebPlatform": "None", "Database": "Existing", "Network": "Existing"}, "Database=Existing needs DatabaseHost"),
            ({"WebPlatform": "None", "Database": "Existing", "DatabaseHost": "db"}, "Database=Existing needs Network=Existing"),
            ({**self.LOCAL, "Doorbell": "Logs"}, "Doorbell=Logs needs Database=Aurora"),
            ({**self.LOCAL, "WebPlatform": "EcsExpress", **template_render.IMAGE}, "EcsExpress with Network=Existing needs VpcId"),
            ({**self.LOCAL, **template_render.SUBNETS}, "SubnetIds need VpcId"),
            ({**self.LOCAL, "VpcId": "vpc-0123456789abcdef0"}, "VpcId is for Network=Existing, together with SubnetIds"),
            ({**self.APP_RUNNER, **template_render.SUBNETS, **template_render.VPC, "Network": "Existing", "Doorbell": "PublicAddress"}, "Doorbell=PublicAddress with Aurora needs Network=Create"),
            ({**self.APP_RUNNER, "DatabaseSslMode": "disable"}, "IAM authentication works over TLS only"),
            ({**self.APP_RUNNER, "WebCpu": "2048"}, "WebCpu and WebMemory must be one of"),
            ({**self.APP_RUNNER, "PauseSchedule": "cron(0 20 * * ? *)"}, "a site that only pauses would never be back"),
            ({**self.APP_RUNNER, "ResumeSchedule": "cron(0 7 * * ? *)"}, "PauseSchedule and ResumeSchedule go together"),
            ({**self.APP_RUNNER, **template_render.NIGHT, "ResumeSchedule": "cron(0 20 * * ? *)"}, "can't be the same time"),
            ({**self.ECS_EXPRESS, **template_render.NIGHT}, "PauseSchedule needs WebPlatform=AppRunner"),
            ({**self.LOCAL, **template_render.NIGHT}, "PauseSchedule needs WebPlatform=AppRunner"),
            ({**template_render.IMAGE, "LambdaEndpointZones": "3"}, "LambdaEndpointZones can't be more than AvailabilityZones"),
        ]
        for parameters, sentence in table:
            refusals = list(template_render.Rendering(TRANSLATED, parameters).refusals())
            self.assertIn(sentence, "\n".join(refusals), parameters)
        for parameters in (self.APP_RUNNER, self.ECS_EXPRESS, self.LOCAL):
            self.assertEqual([], list(template_render.Rendering(TRANSLATED, parameters).refusals()))

    def test_a_site_that_sleeps_at_night_is_paused_and_resumed(self):
        resources = self.rendered({**self.APP_RUNNER, **template_render.NIGHT})["Resources"]
        for name, action, expression in (
            ("PauseAtNight", "pauseService", "cron(0 20 * * ? *)"),
            ("ResumeInTheMorning", "resumeService", "cron(0 7 ? * MON-FRI *)"),
        ):
            schedule = resources[name]["Properties"]
            self.assertEqual(expression, schedule["ScheduleExpression"])
            self.assertEqual("Europe/Berlin", schedule["ScheduleExpressionTimezone"])
            self.assertTrue(schedule["Target"]["Arn"]["Fn::Sub"].endswith(f":scheduler:::aws-sdk:apprunner:{action}"))
        self.assertNotIn("PauseAtNight", self.rendered(self.APP_RUNNER)["Resources"])

    def test_every_offered_time_zone_is_one(self):
        zones = SOURCE["Parameters"]["PauseTimeZone"]["AllowedValues"]
        self.assertEqual([], sorted(set(zones) - zoneinfo.available_timezones()))
        self.assertGreater(len(zones), 400)

    def test_patterns_refuse_what_is_not_meant(self):
        table = {
            "PauseSchedule": (
                ["", "cron(0 20 * * ? *)", "cron(30 19 ? * MON-FRI 2027)"],
                ["rate(1 day)", "cron(0 20 * * *)", "0 20 * * ? *", "at(2027-01-01T00:00:00)"],
            ),
            "LogGroupPrefixes": (
                ["", "/aws/codebuild/wagrun/", "/builds/wagrun/,/aws/lambda/wagrun/x/"],
                ["/", "/aws/", "/aws/lambda/", "/builds/wagrun/,/aws/ecs/", "/wagrun", "builds/wagrun/", "/wagrun/,", "/wagrun/*/"],
            ),
        }
        for name, (taken, refused) in table.items():
            pattern = re.compile(SOURCE["Parameters"][name]["AllowedPattern"])
            for value in taken:
                self.assertTrue(pattern.fullmatch(value), f"{name}={value}")
            for value in refused:
                self.assertFalse(pattern.fullmatch(value), f"{name}={value}")

    def test_the_environments_of_samconfig_are_sensible(self):
        for name in ("dev", "prod"):
            parameters = load((ROOT / f"parameters/{name}.yaml").read_text())
            self.rendered({**template_render.IMAGE, **parameters})

    def test_a_reference_to_what_a_condition_leaves_out(self):
        translated = copy.deepcopy(TRANSLATED)
        translated["Resources"]["S3Endpoint"]["Properties"]["RouteTableIds"].append({"Ref": "PublicRoutes"})
        found, _ = template_render.check(translated, self.APP_RUNNER)
        self.assertEqual(["S3Endpoint names PublicRoutes, which is not there"], found)

    def test_a_misspelled_condition(self):
        translated = copy.deepcopy(TRANSLATED)
        translated["Resources"]["S3Endpoint"]["Condition"] = "CreatesNetwrk"
        self.assertEqual((["no condition CreatesNetwrk"], None), template_render.check(translated, self.APP_RUNNER))

    def test_two_resources_that_wait_for_each_other(self):
        translated = copy.deepcopy(TRANSLATED)
        translated["Resources"]["DoorbellRole"]["Properties"]["Description"] = {"Ref": "ContentEventsFunction"}
        found, _ = template_render.check(translated, self.APP_RUNNER)
        self.assertEqual(1, len(found))
        self.assertIn("waits for another one of them", found[0])
        self.assertIn("DoorbellRole", found[0])

    def test_a_property_that_does_not_exist(self):
        rendered = self.rendered(self.LOCAL)
        rendered["Resources"]["EventQueue"]["Properties"]["Retention"] = 1
        self.assertIn("E3002", "\n".join(template_render.linted(rendered)))


if __name__ == "__main__":
    unittest.main()
