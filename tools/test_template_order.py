#!/usr/bin/env python3
"""Breaks a copy of the template in each way that the rules of template_order.py guard against, and expects a sentence for it.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import copy
import unittest

import template_order
from template import TEMPLATE, load, translate, unfold

TRANSLATED = translate(unfold(load(TEMPLATE.read_text())), {})


class OrderTest(unittest.TestCase):
    def broken(self, change, way="app-runner", **more):
        translated = copy.deepcopy(TRANSLATED)
        change(translated["Resources"])
        return template_order.violations(template_order.rendered(translated, {**template_order.parameters(way), **more}))

    def assert_breaks(self, sentence, change, **more):
        self.assertIn(sentence, self.broken(change, **more))

    def test_the_template_itself_breaks_none(self):
        for way in template_order.WAYS:
            self.assertEqual([], self.broken(lambda resources: None, way), way)

    def test_events_that_are_published_without_a_subscription(self):
        def change(resources):
            for name in ("ContentEventsFunction", "DeliverFunction", "ReleaseFunction"):
                resources[name]["DependsOn"] = ["EventTopicPolicy"]

        for name in ("ContentEventsFunction", "DeliverFunction", "ReleaseFunction"):
            sentence = f"{name} may publish to EventTopic before EventQueueSubscription is there, and after it is gone"
            self.assert_breaks(sentence, change, ReleaseTag="prod")

    def test_events_that_the_topic_refuses(self):
        def change(resources):
            resources["ContentEventsFunction"]["DependsOn"] = ["EventQueueSubscription"]

        self.assert_breaks("ContentEventsFunction may publish to EventTopic before EventTopicPolicy is there, and after it is gone", change)

    def test_events_that_the_queue_refuses(self):
        def subscription(resources):
            del resources["EventQueueSubscription"]["DependsOn"]

        def rule(resources):
            del resources["ReleasePushRule"]["DependsOn"]

        def alarms(resources):
            del resources["OldestEventAlarm"]["DependsOn"]

        self.assert_breaks("EventQueueSubscription sends to EventQueue before EventQueuePolicy lets it in, and after it is gone", subscription)
        self.assert_breaks("ReleasePushRule sends to ReleaseQueue before ReleaseQueuePolicy lets it in, and after it is gone", rule, ReleaseTag="prod")
        self.assert_breaks("OldestEventAlarm sends to AlarmTopic before AlarmTopicPolicy lets it in, and after it is gone", alarms)

    def test_a_queue_that_goes_before_who_writes_to_it(self):
        def change(resources):
            # A queue that is named by its name alone.
            policy = resources["DeliverRole"]["Properties"]["Policies"].pop()
            resources["DeliverPolicy"] = {
                "Type": "AWS::IAM::RolePolicy",
                "Properties": {"RoleName": {"Ref": "DeliverRole"}, "PolicyName": "deliver", "PolicyDocument": policy["PolicyDocument"]},
            }
            resources["DeliverFunction"]["Properties"]["Environment"]["Variables"].pop("DELIVERY_DEAD_LETTER_QUEUE_URL")
            resources["DeliveryQueue"]["Properties"].pop("RedrivePolicy")

        self.assert_breaks("DeliveryDeadLetterQueue is deleted before DeliverFunction, which writes to it", change)

    def test_a_sweep_before_the_migration(self):
        def change(resources):
            resources["ContentEventsFunctionSweep"]["Properties"]["Description"] = "Looks."

        def no_way_out(resources):
            del resources["ContentEventsFunction"]["Metadata"]

        self.assert_breaks("ContentEventsFunctionSweep fires before Migration is there", change)
        for name in template_order.NETWORK_PATHS:
            self.assert_breaks(f"ContentEventsFunctionSweep fires before {name} is there", no_way_out, MigrateOnDeploy="false")

    def test_a_schedule_before_its_role_may_anything(self):
        def change(resources):
            policy = resources["ScheduleRole"]["Properties"]["Policies"].pop()
            resources["SchedulePolicy"] = {
                "Type": "AWS::IAM::RolePolicy",
                "Properties": {"RoleName": {"Ref": "ScheduleRole"}, "PolicyName": "schedules", "PolicyDocument": policy["PolicyDocument"]},
            }

        self.assert_breaks("LogRetentionFunctionSchedule fires before SchedulePolicy is there", change)

    def test_a_database_that_may_not_ring_yet(self):
        def change(resources):
            resources["Migration"]["Properties"]["WayOfRings"] = []

        self.assert_breaks("Migration comes before DoorbellPolicy, without which DoorbellRole allows nothing", change)

    def test_a_stack_name_is_refused_before_the_database_is_created(self):
        order = template_order.Order(template_order.rendered(TRANSLATED, template_order.parameters("ecs-express")))
        for name in ("DatabaseCluster", "AuroraLogGroup", "AuroraAuthenticationLogGroup"):
            self.assertIn("StackNameIsLowerCase", order.before(name))
        self.assertEqual(set(), order.waits["StackNameIsLowerCase"])

    def test_each_step_waits_for_steps_before_it_alone(self):
        order = template_order.Order(template_order.rendered(TRANSLATED, template_order.parameters("ecs-express")))
        seen = set()
        for step in order.steps():
            for name in step:
                self.assertLessEqual(order.waits[name], seen, name)
            seen |= set(step)
        self.assertEqual(set(order.resources), seen)


if __name__ == "__main__":
    unittest.main()
