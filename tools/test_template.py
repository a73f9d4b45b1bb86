#!/usr/bin/env python3
"""Breaks a copy of the template in each way that the checks guard against, and sees the check notice.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import copy
import json
import math
import re
import tomllib
import unittest
import zoneinfo

import costs
import template_order
import template_policies
import template_render
import template_rules
from template import ROOT, TEMPLATE, load, statements, target, translate, unfold

TEXT = TEMPLATE.read_text()
SOURCE = unfold(load(TEXT))
TRANSLATED = translate(unfold(load(TEXT)), {})


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
            del resources["AuroraLogGroup"]["Properties"]["RetentionInDays"]

        self.assert_breaks("AuroraLogGroup keeps its logs for ever", change)

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

    def test_a_database_in_the_clear(self):
        def never(resources, _):
            del resources["DatabaseCluster"]["Properties"]["StorageEncrypted"]

        def sometimes(resources, _):
            resources["DatabaseCluster"]["Properties"]["StorageEncrypted"] = {"Fn::If": ["HasAurora", {"Ref": "AWS::NoValue"}, True]}

        self.assert_breaks("DatabaseCluster is not encrypted", never)
        self.assert_breaks("DatabaseCluster is not encrypted", sometimes)

    def test_a_creation_that_can_not_be_taken_back(self):
        def bucket(resources, _):
            resources["MediaBucket"]["DeletionPolicy"] = "Retain"

        def parameter(_, template):
            template["Parameters"]["DeletionProtection"]["Default"] = "true"

        def always(resources, _):
            resources["DatabaseCluster"]["Properties"]["DeletionProtection"] = True

        self.assert_breaks("MediaBucket stays behind when its own creation is taken back", bucket)
        self.assert_breaks("DatabaseCluster is protected from deletion from the start", parameter)
        self.assert_breaks("DatabaseCluster is protected from deletion from the start", always)

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

        def another(resources, _):
            resources["DatabaseCluster"]["Properties"]["ServerlessV2ScalingConfiguration"]["MinCapacity"] = {"Ref": "MaxCapacity"}

        def fixed(resources, _):
            resources["DatabaseCluster"]["Properties"]["ServerlessV2ScalingConfiguration"]["MinCapacity"] = 1

        self.assert_breaks("Proxy (AWS::RDS::DBProxy) keeps the database awake", proxy)
        self.assert_breaks("DatabaseInstance is a provisioned instance", provisioned)
        self.assert_breaks("DatabaseInstance has Performance Insights", insights)
        self.assert_breaks("DatabaseParameters switches logical replication on", replication)
        self.assert_breaks("DatabaseParameters loads pg_cron", cron)
        self.assert_breaks("DatabaseParameters has no idle_session_timeout", sessions)
        for change in (capacity, another, fixed):
            self.assert_breaks("DatabaseCluster has no MinCapacity that is 0 by default", change)

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

    def test_a_dropped_doorbell_that_nobody_sees(self):
        for alarm, metric in (("DroppedDoorbellAlarm", "AsyncEventsDropped"), ("UnkeptDoorbellAlarm", "DestinationDeliveryFailures")):

            def change(resources, _):
                del resources[alarm]

            self.assert_breaks(f"ContentEventsFunction is rung by the database's log and has no alarm on {metric}", change)

    def test_an_alarm_that_cloudwatch_refuses(self):
        def longer(resources, _):
            resources["DeliveryAgeAlarm"]["Properties"]["EvaluationPeriods"] = 15

        def shorter(resources, _):
            resources["FailedDoorbellAlarm"]["Properties"].update(Period=300, EvaluationPeriods=289)

        def more(resources, _):
            resources["FailedDoorbellAlarm"]["Properties"]["DatapointsToAlarm"] = 25

        self.assert_breaks("DeliveryAgeAlarm looks at 648000 seconds, which periods of 43200 don't allow", longer)
        self.assert_breaks("FailedDoorbellAlarm looks at 86700 seconds, which periods of 300 don't allow", shorter)
        self.assert_breaks("FailedDoorbellAlarm wants more datapoints than it looks at", more)

    def test_an_alarm_that_looks_elsewhere(self):
        def change(_, template):
            template["Globals"]["Function"]["Environment"]["Variables"]["METRICS_NAMESPACE"] = "wagrun"

        def quiet(_, template):
            template["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"] = "WARN"

        self.assert_breaks("OldestEventAlarm looks in", change)
        self.assert_breaks("ApplicationLogLevel WARN drops the functions' metrics", quiet)

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

    def test_a_choice_without_a_row(self):
        def change(_, template):
            del template["Mappings"]["PlatformDomains"]["None"]

        self.assert_breaks("mapping PlatformDomains has no row None, which AppRunnerService may ask for", change)

    def test_a_topic_for_everybody(self):
        def none(resources, _):
            del resources["EventTopicPolicy"]

        def everybody(resources, _):
            resources["EventTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}

        self.assert_breaks("EventTopic has no AWS::SNS::TopicPolicy", none)
        self.assert_breaks("EventTopicPolicy lets everybody in", everybody)

    def test_a_cluster_that_ecs_express_can_not_use(self):
        def change(resources, _):
            del resources["EcsCluster"]["Properties"]["CapacityProviders"]

        self.assert_breaks("EcsCluster lacks the capacity provider FARGATE", change)

    def test_a_tag_that_aws_refuses(self):
        def ref(resources, _):
            resources["EcsCluster"]["Properties"]["Tags"] = [{"Key": "waits-for", "Value": {"Fn::If": ["Any", {"Ref": "PublicRoute"}, "nothing"]}}]

        def sub(resources, _):
            resources["DatabaseSubnets"]["Properties"]["Tags"] = [{"Key": "waits-for", "Value": {"Fn::Sub": "${DatabaseRoute} is there"}}]

        self.assert_breaks("EcsCluster names PublicRoute in a tag", ref)
        self.assert_breaks("DatabaseSubnets names DatabaseRoute in a tag", sub)


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
            files, features = template_policies.code(name)
            return [rust.replace(".change_message_visibility", ".leave") for rust in files], features

        self.assertIn(
            "DeliverFunction may sqs:ChangeMessageVisibility, which nothing in its code calls",
            list(template_policies.differences(SOURCE, read)),
        )

    def assert_differs(self, sentence, change):
        template = copy.deepcopy(SOURCE)
        change(template["Resources"])
        self.assertIn(sentence, list(template_policies.differences(template)))

    def statement(self, resources, role, sid):
        for _, statement in statements({"Resources": {role: resources[role]}}):
            if statement.get("Sid") == sid:
                return statement
        self.fail(f"{role} has no statement {sid}")

    def test_a_function_that_can_not_be_attached_to_the_vpc(self):
        def change(resources):
            self.statement(resources, "MigrateRole", "NetworkInterfaces")["Action"].remove("ec2:DescribeSubnets")

        self.assert_differs("MigrateFunction needs ec2:DescribeSubnets, which its role does not allow", change)

    def test_code_is_denied_what_the_attachment_needs(self):
        for role in ("ContentEventsRole", "MigrateRole"):
            denied = self.statement(SOURCE["Resources"], role, "NoNetworkInterfacesForCode")
            self.assertLessEqual(template_policies.NETWORK_INTERFACES, set(denied["Action"]))
            self.assertEqual({"Null": {"lambda:SourceFunctionArn": "false"}}, denied["Condition"])

    def test_a_permission_on_everything(self):
        def change(resources):
            self.statement(resources, "DeliverRole", "ReadDeliveriesAndPutThemOff")["Resource"] = "*"

        self.assert_differs("DeliverRole allows sqs:DeleteMessage on everything, for which EVERYTHING has no reason", change)

    def test_a_permission_on_what_it_is_not_about(self):
        def queue(resources):
            self.statement(resources, "ContentEventsRole", "PublishEvents")["Resource"] = {"Ref": "EventQueue"}

        def bucket(resources):
            self.statement(resources, "WebRole", "KeepMedia")["Resource"] = {"Fn::GetAtt": "MediaBucket.Arn"}

        def secret(resources):
            self.statement(resources, "EcsExecutionRole", "ReadSecretKey")["Action"] = "ssm:GetParameters"

        def parameter(resources):
            self.statement(resources, "FanOutRole", "ReadSubscribers")["Resource"] = [{"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/*"}]

        self.assert_differs("ContentEventsRole allows sns:Publish on AWS::SQS::Queue, which KINDS does not name", queue)
        self.assert_differs("WebRole allows s3:PutObject on AWS::S3::Bucket, which KINDS does not name", bucket)
        self.assert_differs("EcsExecutionRole allows ssm:GetParameters on AWS::SecretsManager::Secret, which KINDS does not name", secret)
        self.assert_differs("FanOutRole allows ssm:GetParametersByPath on ssm:document, which KINDS does not name", parameter)

    def test_a_role_of_aws_that_may_more_or_less_than_it_needs(self):
        def more(resources):
            self.statement(resources, "WebRole", "FindMedia")["Action"] = ["s3:ListBucket", "s3:DeleteBucket"]

        def managed(resources):
            resources["WebRole"]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AdministratorAccess"]

        def less(resources):
            resources["DoorbellPolicy"]["Properties"]["PolicyDocument"]["Statement"] = []

        def unknown(resources):
            resources["Another"] = {"Type": "AWS::IAM::Role", "Properties": resources["DeliverRole"]["Properties"]}

        self.assert_differs("WebRole may s3:DeleteBucket, for which ROLES has no source", more)
        self.assert_differs("WebRole may AdministratorAccess, for which ROLES has no source", managed)
        self.assert_differs("DoorbellRole needs lambda:InvokeFunction (shared/migrations/20261128000003_doorbell.sql calls aws_lambda.invoke), which it does not allow", less)
        self.assert_differs("Another may sqs:DeleteMessage, for which ROLES has no source", unknown)


class RenderTest(unittest.TestCase):
    APP_RUNNER = template_render.IMAGE
    ECS_EXPRESS = {**APP_RUNNER, "WebPlatform": "EcsExpress"}
    NO_WEB = {**APP_RUNNER, "WebPlatform": "None"}
    LOCAL = {"WebPlatform": "None", **template_render.EXISTING, "SiteDirectory": "/srv/site", "MigrateOnDeploy": "false", "Monitoring": "None"}

    def rendered(self, parameters, translated=TRANSLATED):
        found, rendered = template_render.check(translated, parameters)
        self.assertEqual([], found)
        return rendered

    def test_migrations_come_after_the_database_and_before_the_site(self):
        for parameters, service in ((self.APP_RUNNER, "AppRunnerService"), (self.ECS_EXPRESS, "EcsService")):
            rendered = self.rendered(parameters)
            self.assertTrue(template_render.order(rendered, "Migration", service), service)
            for needed in ("DatabaseInstance", "FunctionsReachDatabase", "S3Endpoint", "PrivateRoutesOfSubnetB"):
                self.assertTrue(template_render.order(rendered, needed, "Migration"), needed)

    def test_the_doorbell_works_before_the_first_trigger_is_attached(self):
        waits = {
            "LambdaEndpoint": ("DoorbellPolicy", "LambdaEndpoint", "DatabaseRingsAtEndpoint", "DoorbellLines"),
            "PublicAddress": ("DoorbellPolicy", "DatabaseRoute", "DoorbellLines"),
            "Logs": ("DoorbellLines",),
        }
        for doorbell, needed in waits.items():
            rendered = self.rendered({**self.APP_RUNNER, "Doorbell": doorbell})
            for name in needed:
                self.assertTrue(template_render.order(rendered, name, "Migration"), name)

    def test_the_site_can_reach_its_database_when_it_starts(self):
        for parameters, service in ((self.APP_RUNNER, "AppRunnerService"), (self.ECS_EXPRESS, "EcsService")):
            rendered = self.rendered({**parameters, "MigrateOnDeploy": "false"})
            self.assertTrue(template_render.order(rendered, "WebReachesDatabase", service), service)
        self.assertTrue(template_render.order(rendered, "LoadBalancerReachesWeb", "EcsService"))

    def test_the_doorbell_can_be_changed_under_a_database_that_is_there(self):
        groups = [self.rendered({**self.APP_RUNNER, **doorbell})["Resources"]["DatabaseSubnets"] for doorbell in template_render.DOORBELLS]
        self.assertEqual(groups[:1] * 3, groups)
        self.assertEqual(["DatabaseSubnetA", "DatabaseSubnetB"], [subnet["Ref"] for subnet in groups[0]["Properties"]["SubnetIds"]])

    def test_routes_come_before_what_looks_at_them(self):
        rendered = self.rendered(self.ECS_EXPRESS)
        for needed in ("PublicRoute", "PublicRoutesOfSubnetA", "PublicRoutesOfSubnetB"):
            self.assertTrue(template_render.order(rendered, needed, "EcsService"), needed)
        rendered = self.rendered({**self.APP_RUNNER, "Doorbell": "PublicAddress"})
        self.assertTrue(template_render.order(rendered, "DatabaseRoute", "DatabaseInstance"))

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
            rendering.parameters.update(template_render.PSEUDO)
            body = json.loads(rendering.render()["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
            self.assertEqual(widgets, len(body["widgets"]))
            self.assertEqual(bool(instance), "ServerlessDatabaseCapacity" in str(body))
            places = [(widget["x"], widget["y"]) for widget in body["widgets"]]
            self.assertEqual(len(places), len(set(places)))

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

    def test_every_alarm_is_in_the_bill(self):
        def alarms(parameters):
            return sum(resource["Type"] == "AWS::CloudWatch::Alarm" for resource in self.rendered(parameters)["Resources"].values())

        self.assertEqual(costs.ALARMS, alarms(self.NO_WEB))
        self.assertEqual(costs.ALARMS + costs.WEB_ALARMS, alarms(self.APP_RUNNER))
        # Those that come on top are in "What is not there, and what it would add".
        chosen = {"ReleaseTag": "prod", "CustomDomain": "www.example.org", "InvalidationBatches": "true", **template_render.NIGHT}
        everything = alarms({**self.APP_RUNNER, **chosen})
        self.assertEqual(costs.ALARMS + costs.WEB_ALARMS + 4, everything)
        # ECS Express has its own errors instead of App Runner's.
        self.assertEqual(costs.ALARMS + costs.WEB_ALARMS, alarms(self.ECS_EXPRESS))
        self.assertEqual(everything + 1, sum(resource["Type"] == "AWS::CloudWatch::Alarm" for resource in SOURCE["Resources"].values()))

    def test_the_local_stack_has_nothing_that_the_emulator_lacks(self):
        kinds = {resource["Type"].split("::")[1] for resource in self.rendered(self.LOCAL)["Resources"].values()}
        self.assertEqual({"Events", "IAM", "Lambda", "Logs", "S3", "SNS", "SQS", "Scheduler"}, kinds)

    def test_the_endpoint_lets_cloudformation_be_answered(self):
        policy = self.rendered(self.APP_RUNNER)["Resources"]["S3Endpoint"]["Properties"]["PolicyDocument"]
        resource = policy["Statement"][0]["Resource"]["Fn::Sub"]
        self.assertIn(":s3:::cloudformation-custom-resource-response-${RegionWithoutDashes}/*", resource[0])

    def test_the_second_doorbell_hears_what_the_trigger_writes(self):
        sql = (ROOT / "shared/migrations/20261128000003_doorbell.sql").read_text()
        lines = [line.replace("%", "784", 1) for line in re.findall(r"raise log '(wagrun doorbell [^']*)'", sql)]
        resources = self.rendered(self.APP_RUNNER)["Resources"]
        heard = resources["DoorbellLines"]["Properties"]["FilterPattern"].strip('"')
        counted = re.compile(resources["FailedDoorbells"]["Properties"]["FilterPattern"].strip("%"))
        self.assertEqual(3, len(lines))
        for line in lines:
            self.assertIn(heard, line)
            self.assertEqual("by log" not in line, bool(counted.search(line)), line)

    def test_a_capture_that_fails_is_counted_and_rings_nobody(self):
        resources = self.rendered(self.APP_RUNNER)["Resources"]
        counted = re.compile(resources["FailedCaptures"]["Properties"]["FilterPattern"].strip("%"))
        heard = resources["DoorbellLines"]["Properties"]["FilterPattern"].strip('"')
        prefix = "2026-11-28 12:00:00 UTC:10.0.0.1(5000):web@wagtail:[784]:LOG:  "
        sql = (ROOT / "shared/migrations/20261128000002_capture.sql").read_text()
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
            rendered = self.rendered({**self.APP_RUNNER, "ImageUri": host + image})
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
        for parameters, platform in ((self.APP_RUNNER, ["ReleaseAppRunnerRule"]), (self.ECS_EXPRESS, ["ReleaseEcsRule"]), (self.NO_WEB, [])):
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
        self.assertEqual([], [name for name in self.rendered(self.APP_RUNNER)["Resources"] if name.startswith("Release")])

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

    def test_the_domain_comes_after_the_service_and_only_when_asked(self):
        rendered = self.rendered({**self.APP_RUNNER, "CustomDomain": "www.example.org"})
        self.assertTrue(template_render.order(rendered, "AppRunnerService", "Domain"))
        self.assertEqual("www.example.org", rendered["Resources"]["Domain"]["Properties"]["DomainName"])
        self.assertNotIn("CustomDomainFunction", self.rendered(self.APP_RUNNER)["Resources"])

    def test_choices_that_exclude_each_other_are_refused(self):
        table = [
            ({}, "WebPlatform=AppRunner and EcsExpress need ImageUri"),
            ({"WebPlatform": "None", "Network": "Existing"}, "Database=Aurora with Network=Existing needs VpcId and SubnetIds"),
            ({"WebPlatform": "None", "Database": "Existing", "Network": "Existing"}, "Database=Existing needs DatabaseHost"),
            ({"WebPlatform": "None", "Database": "Existing", "DatabaseHost": "db"}, "Database=Existing needs Network=Existing"),
            ({**self.LOCAL, "Doorbell": "Logs"}, "Doorbell=Logs with Database=Existing needs DatabaseLogGroup"),
            ({**self.LOCAL, "WebPlatform": "EcsExpress", **template_render.IMAGE}, "EcsExpress with Network=Existing needs VpcId"),
            ({**self.LOCAL, **template_render.SUBNETS}, "SubnetIds need VpcId"),
            ({**self.LOCAL, "VpcId": "vpc-0123456789abcdef0"}, "VpcId is for Network=Existing, together with SubnetIds"),
            ({**self.APP_RUNNER, **template_render.SUBNETS, **template_render.VPC, "Network": "Existing", "Doorbell": "PublicAddress"}, "Doorbell=PublicAddress with Aurora needs Network=Create"),
            ({**self.APP_RUNNER, "DatabaseSslMode": "require"}, "authenticate by IAM, for which DatabaseSslMode must be verify-full"),
            ({**self.LOCAL, "DatabaseResourceId": "cluster-ABC", "DatabaseSslMode": "disable"}, "DatabaseSslMode must be verify-full"),
            ({**self.APP_RUNNER, "MinCapacity": "2", "MaxCapacity": "1"}, "MinCapacity can't be more than MaxCapacity"),
            ({**self.APP_RUNNER, "MinCapacity": "4", "MaxCapacity": "3"}, "MinCapacity can't be more than MaxCapacity"),
            ({**self.APP_RUNNER, "MinCapacity": "8", "MaxCapacity": "6"}, "MinCapacity can't be more than MaxCapacity"),
            ({**self.APP_RUNNER, "DatabaseHost": "db.example.org"}, "for Database=Existing; Aurora is a new one"),
            ({**self.LOCAL, "DatabaseSnapshot": "before"}, "DatabaseSnapshot needs Database=Aurora"),
            ({**self.LOCAL, "ReleaseTag": "prod"}, "ReleaseTag needs ImageUri"),
            ({**self.ECS_EXPRESS, "CustomDomain": "www.example.org"}, "CustomDomain needs WebPlatform=AppRunner"),
            ({**self.APP_RUNNER, "PauseSchedule": "cron(0 20 * * ? *)"}, "a site that only pauses would never be back"),
            ({**self.APP_RUNNER, "ResumeSchedule": "cron(0 7 * * ? *)"}, "PauseSchedule and ResumeSchedule go together"),
            ({**self.APP_RUNNER, **template_render.NIGHT, "ResumeSchedule": "cron(0 20 * * ? *)"}, "can't be the same time"),
            ({**self.ECS_EXPRESS, **template_render.NIGHT}, "PauseSchedule needs WebPlatform=AppRunner"),
            ({**self.LOCAL, **template_render.NIGHT}, "PauseSchedule needs WebPlatform=AppRunner"),
            ({**self.APP_RUNNER, **template_render.DATABASE_LOG}, "DatabaseLogGroup needs Database=Existing"),
            ({**self.LOCAL, **template_render.DATABASE_GROUP}, "DatabaseSecurityGroupId needs Database=Existing and VpcId"),
            ({**self.LOCAL, "FlowLogs": "true"}, "FlowLogs needs Network=Create"),
            ({**self.LOCAL, **template_render.WEB_ACL}, "WebAclArn needs WebPlatform=AppRunner or EcsExpress"),
            ({**self.APP_RUNNER, "MonthlyBudget": "50"}, "MonthlyBudget needs AlarmEmail"),
        ]
        for parameters, sentence in table:
            refusals = list(template_render.Rendering(TRANSLATED, parameters).refusals())
            self.assertIn(sentence, "\n".join(refusals), parameters)
        accepted = (
            self.APP_RUNNER,
            self.ECS_EXPRESS,
            self.LOCAL,
            {**self.LOCAL, "DatabaseSslMode": "disable"},
            {**self.LOCAL, "Doorbell": "Logs", **template_render.DATABASE_LOG},
            {**self.APP_RUNNER, "MinCapacity": "8", "MaxCapacity": "8"},
        )
        for parameters in accepted:
            self.assertEqual([], list(template_render.Rendering(TRANSLATED, parameters).refusals()))

    def test_every_capacity_that_may_be_chosen_is_compared(self):
        smallest, largest = (SOURCE["Parameters"][name]["AllowedValues"] for name in ("MinCapacity", "MaxCapacity"))
        for least in smallest:
            for most in largest:
                parameters = {**self.APP_RUNNER, "MinCapacity": str(least), "MaxCapacity": str(most)}
                refused = any(template_render.Rendering(TRANSLATED, parameters).refusals())
                self.assertEqual(least > most, refused, parameters)

    def test_a_sweep_leaves_an_existing_aurora_asleep(self):
        for instance in ("", "cms-1"):
            resources = self.rendered({**self.LOCAL, "DatabaseInstanceId": instance})["Resources"]
            told = resources["ContentEventsFunction"]["Properties"]["Environment"]["Variables"]["DATABASE_INSTANCE"]
            self.assertEqual(instance, told)
            self.assertEqual(bool(instance), "cloudwatch:GetMetricStatistics" in str(resources["ContentEventsRole"]))

    def test_a_sweep_knows_when_the_database_falls_asleep(self):
        resources = self.rendered({**self.APP_RUNNER, "SecondsUntilAutoPause": "900"})["Resources"]
        told = resources["ContentEventsFunction"]["Properties"]["Environment"]["Variables"]["DATABASE_PAUSE_SECONDS"]
        scaling = resources["DatabaseCluster"]["Properties"]["ServerlessV2ScalingConfiguration"]
        self.assertEqual(("900", "900"), (told, scaling["SecondsUntilAutoPause"]))

    def test_the_parameter_group_names_no_setting_of_an_extension(self):
        """CloudFormation fails a group with a parameter that the group's family does not have."""
        for name in SOURCE["Resources"]["DatabaseParameters"]["Properties"]["Parameters"]:
            self.assertFalse("." in name and not name.startswith("rds."), name)

    def test_a_restored_database_keeps_the_names_of_its_snapshot(self):
        for snapshot in ("", "before"):
            cluster = self.rendered({**self.APP_RUNNER, "DatabaseSnapshot": snapshot})["Resources"]["DatabaseCluster"]["Properties"]
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
        scaling = self.rendered(self.APP_RUNNER)["Resources"]["AppRunnerScaling"]["Properties"]
        self.assertEqual(int(threads) * int(workers), scaling["MaxConcurrency"])

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

    def test_every_time_zone_of_a_place_may_be_chosen(self):
        pattern = re.compile(SOURCE["Parameters"]["PauseTimeZone"]["AllowedPattern"])
        areas = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
        places = [zone for zone in zoneinfo.available_timezones() if zone.split("/")[0] in areas]
        self.assertGreater(len(places), 400)
        self.assertEqual([], [zone for zone in [*places, "UTC"] if not pattern.fullmatch(zone)])
        for zone in ("CET", "Europe", "Europe/", "Berlin", "europe/berlin", "UTC+1", "Europe/Berlin "):
            self.assertIsNone(pattern.fullmatch(zone), zone)

    def test_patterns_refuse_what_is_not_meant(self):
        table = {
            "DatabaseLogGroup": (["", "/aws/rds/cluster/cms/postgresql", "/aws/rds/instance/cms/postgresql"], ["/a b", "/x/*", "a:b"]),
            "DatabaseSecurityGroupId": (["", "sg-0123456789abcdef0"], ["default", "sg-", "sg-1,sg-2"]),
            "PermissionsBoundary": (
                ["", "arn:aws:iam::111122223333:policy/team/boundary", "arn:aws-us-gov:iam::aws:policy/PowerUserAccess"],
                ["boundary", "arn:aws:iam::111122223333:role/boundary"],
            ),
            "WebAclArn": (
                ["", template_render.WEB_ACL["WebAclArn"]],
                ["arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/01234567", "site"],
            ),
            "SiteDomain": (["", "www.example.org", "xn--e1afmkfd.xn--p1ai"], ["example", "-a.org", "https://www.example.org", "a.xn--"]),
            "ZoneNames": (["", "eu-central-1a,eu-central-1c"], ["eu-central-1a", "eu-central-1a, eu-central-1b", "a,b,c"]),
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

    def test_each_way_to_deploy_has_its_environment_and_its_file(self):
        samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
        self.assertEqual({"version", "default", "local", *template_order.WAYS}, set(samconfig))
        for way in template_order.WAYS:
            self.assertEqual([f"file://parameters/{way}.yaml"], samconfig[way]["deploy"]["parameters"]["parameter_overrides"])
            for size in ({}, load((ROOT / "parameters/dev.yaml").read_text()), load((ROOT / "parameters/prod.yaml").read_text())):
                self.rendered({**template_order.parameters(way), **size})

    def test_what_a_file_leaves_to_fill_in_is_asked_for(self):
        given = {**load(template_order.WAYS["existing"].read_text()), **template_render.IMAGE}
        refusals = list(template_render.Rendering(TRANSLATED, given).refusals())
        self.assertIn("Database=Existing needs DatabaseHost", refusals)

    def test_a_reference_to_what_a_condition_leaves_out(self):
        translated = copy.deepcopy(TRANSLATED)
        translated["Resources"]["S3Endpoint"]["Properties"]["RouteTableIds"].append({"Ref": "PublicRoutes"})
        found, _ = template_render.check(translated, self.APP_RUNNER)
        self.assertEqual(["S3Endpoint names PublicRoutes, which is not there"], found)

    def test_a_condition_that_no_combination_tries(self):
        template = {"Conditions": {"A": None, "B": None}}
        outcomes = {("A", True), ("A", False), ("B", False)}
        self.assertEqual(["condition B is true in no combination; EXTRAS lacks a parameter"], list(template_render.one_sided(template, outcomes)))

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
