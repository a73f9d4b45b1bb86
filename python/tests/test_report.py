"""The answer of `manage.py wagrun` about a site. A SimpleTestCase forbids every connection to a database."""

import json
from io import StringIO
from unittest import mock

from django.core.management import call_command
from django.db.backends.signals import connection_created
from django.test import SimpleTestCase
from wagrun.discovery import report as module
from wagrun.discovery.report import report


def command(*arguments):
    output = StringIO()
    call_command("wagrun", *arguments, stdout=output)
    return output.getvalue()


class WatchedTest(SimpleTestCase):
    def setUp(self):
        self.watched = {entry.model: entry for entry in report().watched}

    def test_every_kind_of_content_is_watched(self):
        kinds = {
            model: (entry.kind, entry.subject) for model, entry in self.watched.items() if model.startswith("shop.")
        }
        expected = {
            "shop.ProductPage": ("page", "page"),
            "shop.CampaignPage": ("page", "page"),
            "shop.Picture": ("image", "image"),
            "shop.Maker": ("snippet", "shop.maker"),
            "shop.ShopSettings": ("table", "shop.shopsettings"),
            "shop.Brand": ("table", "shop.brand"),
        }
        self.assertEqual(kinds, expected)
        self.assertIn("wagtailcore.Page", self.watched)
        self.assertIn("wagtailredirects.Redirect", self.watched)

    def test_parts_are_those_of_their_object(self):
        page = self.watched["shop.ProductPage"]
        self.assertEqual(
            sorted((part.field, part.model) for part in page.parts),
            [("makers", "shop.ProductPage_makers"), ("offers", "shop.Discount"), ("offers", "shop.Offer")],
        )
        self.assertEqual([part.field for part in self.watched["shop.Picture"].parts], ["tags"])

    def test_values_that_are_too_large_or_secret_are_named(self):
        self.assertEqual(self.watched["shop.ProductPage"].withheld, ["body"])
        self.assertEqual(self.watched["shop.ShopSettings"].withheld, ["payment_token"])

    def test_a_page_type_without_a_url_is_named(self):
        self.assertEqual([model for model, entry in self.watched.items() if not entry.has_url], ["shop.CampaignPage"])


class NotWatchedTest(SimpleTestCase):
    def test_each_has_its_reason(self):
        reasons = {entry.model: entry.reason for entry in report().not_watched}
        self.assertIn("WatchedTables=shop_order", reasons["shop.Order"])
        self.assertEqual(reasons["shop.OpenOrder"], "is a proxy of shop.Order, which is not watched")
        self.assertIn("unmanaged", reasons["shop.Warehouse"])
        self.assertEqual(reasons["shop.User"], "is about accounts and rights")
        self.assertEqual(reasons["shop.PictureRendition"], "is made from an image")
        self.assertEqual(reasons["wagtailforms.FormSubmission"], "is what visitors send")
        self.assertEqual(reasons["wagtailcore.PageLogEntry"], "is a log")
        self.assertEqual(reasons["wagtailcore.Comment"], "is work on content, before it is content")
        self.assertIn("WatchedTables=taggit_tag", reasons["taggit.Tag"])

    def test_a_site_with_a_router_is_told_which_models_are_elsewhere(self):
        with self.settings(DATABASE_ROUTERS=["tests.test_report.Elsewhere"]):
            reasons = {entry.model: entry.reason for entry in report().not_watched}
        self.assertIn("DATABASE_ROUTERS", reasons["shop.Maker"])
        # The own row of such an object is in a table that migrate does not see.
        self.assertEqual(reasons["shop.ProductPage"], "is a subclass of wagtailcore.Page")

    def test_no_model_is_forgotten(self):
        found = report()
        named = [entry.model for entry in [*found.watched, *found.not_watched]]
        named += [part.model for entry in found.watched for part in entry.parts]
        from django.apps import apps

        self.assertEqual({model._meta.label for model in apps.get_models()} - set(named), set())


class Elsewhere:
    def allow_migrate(self, alias, app, model_name=None, **hints):
        return model_name not in ("maker", "page")


class CommandTest(SimpleTestCase):
    def test_people_read_what_is_watched_and_what_not(self):
        text = command()
        self.assertIn("  snippet\n    shop.Maker (shop_maker)\n", text)
        self.assertIn("      with offers, makers\n", text)
        self.assertIn("      changed, but without a value: body\n", text)
        self.assertIn("      computes its URLs itself: its events have no url\n", text)
        self.assertIn("  shop.Order is no page, image", text)
        self.assertNotIn("wagtailcore.PageLogEntry", text)
        self.assertIn("--all lists these", text)
        self.assertIn("  wagtailcore.PageLogEntry is a log.\n", command("--all"))

    def test_programs_read_json(self):
        answer = json.loads(command("--json"))
        (maker,) = [entry for entry in answer["watched"] if entry["model"] == "shop.Maker"]
        self.assertEqual(
            maker,
            {
                "model": "shop.Maker",
                "kind": "snippet",
                "subject": "shop.maker",
                "table": "shop_maker",
                "withheld": [],
                "parts": [],
                "has_url": True,
            },
        )
        self.assertEqual(answer["notes"], [])

    def test_a_connection_of_the_sites_own_code_is_named(self):
        def connect():
            connection_created.send(sender=None, connection=mock.Mock(alias="default", vendor="sqlite"))
            return report()

        with mock.patch("wagrun.management.commands.wagrun.report", connect):
            self.assertIn("has opened a connection to the database 'default'", command())

    def test_without_a_driver_for_postgresql_it_says_what_it_cannot_know(self):
        with mock.patch.object(module, "postgresql_connection", return_value=None):
            text = command()
        self.assertIn("No driver for PostgreSQL is installed", text)
        self.assertNotIn("without a value", text)
