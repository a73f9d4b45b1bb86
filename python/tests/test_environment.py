"""Tests of single environment variables."""

import os
from unittest import TestCase, mock

from django.core.exceptions import ImproperlyConfigured

from wagrun.environment import boolean, comma_list, one_of, optional, required


@mock.patch.dict(os.environ, {"EMPTY": "", "NAME": "value", "LIST": "a, b,,", "TYPO": "yes"}, clear=True)
class EnvironmentTest(TestCase):
    def test_a_missing_variable_is_named(self):
        for name in ("ABSENT", "EMPTY"):
            with self.assertRaisesRegex(ImproperlyConfigured, f"environment variable {name} is not set"):
                required(name)

    def test_an_empty_variable_counts_as_absent(self):
        self.assertEqual(optional("EMPTY", "default"), "default")
        self.assertEqual(required("NAME"), "value")

    def test_a_boolean_is_spelled_out(self):
        self.assertTrue(boolean("ABSENT", default=True))
        with self.assertRaisesRegex(ImproperlyConfigured, "environment variable TYPO"):
            boolean("TYPO", default=False)

    def test_a_choice_is_spelled_out(self):
        self.assertEqual(one_of("ABSENT", ("a", "b"), "a"), "a")
        with self.assertRaisesRegex(ImproperlyConfigured, "TYPO: 'yes', expected a or b"):
            one_of("TYPO", ("a", "b"), "a")

    def test_a_comma_list_has_no_blanks(self):
        self.assertEqual(comma_list("LIST"), ["a", "b"])
        self.assertEqual(comma_list("ABSENT"), [])
