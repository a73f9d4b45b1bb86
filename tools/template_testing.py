"""The template, and the parts that the tests of template.yaml share."""

import copy
import unittest

import template_render
import template_rules
from template import TEMPLATE, load, translate, unfold
from template_choices import EXISTING, IMAGE

TEXT = TEMPLATE.read_text()
SOURCE = unfold(load(TEXT))
TRANSLATED = translate(unfold(load(TEXT)), {})

# The parameters of four stacks.
APP_RUNNER = IMAGE
ECS_EXPRESS = {**IMAGE, "WebPlatform": "EcsExpress"}
NO_WEB = {**IMAGE, "WebPlatform": "None"}
LOCAL = {"WebPlatform": "None", **EXISTING, "SiteDirectory": "/srv/site", "MigrateOnDeploy": "false", "Monitoring": "None"}


class RulesCase(unittest.TestCase):
    """A test that breaks a copy of the template, and expects a rule to report it."""

    def assert_breaks(self, sentence, change):
        template = copy.deepcopy(SOURCE)
        change(template["Resources"], template)
        self.assertIn(sentence, "\n".join(template_rules.violations(template, TEXT)))


class RenderCase(unittest.TestCase):
    """A test that renders the template with parameters."""

    def rendered(self, parameters):
        found, rendered = template_render.check(TRANSLATED, parameters)
        self.assertEqual([], found)
        return rendered
