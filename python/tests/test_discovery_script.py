"""The script that migrate runs in `manage.py shell`, of the same files, with no package of wagrun to import."""

import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import SkipTest, mock

from django.test import TransactionTestCase
from tests.shop.models import User
from wagrun.discovery.report import report

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "functions/migrate/src/discovery.rs"
if not PROGRAM.exists():
    raise SkipTest("the package alone has no migrate")


def script():
    """Returns the files that discovery.rs has, without that which migrates."""
    names = re.findall(r'include_str!\("([^"]+)"\)', PROGRAM.read_text())
    return "".join((PROGRAM.parent / name).read_text() for name in names if name == "answer.py" or "discovery/" in name)


class ScriptTest(TransactionTestCase):
    def answer(self):
        output, errors = StringIO(), StringIO()
        # A site without the package: its import fails.
        with mock.patch.dict(sys.modules, {"wagrun": None}), redirect_stdout(output), redirect_stderr(errors):
            exec(compile(script(), "shell", "exec"), {"__name__": "django.core.management.commands.shell"})
        (line,) = [line for line in output.getvalue().splitlines() if line]
        marker, _, answer = line.partition(" ")
        self.assertEqual(marker, "WAGRUN-DISCOVERY")
        return json.loads(answer), errors.getvalue()

    def test_it_finds_the_tables_that_the_command_tells_of(self):
        answer, errors = self.answer()
        told = {part.table for entry in report().watched for part in entry.parts}
        told |= {entry.table for entry in report().watched}
        self.assertEqual({table["table"] for table in answer["tables"]}, told)
        self.assertIn("url_patterns: shop.campaignpage computes its URLs itself", errors)

    def test_it_knows_the_superuser_and_the_table_of_users(self):
        self.assertFalse(self.answer()[0]["has_superuser"])
        User.objects.create_superuser("root", password="secret")
        answer, _ = self.answer()
        self.assertTrue(answer["has_superuser"])
        self.assertEqual(answer["user"], {"table": "shop_user", "key_column": "id", "name_column": "username"})
        self.assertEqual(answer["url_patterns"]["is_i18n"], True)

    def test_shared_tags_are_told_apart_by_content_type(self):
        answer, _ = self.answer()
        (tags,) = [table for table in answer["tables"] if table["table"] == "taggit_taggeditem"]
        owners = {owner["model"] for owner in tags["owners"].values()}
        self.assertEqual(owners, {"shop.picture", "wagtaildocs.document"})
        self.assertTrue(all(key.isdigit() for key in tags["owners"]))

    def test_names_of_the_files_do_not_collide(self):
        defined = re.findall(r"^(?:def|class) (\w+)|^([A-Z_]+) = ", script(), re.MULTILINE)
        names = [one or other for one, other in defined]
        self.assertEqual(sorted(names), sorted(set(names)))
