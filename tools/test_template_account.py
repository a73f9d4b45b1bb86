#!/usr/bin/env python3
"""Tests what a real account requires and the emulator does not: permissions boundaries, quotas, regions and the ways to
deploy.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import copy
import json
import re
import unittest

from cfnlint.helpers import REGIONS
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

import template_order
import template_render
import template_rules
from template import ROOT, TEMPLATE, load, statements, translate, unfold
from template_choices import DATABASE_LOG, WEB_ACL

TEXT = TEMPLATE.read_text()
SOURCE = unfold(load(TEXT))
TRANSLATED = translate(unfold(load(TEXT)), {})


def rendered(way, **more):
    return template_order.rendered(TRANSLATED, {**template_order.parameters(way), **more})["Resources"]


class RulesTest(unittest.TestCase):
    def assert_breaks(self, sentence, change):
        template = copy.deepcopy(SOURCE)
        change(template["Resources"])
        self.assertIn(sentence, "\n".join(template_rules.violations(template, TEXT)))

    def test_a_role_that_an_account_with_a_boundary_refuses(self):
        def role(resources):
            del resources["NightRole"]["Properties"]["PermissionsBoundary"]

        def schedule(resources):
            del resources["DeliverFunction"]["Properties"]["Events"]["Backlogs"]["Properties"]["RoleArn"]

        def function(resources):
            del resources["DeliverFunction"]["Properties"]["Role"]

        self.assert_breaks("NightRole takes no PermissionsBoundary", role)
        self.assert_breaks("DeliverFunction has SAM make a role for Backlogs", schedule)
        self.assert_breaks("DeliverFunction has SAM make a role, which", function)

    def test_sam_makes_no_role_of_its_own(self):
        made = {name for name, resource in TRANSLATED["Resources"].items() if resource["Type"] == "AWS::IAM::Role"}
        self.assertEqual({name for name, resource in SOURCE["Resources"].items() if resource["Type"] == "AWS::IAM::Role"}, made)

    def test_the_boundary_is_on_every_role_or_on_none(self):
        arn = "arn:aws:iam::111122223333:policy/boundary"
        for way in template_order.WAYS:
            for boundary in ("", arn):
                roles = [part["Properties"] for part in rendered(way, PermissionsBoundary=boundary).values() if part["Type"] == "AWS::IAM::Role"]
                self.assertEqual({boundary or None}, {role.get("PermissionsBoundary") for role in roles}, way)

    def test_a_service_that_acts_for_any_account(self):
        def any_account(resources):
            del resources["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]

        def unsent(resources):
            resources["FanOutRole"]["Properties"]["AssumeRolePolicyDocument"] = {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
                }],
            }

        self.assert_breaks("ScheduleRole can be taken by scheduler.amazonaws.com for any account", any_account)
        self.assert_breaks("FanOutRole requires aws:SourceAccount of lambda.amazonaws.com, which may not send it", unsent)

    def test_a_role_that_any_service_may_be_handed(self):
        def change(resources):
            for _, statement in statements({"Resources": resources}):
                statement.pop("Condition", None)

        self.assert_breaks("ReleaseRole may pass a role to any service", change)
        self.assert_breaks("ContentEventsRole may pass a role to any service", change)

    def test_a_queue_that_takes_the_accounts_whole_quota(self):
        def event(resources):
            del resources["DeliverFunction"]["Properties"]["Events"]["Deliveries"]["Properties"]["ScalingConfig"]

        def mapping(resources):
            del resources["InvalidationSource"]["Properties"]["ScalingConfig"]

        self.assert_breaks("DeliverFunction reads a queue by Deliveries without ScalingConfig.MaximumConcurrency", event)
        self.assert_breaks("InvalidationSource reads a queue without ScalingConfig.MaximumConcurrency", mapping)

    def test_what_runs_at_once_fits_a_new_account(self):
        sources = [part["Properties"] for part in rendered("ecs-express", ReleaseTag="prod").values() if part["Type"] == "AWS::Lambda::EventSourceMapping"]
        self.assertEqual(3, len(sources))
        # The quota is ten, of which content-events and migrate need one each.
        self.assertLessEqual(sum(int(source["ScalingConfig"]["MaximumConcurrency"]) for source in sources), 8)


class RegionsTest(unittest.TestCase):
    # Other partitions, which are not checked.
    ELSEWHERE = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")

    def test_the_template_names_nothing_that_a_region_does_not_know(self):
        """CloudFormation refuses a template with a type that the region does not have, whatever its conditions are."""
        named = {resource["Type"] for resource in translate(load(TEXT), {})["Resources"].values()}
        for region in REGIONS:
            if not region.startswith(self.ELSEWHERE):
                known = set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))
                self.assertEqual([], sorted(kind for kind in named - known if kind.startswith("AWS::")), region)


class WaysTest(unittest.TestCase):
    def test_both_platforms_tell_the_site_the_same(self):
        express = rendered("ecs-express", SiteDomain="www.example.org")["EcsService"]["Properties"]["PrimaryContainer"]["Environment"]
        image = rendered("app-runner", SiteDomain="www.example.org")["AppRunnerService"]["Properties"]["SourceConfiguration"]["ImageRepository"]
        runner = image["ImageConfiguration"]["RuntimeEnvironmentVariables"]

        def variables_of(variables):
            values = {variable["Name"]: variable["Value"] for variable in variables}
            # Each platform has its own names for the site.
            return {**values, "ALLOWED_HOSTS": str(values["ALLOWED_HOSTS"]).split(",", 1)[1]}

        self.assertEqual(variables_of(express), variables_of(runner))
        self.assertIn("https://www.example.org", variables_of(express)["SITE_URL"])

    def test_an_existing_database_rings_and_is_watched(self):
        resources = rendered("existing")
        group = DATABASE_LOG["DatabaseLogGroup"]
        for name in ("DoorbellLines", "FailedDoorbells", "FailedCaptures"):
            self.assertEqual(group, resources[name]["Properties"]["LogGroupName"], name)
        self.assertTrue(str(resources["DoorbellLinesMayInvoke"]["Properties"]["SourceArn"]).count(f":log-group:{group}:*"))
        for name in ("DoorbellRole", "DoorbellPolicy", "FailedDoorbellAlarm", "FailedCaptureAlarm", "DroppedDoorbellAlarm"):
            self.assertIn(name, resources)
        for name in ("FunctionsReachDatabase", "WebReachesDatabase"):
            self.assertEqual("sg-0123456789abcdef1", resources[name]["Properties"]["GroupId"])
        # The triggers ring as soon as the migration has attached them.
        order = template_order.Order({"Resources": resources})
        for name in ("DoorbellLines", "DoorbellPolicy", "FunctionsReachDatabase"):
            self.assertIn(name, order.before("Migration"))

    def test_a_server_of_ones_own_has_a_way_to_the_database(self):
        resources = rendered("none")
        self.assertEqual({"Ref": "WebSecurityGroup"}, resources["WebReachesDatabase"]["Properties"]["SourceSecurityGroupId"])
        outputs = template_order.rendered(TRANSLATED, template_order.parameters("none"))["Outputs"]
        for name in ("DatabaseEndpoint", "DatabaseResourceId", "VpcId", "PrivateSubnetIds", "WebSecurityGroupId"):
            self.assertIn(name, outputs)

    def test_a_web_acl_is_in_front_of_either_platform(self):
        for way, name in (("app-runner", "AppRunnerWebAcl"), ("ecs-express", "EcsWebAcl")):
            self.assertNotIn(name, rendered(way))
            self.assertIn(name, rendered(way, **WEB_ACL))

    def test_a_budget_and_flow_logs_are_there_on_request(self):
        asked = rendered("ecs-express", MonthlyBudget="50", AlarmEmail="oncall@example.org", FlowLogs="true")
        for name in ("AccountBudget", "FlowLog", "FlowLogRole", "FlowLogGroup"):
            self.assertNotIn(name, rendered("ecs-express"))
            self.assertIn(name, asked)
        self.assertIn("oncall@example.org", json.dumps(asked["AccountBudget"]))

    def test_a_tag_that_releases_can_be_pushed_again(self):
        repository = load((ROOT / "ecr.yaml").read_text())
        for parameters, tags in (({}, ["prod", "dev"]), ({"ReleaseTag": "live", "SecondReleaseTag": "", "ThirdReleaseTag": "try"}, ["live", "try"])):
            properties = template_render.Rendering(repository, parameters).render()["Resources"]["Repository"]["Properties"]
            filters = properties["ImageTagMutabilityExclusionFilters"]
            self.assertEqual(tags, [one["ImageTagMutabilityExclusionFilterValue"] for one in filters])

    def test_each_weak_fact_has_a_name_of_its_own(self):
        text = (ROOT / "docs/deploy.md").read_text().split("## What rests on weak facts")[1]
        names = re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.M)
        self.assertEqual(len(re.findall(r"^\| (?!step|---|id)", text, re.M)), len(names), "a row without a name")
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 40)


if __name__ == "__main__":
    unittest.main()
