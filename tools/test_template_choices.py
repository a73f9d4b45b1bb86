#!/usr/bin/env python3
"""Tests which values the parameters of the template take, alone and together, and the files that set them.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import re
import tomllib
import unittest
import zoneinfo

import template_order
import template_render
from template import ROOT, load
from template_choices import DATABASE_GROUP, DATABASE_LOG, IMAGE, NIGHT, SUBNETS, VPC, WEB_ACL
from template_testing import APP_RUNNER, ECS_EXPRESS, LOCAL, SOURCE, TRANSLATED, RenderCase


class ChoicesTest(RenderCase):
    def test_choices_that_exclude_each_other_are_refused(self):
        table = [
            ({}, "WebPlatform=AppRunner and EcsExpress need ImageUri"),
            ({"WebPlatform": "None", "Network": "Existing"}, "Database=Aurora with Network=Existing needs VpcId and SubnetIds"),
            ({"WebPlatform": "None", "Database": "Existing", "Network": "Existing"}, "Database=Existing needs DatabaseHost"),
            ({"WebPlatform": "None", "Database": "Existing", "DatabaseHost": "db"}, "Database=Existing needs Network=Existing"),
            ({**LOCAL, "Doorbell": "Logs"}, "Doorbell=Logs with Database=Existing needs DatabaseLogGroup"),
            ({**LOCAL, "WebPlatform": "EcsExpress", **IMAGE}, "EcsExpress with Network=Existing needs VpcId"),
            ({**LOCAL, **SUBNETS}, "SubnetIds need VpcId"),
            ({**LOCAL, "VpcId": "vpc-0123456789abcdef0"}, "VpcId is for Network=Existing, together with SubnetIds"),
            ({**APP_RUNNER, **SUBNETS, **VPC, "Network": "Existing", "Doorbell": "PublicAddress"}, "Doorbell=PublicAddress with Aurora needs Network=Create"),
            ({**APP_RUNNER, "DatabaseSslMode": "require"}, "authenticate by IAM, for which DatabaseSslMode must be verify-full"),
            ({**LOCAL, "DatabaseResourceId": "cluster-ABC", "DatabaseSslMode": "disable"}, "DatabaseSslMode must be verify-full"),
            ({**APP_RUNNER, "MinCapacity": "2", "MaxCapacity": "1"}, "MinCapacity cannot be more than MaxCapacity"),
            ({**APP_RUNNER, "MinCapacity": "4", "MaxCapacity": "3"}, "MinCapacity cannot be more than MaxCapacity"),
            ({**APP_RUNNER, "MinCapacity": "8", "MaxCapacity": "6"}, "MinCapacity cannot be more than MaxCapacity"),
            ({**APP_RUNNER, "DatabaseHost": "db.example.org"}, "name an existing database and need Database=Existing"),
            ({**LOCAL, "DatabaseSnapshot": "before"}, "DatabaseSnapshot needs Database=Aurora"),
            ({**LOCAL, "ReleaseTag": "prod"}, "ReleaseTag needs ImageUri"),
            ({**ECS_EXPRESS, "CustomDomain": "www.example.org"}, "CustomDomain needs WebPlatform=AppRunner"),
            ({**APP_RUNNER, "PauseSchedule": "cron(0 20 * * ? *)"}, "a site that only pauses would never resume"),
            ({**APP_RUNNER, "ResumeSchedule": "cron(0 7 * * ? *)"}, "PauseSchedule and ResumeSchedule go together"),
            ({**APP_RUNNER, **NIGHT, "ResumeSchedule": "cron(0 20 * * ? *)"}, "cannot be the same time"),
            ({**ECS_EXPRESS, **NIGHT}, "PauseSchedule needs WebPlatform=AppRunner"),
            ({**LOCAL, **NIGHT}, "PauseSchedule needs WebPlatform=AppRunner"),
            ({**APP_RUNNER, **DATABASE_LOG}, "DatabaseLogGroup needs Database=Existing"),
            ({**LOCAL, **DATABASE_GROUP}, "DatabaseSecurityGroupId needs Database=Existing and VpcId"),
            ({**LOCAL, "FlowLogs": "true"}, "FlowLogs needs Network=Create"),
            ({**LOCAL, **WEB_ACL}, "WebAclArn needs WebPlatform=AppRunner or EcsExpress"),
            ({**APP_RUNNER, "MonthlyBudget": "50"}, "MonthlyBudget needs AlarmEmail"),
        ]
        for parameters, sentence in table:
            refusals = list(template_render.Rendering(TRANSLATED, parameters).refusals())
            self.assertIn(sentence, "\n".join(refusals), parameters)
        accepted = (
            APP_RUNNER,
            ECS_EXPRESS,
            LOCAL,
            {**LOCAL, "DatabaseSslMode": "disable"},
            {**LOCAL, "Doorbell": "Logs", **DATABASE_LOG},
            {**APP_RUNNER, "MinCapacity": "8", "MaxCapacity": "8"},
        )
        for parameters in accepted:
            self.assertEqual([], list(template_render.Rendering(TRANSLATED, parameters).refusals()))

    def test_every_capacity_that_may_be_chosen_is_compared(self):
        smallest, largest = (SOURCE["Parameters"][name]["AllowedValues"] for name in ("MinCapacity", "MaxCapacity"))
        for least in smallest:
            for most in largest:
                parameters = {**APP_RUNNER, "MinCapacity": str(least), "MaxCapacity": str(most)}
                refused = any(template_render.Rendering(TRANSLATED, parameters).refusals())
                self.assertEqual(least > most, refused, parameters)

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
                ["", WEB_ACL["WebAclArn"]],
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
        given = {**load(template_order.WAYS["existing"].read_text()), **IMAGE}
        refusals = list(template_render.Rendering(TRANSLATED, given).refusals())
        self.assertIn("Database=Existing needs DatabaseHost", refusals)


if __name__ == "__main__":
    unittest.main()
