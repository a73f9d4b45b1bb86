"""What the deployment relies on; none of it needs a database."""

import os
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase

from website.environment import boolean, comma_list, optional, required


class HealthTest(SimpleTestCase):
    # SimpleTestCase fails a test that opens a database connection, which is half of what is shown here.

    def test_it_answers_under_any_name_without_the_database(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]):
            response = self.client.get("/health/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual((response.status_code, response.content), (200, b"ok\n"))
        self.assertNotIn("Set-Cookie", response.headers)

    def test_every_other_path_still_checks_the_name(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]):
            response = self.client.get("/healthy/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual(response.status_code, 400)


@mock.patch.dict(os.environ, {"EMPTY": "", "NAME": "value", "LIST": "a, b,,", "TYPO": "yes"}, clear=True)
class EnvironmentTest(SimpleTestCase):
    def test_a_missing_variable_is_named(self):
        for name in ("ABSENT", "EMPTY"):
            with self.assertRaisesMessage(ImproperlyConfigured, f"environment variable {name} is not set"):
                required(name)

    def test_an_empty_variable_counts_as_absent(self):
        self.assertEqual(optional("EMPTY", "default"), "default")
        self.assertEqual(required("NAME"), "value")

    def test_a_boolean_is_spelled_out(self):
        self.assertTrue(boolean("ABSENT", default=True))
        with self.assertRaisesMessage(ImproperlyConfigured, "environment variable TYPO"):
            boolean("TYPO", default=False)

    def test_a_comma_list_has_no_blanks(self):
        self.assertEqual(comma_list("LIST"), ["a", "b"])
        self.assertEqual(comma_list("ABSENT"), [])
