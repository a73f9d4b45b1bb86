#!/usr/bin/env python3
"""Tests the rendering of the template: the order of creation that it implies, and the faults that it reports.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import copy
import unittest

import template_render
from template_testing import APP_RUNNER, ECS_EXPRESS, LOCAL, TRANSLATED, RenderCase


class RenderTest(RenderCase):
    def test_migrations_come_after_the_database_and_before_the_site(self):
        for parameters, service in ((APP_RUNNER, "AppRunnerService"), (ECS_EXPRESS, "EcsService")):
            rendered = self.rendered(parameters)
            self.assertTrue(template_render.is_created_before(rendered, "Migration", service), service)
            for needed in ("DatabaseInstance", "FunctionsReachDatabase", "S3Endpoint", "PrivateRoutesOfSubnetB"):
                self.assertTrue(template_render.is_created_before(rendered, needed, "Migration"), needed)

    def test_the_doorbell_works_before_the_first_trigger_is_attached(self):
        waits = {
            "LambdaEndpoint": ("DoorbellPolicy", "LambdaEndpoint", "DatabaseRingsAtEndpoint", "DoorbellLines"),
            "PublicAddress": ("DoorbellPolicy", "DatabaseRoute", "DoorbellLines"),
            "Logs": ("DoorbellLines",),
        }
        for doorbell, needed in waits.items():
            rendered = self.rendered({**APP_RUNNER, "Doorbell": doorbell})
            for name in needed:
                self.assertTrue(template_render.is_created_before(rendered, name, "Migration"), name)

    def test_the_site_can_reach_its_database_when_it_starts(self):
        for parameters, service in ((APP_RUNNER, "AppRunnerService"), (ECS_EXPRESS, "EcsService")):
            rendered = self.rendered({**parameters, "MigrateOnDeploy": "false"})
            self.assertTrue(template_render.is_created_before(rendered, "WebReachesDatabase", service), service)
        self.assertTrue(template_render.is_created_before(rendered, "LoadBalancerReachesWeb", "EcsService"))

    def test_routes_come_before_what_looks_at_them(self):
        rendered = self.rendered(ECS_EXPRESS)
        for needed in ("PublicRoute", "PublicRoutesOfSubnetA", "PublicRoutesOfSubnetB"):
            self.assertTrue(template_render.is_created_before(rendered, needed, "EcsService"), needed)
        rendered = self.rendered({**APP_RUNNER, "Doorbell": "PublicAddress"})
        self.assertTrue(template_render.is_created_before(rendered, "DatabaseRoute", "DatabaseInstance"))

    def test_the_domain_comes_after_the_service_and_only_when_asked(self):
        rendered = self.rendered({**APP_RUNNER, "CustomDomain": "www.example.org"})
        self.assertTrue(template_render.is_created_before(rendered, "AppRunnerService", "Domain"))
        self.assertEqual("www.example.org", rendered["Resources"]["Domain"]["Properties"]["DomainName"])
        self.assertNotIn("CustomDomainFunction", self.rendered(APP_RUNNER)["Resources"])

    def test_a_reference_to_what_a_condition_leaves_out(self):
        translated = copy.deepcopy(TRANSLATED)
        translated["Resources"]["S3Endpoint"]["Properties"]["RouteTableIds"].append({"Ref": "PublicRoutes"})
        found, _ = template_render.check(translated, APP_RUNNER)
        self.assertEqual(["S3Endpoint names PublicRoutes, which is not there"], found)

    def test_a_condition_that_no_combination_tries(self):
        template = {"Conditions": {"A": None, "B": None}}
        outcomes = {("A", True), ("A", False), ("B", False)}
        self.assertEqual(["condition B is true in no combination; EXTRAS lacks a parameter"], list(template_render.constant_conditions(template, outcomes)))

    def test_a_misspelled_condition(self):
        translated = copy.deepcopy(TRANSLATED)
        translated["Resources"]["S3Endpoint"]["Condition"] = "CreatesNetwrk"
        self.assertEqual((["no condition CreatesNetwrk"], None), template_render.check(translated, APP_RUNNER))

    def test_two_resources_that_wait_for_each_other(self):
        translated = copy.deepcopy(TRANSLATED)
        translated["Resources"]["DoorbellRole"]["Properties"]["Description"] = {"Ref": "ContentEventsFunction"}
        found, _ = template_render.check(translated, APP_RUNNER)
        self.assertEqual(1, len(found))
        self.assertIn("waits for another one of them", found[0])
        self.assertIn("DoorbellRole", found[0])

    def test_a_property_that_does_not_exist(self):
        rendered = self.rendered(LOCAL)
        rendered["Resources"]["EventQueue"]["Properties"]["Retention"] = 1
        self.assertIn("E3002", "\n".join(template_render.lint_problems(rendered)))


if __name__ == "__main__":
    unittest.main()
