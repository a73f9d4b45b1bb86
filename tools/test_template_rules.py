#!/usr/bin/env python3
"""Breaks a copy of the template in each way that the rules of template_rules.py guard against, and expects a sentence for it.

Run with the Python of .local/venv/tools, as `make template` does.
"""

import copy
import unittest

import template_rules
from template_testing import SOURCE, TEXT, RulesCase


class RulesTest(RulesCase):
    def test_the_template_itself_breaks_none(self):
        self.assertEqual([], template_rules.violations(copy.deepcopy(SOURCE), TEXT))

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

    def test_a_dead_letter_queue_without_an_alarm(self):
        def change(resources, _):
            del resources["DeliveryDeadLetterAlarm"]

        self.assert_breaks("DeliveryDeadLetterQueue receives failed work and has no alarm", change)

    def test_a_schedule_whose_failures_go_nowhere(self):
        def change(resources, _):
            del resources["PauseAtNight"]["Properties"]["Target"]["DeadLetterConfig"]
            del resources["NightFailureAlarm"]

        self.assert_breaks("PauseAtNight has no dead-letter queue", change)
        self.assert_breaks("NightFailureQueue receives failed work and has no alarm", change)

    def test_a_function_whose_failures_go_nowhere(self):
        def change(resources, _):
            del resources["ContentEventsFunction"]["Properties"]["EventInvokeConfig"]["DestinationConfig"]

        self.assert_breaks("ContentEventsFunction has no failure destination", change)

    def test_a_migration_without_an_alarm_on_its_errors(self):
        def change(resources, _):
            del resources["MigrationFailedAlarm"]

        self.assert_breaks("MigrateImageFunction has no failure destination", change)

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

    def test_a_creation_that_can_not_be_rolled_back(self):
        def bucket(resources, _):
            resources["MediaBucket"]["DeletionPolicy"] = "Retain"

        def parameter(_, template):
            template["Parameters"]["DeletionProtection"]["Default"] = "true"

        def always(resources, _):
            resources["DatabaseCluster"]["Properties"]["DeletionProtection"] = True

        self.assert_breaks("MediaBucket stays behind when its own creation is rolled back", bucket)
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

    def test_a_parameter_that_is_not_explained(self):
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
        self.assert_breaks("DeliveryAgeAlarm names docs/runbook.md#no-such-heading, which is not a heading there", change)
        self.assert_breaks("DatabaseAwakeAlarm does not notify AlarmTopic (AlarmActions)", change)

    def test_a_dropped_doorbell_without_an_alarm(self):
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

        self.assert_breaks("DeliveryAgeAlarm covers 648000 seconds, which CloudWatch does not allow with periods of 43200", longer)
        self.assert_breaks("FailedDoorbellAlarm covers 86700 seconds, which CloudWatch does not allow with periods of 300", shorter)
        self.assert_breaks("FailedDoorbellAlarm has more DatapointsToAlarm than EvaluationPeriods", more)

    def test_an_alarm_in_another_namespace(self):
        def change(_, template):
            template["Globals"]["Function"]["Environment"]["Variables"]["METRICS_NAMESPACE"] = "wagrun"

        def quiet(_, template):
            template["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"] = "WARN"

        self.assert_breaks("OldestEventAlarm uses the namespace", change)
        self.assert_breaks("ApplicationLogLevel WARN drops the functions' metrics", quiet)

    def test_a_function_that_can_not_reach_aws(self):
        def change(resources, _):
            del resources["MigrateFunction"]["Properties"]["VpcConfig"]["Fn::If"][1]["Ipv6AllowedForDualStack"]
            del resources["ContentEventsFunction"]["Properties"]["Environment"]["Variables"]["AWS_USE_DUALSTACK_ENDPOINT"]

        self.assert_breaks("MigrateFunction is in the VPC without Ipv6AllowedForDualStack", change)
        self.assert_breaks("ContentEventsFunction is in the VPC without AWS_USE_DUALSTACK_ENDPOINT", change)

    def test_a_reservation_without_a_parameter(self):
        def change(resources, _):
            resources["MigrateFunction"]["Properties"]["ReservedConcurrentExecutions"] = 1

        self.assert_breaks("MigrateFunction reserves concurrency", change)

    def test_a_choice_without_a_row(self):
        def change(_, template):
            del template["Mappings"]["PlatformDomains"]["None"]

        self.assert_breaks("mapping PlatformDomains has no row None, which AppRunnerService may look up", change)

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


if __name__ == "__main__":
    unittest.main()
